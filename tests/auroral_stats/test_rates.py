"""Everything beside a rate, against loops over cells that share no code with it."""

import numpy as np
import pytest

from auroral_stats.labels import CLASSES
from auroral_stats.rates import RateOptions, plain_rate, rates

USABLE = [0, 1, 2, 5]
LOST = [3, 4]
LABELS = ("arc", "diffuse", "discrete", "clear")


@pytest.fixture(scope="module")
def made(cells_maker):
    return cells_maker()


def winter_begun(night):
    """The year in which a winter began, from July on, by calendar arithmetic in text."""
    year, month, _ = str(night.astype("M8[D]")).split("-")
    return int(year) if int(month) >= 7 else int(year) - 1


@pytest.mark.parametrize("denominator", ["usable", "all"])
def test_support_equals_a_loop(made, denominator):
    cells, night = made
    result = rates(cells, RateOptions(LABELS, denominator))
    counts, row = cells.data["counts"].to_numpy(), cells.data["bin_index"].to_numpy()
    site = cells.data["site_index"].to_numpy()
    minutes = cells.data["usable_minutes"].to_numpy()
    base = counts[:, USABLE].sum(axis=1) if denominator == "usable" else counts.sum(axis=1)
    for k in range(result.sizes["bin"]):
        own = [i for i in range(row.size) if row[i] == k]
        by_night = {}
        for i in own:
            by_night[night[i]] = by_night.get(night[i], 0) + int(base[i])
        seen = {n: frames for n, frames in by_night.items() if frames}
        at = result.isel(bin=k)
        assert int(at["nights"]) == len(seen) > 3
        assert int(at["winters"]) == len({winter_begun(n) for n in seen}) == 3
        assert int(at["sites"]) == len({site[i] for i in own if minutes[i]}) <= 5
        expected = sum(seen.values()) ** 2 / sum(f * f for f in seen.values())
        assert float(at["effective_nights"]) == pytest.approx(expected, rel=1e-12)
        assert float(at["usable_hours"]) == pytest.approx(sum(minutes[i] for i in own) / 60)
        dark, lost = counts[own].sum(), counts[own][:, LOST].sum()
        assert float(at["availability"]) == pytest.approx((dark - lost) / dark)
        for name in LABELS:
            events = counts[:, CLASSES.index(name)]
            total = sum(int(events[i]) for i in own)
            cell = at.sel(label=name)
            assert int(cell["event_nights"]) == len({night[i] for i in own if events[i]})
            assert int(cell["events"]) == total
            assert int(cell["exposure"]) == sum(seen.values())
            assert float(cell["bound_low"]) == pytest.approx(total / dark)
            assert float(cell["bound_high"]) == pytest.approx((total + lost) / dark)
            assert float(cell["bound_high"]) > float(cell["bound_low"]) + 0.02


def test_a_winter_is_not_a_calendar_year(cells_maker):
    cells, night = cells_maker(winters=1, nights=40)
    assert {str(n)[:4] for n in night} == {"2010", "2011"}
    assert (rates(cells, RateOptions(LABELS))["winters"] == 1).all()


def test_sites_are_counted_once(cells_maker):
    cells, _ = cells_maker(sites=2, size=300)
    assert rates(cells, RateOptions(LABELS))["sites"].to_numpy().tolist() == [2] * 6


def test_limits_of_the_table_as_a_whole(made, slow_limits):
    cells, night = made
    result = rates(cells, RateOptions(LABELS))
    counts = cells.data["counts"].to_numpy().astype(float)
    usable = counts[:, USABLE].sum(axis=1)
    for name in LABELS:
        events = counts[:, CLASSES.index(name)]
        low, high = slow_limits(
            night,
            [(events, usable)],
            lambda keep, events=events: events[keep].sum() / usable[keep].sum(),
        )
        over_all = result.sel(label=name)
        assert float(over_all["overall_low"]) == pytest.approx(low, rel=1e-9)
        assert float(over_all["overall_high"]) == pytest.approx(high, rel=1e-9)
        assert low < float(over_all["overall_rate"]) < high


@pytest.mark.parametrize("nights", [40, 200])
def test_limits_of_rates_and_contrasts_equal_a_loop(cells_maker, slow_limits, nights):
    """One bin holds most frames, so that what it is compared with has fewer nights than itself."""
    cells, night = cells_maker(nights=nights, size=500, rows=(0.04, 0.85, 0.04), seed=nights)
    result = rates(cells, RateOptions(("discrete",))).isel(label=0)
    counts, row = cells.data["counts"].to_numpy().astype(float), cells.data["bin_index"].to_numpy()
    arcs, usable = counts[:, CLASSES.index("discrete")], counts[:, USABLE].sum(axis=1)
    missing = result.sizes["bin"] - 1
    for k in range(missing):
        own, other = row == k, (row != k) & (row != missing)

        def rate(keep, of):
            return arcs[keep & of].sum() / usable[keep & of].sum()

        masked = [(arcs * of, usable * of) for of in (own, other, row >= 0)]
        found = {
            "ci": (slow_limits(night, masked[:1], lambda keep, own=own: rate(keep, own))),
            "risk_ratio": slow_limits(
                night,
                masked[:2],
                lambda keep, own=own, other=other: rate(keep, own) / rate(keep, other),
                scale="log",
            ),
            "lift": slow_limits(
                night,
                [masked[0], masked[2]],
                lambda keep, own=own: rate(keep, own) / rate(keep, row >= 0),
                scale="log",
            ),
        }
        cell = result.isel(bin=k)
        for name, limits in found.items():
            ours = [float(cell[f"{name}_low"]), float(cell[f"{name}_high"])]
            np.testing.assert_allclose(ours, limits, rtol=1e-8, err_msg=f"{name} of bin {k}")
        everything = np.ones(row.size, dtype=bool)
        assert float(cell["risk_ratio"]) == pytest.approx(
            rate(everything, own) / rate(everything, other)
        )
    assert np.isnan(result["risk_ratio"][missing])


@pytest.mark.parametrize("denominator", ["usable", "all", "reverse"])
def test_a_plain_rate_is_the_rate(made, denominator):
    cells, _ = made
    options = RateOptions(("arc", "clear"), denominator)
    np.testing.assert_array_equal(plain_rate(cells, options), rates(cells, options)["rate"])


def test_reverse_rates_share_out_each_class(made):
    cells, _ = made
    result = rates(cells, RateOptions(("arc", "cloudy"), "reverse"))
    np.testing.assert_allclose(result["rate"].sum("bin"), 1.0)
    total = cells.data["counts"].to_numpy().sum(axis=0)
    np.testing.assert_array_equal(result["exposure"], np.broadcast_to(total[[0, 3]], (6, 2)))
