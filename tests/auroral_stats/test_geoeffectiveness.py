"""Geoeffectiveness against pandas, and the confounding that nobody would see."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.covariates import (
    COVARIATES,
    SiteMinutes,
    covariate_values,
    driver_before,
    find_covariate,
)
from auroral_stats.drivers import DRIVERS, Driver, newell, register_driver
from auroral_stats.errors import DataError, UsageError
from auroral_stats.forms import forms
from auroral_stats.gate import Gate
from auroral_stats.geoeffectiveness import geoeffectiveness
from auroral_stats.labels import AURORAL, CLASSES
from auroral_stats.matching import arm_table, match, risk_ratio
from auroral_stats.measures import MEASURES, find_measure, measure_at
from auroral_stats.strata import quantile_codes, stratum_numbers

OPEN = Gate(min_nights=1, min_hours=0, min_winters=1, min_sites=1)


def slow_process(rng, size, steps):
    value, keep = np.zeros(size), np.exp(-1 / steps)
    noise = rng.normal(0, np.sqrt(1 - keep**2), size)
    for k in range(1, size):
        value[k] = keep * value[k - 1] + noise[k]
    return value


def draw_forms(rng, time, push):
    """Return the form of each minute: runs of 5 to 20 min, each of another form than the last."""
    form, last, k = np.empty(time.size, dtype=int), 3, 0
    while k < time.size:
        chance = np.exp([0.0, -0.3 * push[k], 1.2 * push[k], -0.8 - push[k]])
        chance[last] = 0
        last = rng.choice(4, p=chance / chance.sum())
        length = rng.integers(5, 21)
        form[k : k + length] = last
        k += length
    return form


def make_ground(
    *, nights=60, sites=("gill",), hours=5, effect=0.0, seed=0, gap=None, confounded=True
) -> xr.Dataset:
    """Return joined data in which the solar wind rules both the form and the disturbance.

    dB_h is exp(3.8 + 0.6 z + effect (discrete) + noise), with z the driver before; AE follows both dB_h
    and the form, as an index made from the same currents does.
    """
    rng = np.random.default_rng(seed)
    winters = [f"{2012 + w}-12-01" for w in range(3)]
    first = [np.datetime64(w, "m") for w in winters]
    days = np.concatenate([f + np.arange(nights // 3) * np.timedelta64(1, "D") for f in first])
    dense = np.concatenate([d + np.arange(-6 * 60, 8 * 60) for d in days])
    dense = np.unique(dense)
    z = slow_process(rng, dense.size, 150.0)
    speed, by = np.full(dense.size, 450.0), np.zeros(dense.size)
    bz = -np.exp(0.6 * z) * 3
    # The ionosphere answers to what passed the nose 10 to 40 min ago.
    push = pd.Series(z).rolling(30).mean().shift(10).bfill().to_numpy()
    time = np.concatenate([d + np.arange(hours * 60) for d in days])
    at = np.searchsorted(dense, time)
    number = len(sites)
    frames = np.zeros((time.size, number, len(CLASSES)), dtype=np.uint8)
    form = np.empty((time.size, number), dtype=int)
    names = [CLASSES.index(c) for c in (*AURORAL, "clear")]
    mag = np.full((dense.size, number, 3), np.nan, dtype=np.float32)
    ae = np.zeros(dense.size)
    for site in range(number):
        form[:, site] = draw_forms(rng, time, push[at] * confounded)
        frames[np.arange(time.size), site, np.array(names)[form[:, site]]] = 20
        noise = 0.6 * slow_process(rng, dense.size, 20.0)
        size = 3.8 + 0.6 * push + noise
        discrete = np.zeros(dense.size)
        discrete[at] = form[:, site] == 2
        size = size + effect * discrete
        mag[:, site, 0] = 10_000 - np.exp(size)
        mag[:, site, 1] = 0.0
        mag[:, site, 2] = 50_000
        ae += np.exp(size) * np.exp(0.4 * discrete) / number
    ae *= np.exp(rng.normal(0, 0.2, ae.size))
    if gap is not None:
        mag[gap] = np.nan
    base = np.zeros((3, *mag.shape), dtype=np.float32)
    base[..., 0], base[..., 2] = 10_000, 50_000
    base[1, ..., 0] -= 20
    shape = (time.size, number)
    fraction = ((time - time.astype("M8[D]")) / np.timedelta64(1, "h")).astype(float)
    data = xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -30.0, np.float32)),
            "moon_elevation": (("time", "site"), np.full(shape, -10.0, np.float32)),
            "moon_illumination": ("time", np.full(time.size, 0.5, np.float32)),
            "mlt": (
                ("time", "site"),
                np.repeat(np.mod(fraction - 3, 24)[:, None], number, axis=1).astype(np.float32),
            ),
            "mlat": (("time", "site"), np.full(shape, 66.0, np.float32)),
            "Bz": ("driver_time", bz),
            "By": ("driver_time", by),
            "flow_speed": ("driver_time", speed),
            "AE": ("driver_time", ae),
            "mag": (("mag_time", "site", "component"), mag),
            "mag_baseline": (("baseline", "mag_time", "site", "component"), base),
            "pi2": (("mag_time", "site"), np.exp(mag[..., 0] * 0 + 1)),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": list(sites),
            "label": list(CLASSES),
            "driver_time": dense.astype("M8[ns]"),
            "mag_time": dense.astype("M8[ns]"),
            "component": ["H", "D", "Z"],
            "baseline": ["running", "day", "median"],
            "mag_station": ("site", list(sites)),
        },
        attrs={"simulated": "true", "labels_source": "import:test", "mag_files": "none"},
    )
    data["driver_time"].attrs["cadence_minutes"] = 1
    data["mag_time"].attrs["cadence_minutes"] = 1
    return data


@pytest.fixture(scope="module")
def ground():
    return make_ground()


@pytest.fixture(scope="module")
def two_sites():
    return make_ground(nights=6, sites=("gill", "fsmi"), hours=3, seed=3, effect=0.7)


def slow_table(data):
    """Return one row a site-minute with form, start of its run, dB_h and covariates, by pandas."""
    frames = data["frames"].transpose("time", "site", "label").to_numpy()
    mag = data["mag"].to_numpy() - data["mag_baseline"].sel(baseline="running").to_numpy()
    size = pd.DataFrame(
        np.hypot(mag[..., 0], mag[..., 1]), index=data["mag_time"].to_numpy()
    ).astype(float)
    coupling = pd.Series(
        newell(*(data[n].to_numpy() for n in ("flow_speed", "By", "Bz"))),
        index=data["driver_time"].to_numpy(),
    )
    minute = pd.Timedelta("1min")
    rows = []
    for site in range(data.sizes["site"]):
        last, start = None, None
        for k, time in enumerate(pd.DatetimeIndex(data["time"].to_numpy())):
            label = CLASSES[int(frames[k, site].argmax())]
            if last is None or label != last[1] or time - last[0] > 2 * minute:
                start = time
            last = (time, label)
            window = [start - j * minute for j in range(11, 41)]
            rows.append(
                {
                    "time": time,
                    "site": site,
                    "form": label,
                    "mlt": int(data["mlt"].to_numpy()[k, site]),
                    "month": time.month,
                    "start": start,
                    "dB": size[site].get(time),
                    "newell": coupling.reindex(window).mean(),
                    "dB_before": size[site].reindex(window).mean(),
                }
            )
    return pd.DataFrame(rows)


def slow_matched(table, label, others, threshold, covariates, quantiles=20):
    table = table[table["form"].isin(AURORAL)]
    keys = []
    for name in covariates:
        if name in {"newell", "dB_before"}:
            edges = np.unique(np.quantile(table[name], np.arange(1, quantiles) / quantiles))
            keys.append(np.searchsorted(edges, table[name], side="right"))
        else:
            keys.append(table[name].to_numpy())
    one, zero = table["form"] == label, table["form"].isin(others)
    top = bottom = kept = 0.0
    for _, part in table.groupby(keys):
        a, b = part[one[part.index]], part[zero[part.index]]
        if len(a) and len(b):
            top += (a["dB"] >= threshold).sum()
            bottom += len(a) * (b["dB"] >= threshold).mean()
            kept += len(a)
    crude = (table[one]["dB"] >= threshold).mean() / (table[zero]["dB"] >= threshold).mean()
    return top / bottom, crude, kept / one.sum()


@pytest.mark.parametrize("covariates", [("site", "mlt", "month", "newell"), ("site", "dB_before")])
def test_every_cell_equals_pandas(two_sites, covariates):
    table = slow_table(two_sites)
    result = geoeffectiveness(
        two_sites, "dB", thresholds=(60.0, 120.0), match=covariates, gate=OPEN
    )
    for label in AURORAL:
        others = [name for name in AURORAL if name != label]
        for threshold in (60.0, 120.0):
            cell = result.sel(label=label, threshold=threshold)
            expected = slow_matched(table, label, others, threshold, covariates)
            found = [cell[k].item() for k in ("risk_ratio", "crude_risk_ratio", "share_retained")]
            np.testing.assert_allclose(found, expected, rtol=1e-9)
            of_class = table[(table["form"] == label)]
            assert cell["minutes"] == len(of_class)
            np.testing.assert_allclose(
                cell["crude_exceedance"], (of_class["dB"] >= threshold).mean()
            )
            assert cell["exceedance"] * cell["matched_minutes"] == pytest.approx(cell["events"])


def test_silent_error_12_confounded_geoeffectiveness():
    """The driver makes discrete aurora and disturbance: no effect, yet the crude ratio says so."""
    held, crude_low, post = 0, [], []
    for seed in range(5):
        data = make_ground(nights=90, seed=seed)
        options = {"thresholds": (80.0,), "labels": ("discrete",), "gate": OPEN}
        plain = geoeffectiveness(data, "dB", match=("mlt", "newell"), **options)
        held += bool((plain["risk_ratio_low"] < 1) & (plain["risk_ratio_high"] > 1))
        crude_low.append(plain["crude_risk_ratio_low"].item())
        assert plain["crude_risk_ratio"] > plain["risk_ratio"] + 0.2
        # AE of the same minute is a consequence of both: matching on it makes aurora look calming.
        mediated = geoeffectiveness(data, "dB", match=("mlt", "newell"), mediator="AE", **options)
        post.append(mediated["risk_ratio"].item())
        if seed == 0:
            assert mediated["risk_ratio_high"] < 1
            assert mediated.attrs["title"].startswith("Mediator analysis (AE of the same minute")
            np.testing.assert_allclose(
                mediated["risk_ratio"].item(), by_hand(data, 80.0), rtol=1e-9
            )
    assert held >= 4
    assert min(crude_low) > 1
    assert max(post) < 0.9
    with pytest.raises(UsageError, match=r"post-treatment.*0\.78.*AE_before.*mediator='AE'"):
        geoeffectiveness(data, "dB", match=("mlt", "newell", "AE"))
    with pytest.raises(UsageError, match="dB is a measure of the disturbance itself"):
        geoeffectiveness(data, "dBdt", match=("newell", "dB"))


def by_hand(data, threshold):
    """Return the ratio matched on AE of the same minute, through the functions underneath."""
    found = forms(data)
    form = found["form"].to_numpy()[:, 0]
    rows = np.flatnonzero(np.isin(form, [CLASSES.index(c) for c in AURORAL]))
    start = found["run_start"].to_numpy()[rows, 0].astype("M8[m]")
    coupling = covariate_values(
        data, find_covariate("newell"), SiteMinutes(rows, np.zeros(rows.size, int), start)
    )
    dense = data["driver_time"].to_numpy()
    now = data["AE"].to_numpy()[np.searchsorted(dense, data["time"].to_numpy()[rows])]
    stratum = stratum_numbers(
        [
            np.floor(data["mlt"].to_numpy()[rows, 0]).astype(int),
            quantile_codes(coupling, 20),
            quantile_codes(now, 20),
        ]
    )
    x = measure_at(data, MEASURES["dB"], 0)[
        np.searchsorted(data["mag_time"].to_numpy(), data["time"].to_numpy()[rows])
    ]
    table = arm_table(
        data["time"].to_numpy()[rows],
        stratum,
        form[rows] == CLASSES.index("discrete"),
        x[:, None] >= threshold,
    )
    return risk_ratio(match(table))[0][0, 0]


def test_a_true_effect_is_found_and_shifts_median_and_delta():
    data = make_ground(effect=0.7, confounded=False, seed=4)
    result = geoeffectiveness(
        data, "dB", thresholds=(80.0,), labels=("discrete", "arc"), match=("mlt", "newell")
    )
    one = result.sel(label="discrete", threshold=80.0)
    assert one["risk_ratio_low"] > 1.3
    assert one["median_difference_low"] > 10
    assert one["cliffs_delta_low"] > 0.2
    assert one["median_difference"] == one["median"] - one["control_median"]
    arc = result.sel(label="arc", threshold=80.0)
    assert arc["cliffs_delta"] < 0
    assert not one["masked"]
    assert one["reason"] == ""
    curve = result["curve"].sel(label="discrete")
    assert (np.diff(curve) <= 0).all()
    apart = curve - result["control_curve"].sel(label="discrete")
    assert apart.max() == pytest.approx(float(one["cliffs_delta"]), abs=0.25)
    at = result["x"].to_numpy().searchsorted(80.0)
    assert curve[at] <= one["exceedance"] <= curve[at - 1]


def test_baselines_stand_beside_each_other(ground):
    result = geoeffectiveness(ground, "dB", thresholds=(80.0,), match=("newell",), gate=OPEN)
    by = result["baseline_risk_ratio"]
    np.testing.assert_allclose(by.sel(baseline="running"), result["risk_ratio"])
    np.testing.assert_allclose(by.sel(baseline="median"), result["risk_ratio"])
    other = geoeffectiveness(
        ground, "dB", thresholds=(80.0,), match=("newell",), baseline="day", gate=OPEN
    )
    np.testing.assert_allclose(by.sel(baseline="day"), other["risk_ratio"])
    assert not np.allclose(other["risk_ratio"], result["risk_ratio"])
    assert "baseline_risk_ratio" not in geoeffectiveness(ground, match=("newell",), gate=OPEN)


def test_balance_decides(ground):
    result = geoeffectiveness(ground, "dB", match=("mlt", "newell"), gate=OPEN)
    balance = result["balance"]
    assert abs(balance.sel(when="before", covariate="newell", label="discrete")) > 0.5
    assert (abs(balance.sel(when="after")) < 0.1).all()
    assert result["balanced"].all()
    # One stratum a year leaves the driver as it was: refused, with the reason and all numbers.
    coarse = geoeffectiveness(ground, "dB", match=("year", "newell"), gate=OPEN, quantiles=20)
    assert coarse["balanced"].all()
    ground = ground.assign(Bz=ground["Bz"].where(ground["Bz"] < -3, -3.0))
    lumped = geoeffectiveness(ground, "dB", match=("newell",), gate=OPEN)
    unlike = abs(lumped["balance"].sel(when="after", covariate="newell")) >= 0.1
    assert (lumped["masked"] | ~unlike).all()


def test_unlike_arms_are_masked_with_the_reason():
    from auroral_stats.effect_estimates import gated

    labels, thresholds = ["arc", "discrete"], [1.0]
    flat = xr.DataArray(np.ones((1, 2)), dims=("threshold", "label"))
    numbers = dict.fromkeys(
        ("nights", "effective_nights", "winters", "sites", "hours"),
        xr.DataArray([100.0, 100.0], dims="label"),
    )
    made = xr.Dataset(
        {
            "risk_ratio": flat,
            "event_nights": flat * 50,
            "effective_event_nights": flat * 20,
            "event_blocks": flat * 5,
            "strata": ("label", [3, 3]),
            "balance": (("when", "covariate", "label"), [[[0.5, 0.5]], [[0.05, -0.2]]]),
            "largest_smd": ("label", [0.05, 0.2]),
            **numbers,
        },
        coords={
            "label": labels,
            "threshold": thresholds,
            "when": ["before", "after"],
            "covariate": ["newell"],
        },
    )
    made = gated(made, Gate(), pooled=True)
    assert made["masked"].to_numpy().tolist() == [[False, True]]
    assert made["reason"].sel(label="discrete").item() == "unlike arms: newell |SMD|>=0.1"
    one_night = made.assign(effective_event_nights=flat * 1.2)
    again = gated(one_night, Gate(), pooled=True)
    assert again["reason"].sel(label="arc").item() == "effective event nights<3"
    assert not gated(one_night, Gate(min_nights=0), pooled=True)["masked"].sel(label="arc").item()
    one_storm = gated(made.assign(event_blocks=flat * 2), Gate(), pooled=True)
    assert one_storm["reason"].sel(label="arc").item() == "nine-night blocks with events<3"


def test_the_gate_masks_and_keeps_numbers(two_sites):
    result = geoeffectiveness(two_sites, "dB", thresholds=(60.0,))
    assert result["masked"].all()
    reason = result["reason"].sel(label="discrete", threshold=60.0).item()
    assert "nights<20" in reason
    assert "sites<3" in reason
    assert np.isfinite(result["risk_ratio"]).all()
    assert (result["population"] == "overlap population").any()
    assert ((result["share_retained"] < 0.8) == (result["population"] != "class")).all()


def test_a_class_without_minutes_is_masked_and_others_stand(ground):
    names = [str(n) for n in ground["label"].to_numpy()]
    data = ground.copy(deep=True)
    data["frames"].values[..., names.index("diffuse")] = 0
    result = geoeffectiveness(data, "dB", thresholds=(80.0,), match=("newell",), gate=OPEN)
    gone = result.sel(label="diffuse", threshold=80.0)
    assert gone["masked"]
    assert gone["reason"].item().startswith("no stratum with both arms")
    assert gone["minutes"] == 0
    assert not result["masked"].sel(label="discrete", threshold=80.0)


def test_nothing_in_common_is_one_error():
    data = make_ground(nights=6, sites=("gill", "fsmi"), hours=2)
    names = [str(n) for n in data["label"].to_numpy()]
    data["frames"].values[:] = 0
    data["frames"].values[:, 0, names.index("arc")] = 20
    data["frames"].values[:, 1, names.index("diffuse")] = 20
    with pytest.raises(DataError, match=r"matching on site leaves no stratum.*fewer covariates"):
        geoeffectiveness(data, "dB", match=("site",), labels=("arc",))


def test_controls(ground):
    options = {"thresholds": (80.0,), "match": ("newell",), "gate": OPEN}
    clear = geoeffectiveness(ground, "dB", control="clear", **options)
    assert clear["label"].to_numpy().tolist() == list(AURORAL)
    diffuse = geoeffectiveness(ground, "dB", control="diffuse", **options)
    assert diffuse["label"].to_numpy().tolist() == ["arc", "discrete"]
    minutes = geoeffectiveness(ground, "dB", **options)["minutes"]
    assert diffuse["control_minutes"].sel(label="arc") == minutes.sel(label="diffuse")
    assert "against clear" in clear.attrs["title"]


def test_a_site_without_magnetometer_is_no_site(two_sites):
    data = two_sites.copy(deep=True)
    data["mag"].values[:, 1] = np.nan
    options = {"thresholds": (60.0,), "match": ("newell",)}
    found = geoeffectiveness(data, "dB", **options)
    alone = geoeffectiveness(two_sites.isel(site=[0]), "dB", **options)
    xr.testing.assert_identical(found.drop_attrs(), alone.drop_attrs())
    assert "sites<" not in "".join(found["reason"].to_numpy().ravel())


def test_what_was_not_matched_on_is_shown_and_decides_nothing(ground):
    result = geoeffectiveness(ground, "dB", match=("mlt", "month"), gate=OPEN)
    assert result["covariate"].to_numpy().tolist() == ["mlt", "month", "dB_before", "AE_before"]
    assert result["matched"].to_numpy().tolist() == [True, True, False, False]
    apart = result["balance"].sel(when="after", label="discrete")
    # The driver was not matched on, and what it did before the run tells.
    assert (abs(apart.isel(covariate=~result["matched"].to_numpy())) > 0.1).all()
    assert result["largest_smd"].sel(label="discrete") == abs(
        apart.isel(covariate=result["matched"].to_numpy())
    ).max(skipna=True)
    assert not any("before" in text for text in result["reason"].to_numpy().ravel())
    matched = geoeffectiveness(ground, "dB", match=("mlt", "AE_before"), gate=OPEN)
    assert matched["covariate"].to_numpy().tolist() == ["mlt", "AE_before", "dB_before"]
    # The same numbers as those of the covariate when it is matched on, before matching.
    one, other = (
        made["balance"].sel(covariate="AE_before", when="before") for made in (result, matched)
    )
    np.testing.assert_array_equal(one, other)
    without = geoeffectiveness(ground.drop_vars("AE"), match=("newell",), gate=OPEN)
    assert without["covariate"].to_numpy().tolist() == ["newell", "dB_before"]


def test_recurring_is_the_share_whose_class_was_there_before(two_sites):
    result = geoeffectiveness(two_sites, "dB", match=("newell",), gate=OPEN)
    table = slow_table(two_sites)
    minute = pd.Timedelta("1min")
    for label in AURORAL:
        of_class = table[table["form"] == label]
        seen = set(zip(of_class["site"], of_class["time"], strict=True))
        before = [
            any((row.site, row.start - k * minute) in seen for k in range(11, 41))
            for row in of_class.itertuples()
        ]
        assert 0.05 < np.mean(before) < 0.95
        assert result["recurring"].sel(label=label).item() == pytest.approx(np.mean(before))


@pytest.mark.parametrize(("limits", "told"), [((1.5, 2.0), False), ((1.5, 5.0), True)])
def test_thresholds_of_another_cadence_are_told(ground, limits, told):
    attrs = geoeffectiveness(ground, thresholds=limits, match=("newell",), gate=OPEN).attrs
    assert ("threshold_note" in attrs) == told
    assert not told or "Weygand" in attrs["threshold_note"]


def test_forward_raises_exceedance(ground):
    options = {"thresholds": (80.0,), "match": ("newell",), "gate": OPEN}
    now = geoeffectiveness(ground, "dB", **options)
    ahead = geoeffectiveness(ground, "dB", forward=20, **options)
    assert (ahead["crude_exceedance"] > now["crude_exceedance"]).all()
    assert ahead.attrs["lag"] == "X is the maximum over m to m + 19 min"


def test_gaps_are_gaps_for_every_measure():
    data = make_ground(nights=3, hours=3)
    keep = np.ones(data.sizes["mag_time"], dtype=bool)
    keep[500:530] = False
    cut = data.isel(mag_time=keep)
    at = np.searchsorted(data["mag_time"].to_numpy(), cut["mag_time"].to_numpy())
    for measure in MEASURES.values():
        holed = data.copy(deep=True)
        for name in ("mag", "pi2"):
            holed[name].values[500:530] = np.nan
        whole = measure_at(holed, measure, 0)[at]
        np.testing.assert_array_equal(measure_at(cut, measure, 0), whole)
    rate = measure_at(cut, MEASURES["dBdt"], 0)
    assert np.isnan(rate[500])
    h = cut["mag"].to_numpy()[:, 0, 0].astype(float)
    np.testing.assert_allclose(rate[1:500], np.abs(np.diff(h[:500])) / 60, rtol=1e-6)


def test_a_bay_is_positive_and_has_its_depth():
    data = make_ground(nights=3, hours=3)
    h = np.full(data.sizes["mag_time"], 10_000.0)
    h[200:230] -= np.linspace(0, 150, 30)
    h[230:260] -= 150
    data["mag"].values[:, 0, 0] = h
    bay = measure_at(data, MEASURES["bay"], 0)
    assert bay[205] == pytest.approx(150, rel=0.05)
    assert np.nanmax(bay) <= 151
    assert bay[100] == pytest.approx(0, abs=1e-3)


def test_covariates_end_before_the_run_starts():
    """Whatever happens from ten minutes before the run on, they stay as they are."""
    ground = make_ground(nights=6, hours=2)
    found = forms(ground)
    rows = np.flatnonzero(found["start_seen"].to_numpy()[:, 0])[::190]
    for row in rows:
        start = found["run_start"].to_numpy()[row, 0].astype("M8[m]")
        minutes = SiteMinutes(np.array([row]), np.array([0]), np.array([start]))
        late = ground.copy(deep=True)
        for name, dim in (("Bz", "driver_time"), ("AE", "driver_time"), ("mag", "mag_time")):
            # Times are starts of minutes: one that starts 10 min before ends later.
            after = late[dim].to_numpy() >= (start - np.timedelta64(10, "m"))
            late[name].values[after] = 999.0
        for name in ("newell", "Bz", "AE_before", "dB_before"):
            one, other = (
                covariate_values(d, find_covariate(name), minutes) for d in (ground, late)
            )
            assert np.isfinite(one).all()
            np.testing.assert_array_equal(one, other)


def test_hourly_covariates_have_ended_too(ground):
    hour = np.arange("2012-11-29", "2012-12-04", dtype="M8[h]")
    data = ground.drop_vars("AE").assign(AE=("hour_time", np.arange(hour.size, dtype=float)))
    data = data.assign_coords(hour_time=("hour_time", hour.astype("M8[ns]")))
    data["hour_time"].attrs["cadence_minutes"] = 60
    start = np.array([f"2012-12-01T{t}" for t in ("02:30", "03:00", "03:09", "03:10")], "M8[m]")
    minutes = SiteMinutes(np.arange(4), np.zeros(4, int), start)
    found = covariate_values(data, find_covariate("AE_before"), minutes)
    # 01:00 to 02:00 is the last hour that ended 10 min before 03:00; 02:00 to 03:00 before 03:10.
    expected = [(np.datetime64(f"2012-12-01T0{h}") - hour[0]).astype(int) for h in (1, 1, 1, 2)]
    assert found.tolist() == expected


@pytest.mark.parametrize("cadence", [1, 5, 10, 60, 180])
def test_covariates_have_ended_ten_minutes_before_at_every_cadence(cadence):
    rng = np.random.default_rng(cadence)
    time = np.arange("2014-01-01", "2014-01-05", np.timedelta64(cadence, "m"), dtype="M8[m]")
    speed = rng.normal(size=time.size)

    def before(values, start):
        data = xr.Dataset(
            {"flow_speed": ("driver_time", values)},
            coords={"driver_time": ("driver_time", time.astype("M8[ns]"))},
        )
        data["driver_time"].attrs["cadence_minutes"] = cadence
        return driver_before(data, DRIVERS["flow_speed"], np.array([start]))[0]

    for start in np.datetime64("2014-01-03", "m") + rng.integers(0, 1440, 30):
        ends = time + np.timedelta64(cadence, "m")
        late = ends > start - np.timedelta64(10, "m")
        assert before(np.where(late, 1e6, speed), start) == before(speed, start)
        # And it is the last that has ended: what it is made from is not older than need be.
        last = np.flatnonzero(~late)[-max(30 // cadence, 1) :]
        assert before(speed, start) == pytest.approx(speed[last].mean())


def test_a_driver_of_ones_own_can_be_matched_on(ground):
    own = Driver("twice", "twice Bz", "nT", "solar wind", "omni", ("Bz",), (0, 1), lambda b: 2 * b)
    register_driver(own)
    try:
        result = geoeffectiveness(ground, "dB", match=("twice",), gate=OPEN)
        same = geoeffectiveness(ground, "dB", match=("Bz",), gate=OPEN)
    finally:
        del DRIVERS["twice"]
    np.testing.assert_allclose(result["risk_ratio"], same["risk_ratio"])


def test_provenance_says_how(ground):
    result = geoeffectiveness(ground, match=("mlt", "newell"))
    attrs = result.attrs
    assert attrs["simulated"] == "true"
    assert attrs["cadence"] == "1 min means"
    assert attrs["measure_units"] == "nT/s"
    assert "association" in attrs["statement"].lower()
    assert attrs["labels_source"] == "import:test"
    assert json.loads(attrs["parameters"])["match"] == ["mlt", "newell"]
    assert result["threshold"].attrs["units"] == "nT/s"
    assert result["median_difference"].attrs["units"] == "nT/s"
    assert result["threshold"].to_numpy().tolist() == [0.3, 0.7, 1.1, 1.5]
    table = result[["risk_ratio", "reason"]].to_dataframe()
    assert len(table) == 4 * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "dBdz"}, r"unknown measure 'dBdz'. Nearest: dBdt.*Known: dBdt, dB, bay"),
        ({"baseline": "IGRF"}, r"--baseline 'IGRF': expected one of running, day, median"),
        ({"match": ("newel",)}, r"unknown covariate 'newel'. Nearest: newell"),
        ({"match": ()}, "--match nothing"),
        ({"match": ("site", "site")}, "a covariate is given twice"),
        ({"match": ("clock_angle",)}, "unknown covariate 'clock_angle'"),
        ({"quantiles": 3}, r"--quantiles 3: expected 20 or more.*1\.23"),
        ({"control": "cloudy"}, "--control 'cloudy'"),
        ({"labels": ("arc",), "control": "arc"}, "is also the control"),
        ({"labels": ("moon",)}, "--label moon"),
        ({"thresholds": (3.0, 1.0)}, r"--threshold 3, 1: expected increasing"),
        ({"interval": "wilson"}, "--interval 'wilson'"),
        ({"measure": "bay", "forward": 20}, "leave --forward out"),
        ({"forward": -1}, "--forward -1"),
        ({"mediator": "Bz"}, r"--mediator Bz: expected an index"),
        ({"moon": "full"}, "--moon 'full'"),
    ],
)
def test_bad_options_are_named(two_sites, options, message):
    with pytest.raises(UsageError, match=message):
        geoeffectiveness(two_sites, **{"measure": "dB", **options})


def test_what_the_joined_data_lack_is_named(two_sites):
    with pytest.raises(DataError, match=r"no magnetometer data\. Join again with --mag"):
        geoeffectiveness(two_sites.drop_vars("mag"))
    with pytest.raises(DataError, match=r"newell \(made from flow_speed\).*Join again"):
        geoeffectiveness(two_sites.drop_vars("flow_speed"))
    with pytest.raises(DataError, match=r"AE_before.*AL_before"):
        geoeffectiveness(two_sites.drop_vars("AE"), match=("AE_before", "AL_before", "newell"))
    with pytest.raises(DataError, match="have no data then"):
        geoeffectiveness(two_sites.assign(mag=two_sites["mag"] * np.nan))


def test_registries_are_complete():
    for measure in MEASURES.values():
        assert find_measure(measure.name.upper()) is measure
        assert list(measure.thresholds) == sorted(measure.thresholds)
        assert measure.source
    assert {"site", "mlt", "month", "newell", "Bz", "AE_before", "dB_before"} <= set(COVARIATES)
    assert not {"AE", "SYM_H", "dB"} & set(COVARIATES)
