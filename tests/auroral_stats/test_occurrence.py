"""Occurrence rates against a pandas transcription, and the errors nobody would see."""

import dataclasses
import inspect
import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.lagging import driver_at
from auroral_stats.nights import night_cells
from auroral_stats.occurrence import Gate, OccurrenceOptions, occurrence, occurrence_of_cells

OPEN = Gate(min_nights=1, min_hours=0, min_winters=1, min_sites=1)


def long_table(data, name, *, lag=10, window=60):
    """Return one row a site-minute and class, with everything a rate needs."""
    value = driver_at(data, DRIVERS[name], lag=lag, window=window)
    flat = (
        data["frames"]
        .astype("int64")
        .to_dataset(name="frames")
        .assign(
            value=value,
            sun=data["sun_elevation"],
            moon=data["moon_elevation"],
            lit=data["moon_illumination"],
            mlt=data["mlt"],
        )
        .to_dataframe()
        .reset_index()
    )
    flat = flat[(flat["sun"] <= -12) & (flat["frames"] > 0)]
    flat["night"] = (flat["time"] - pd.Timedelta("19h")).dt.floor("D")
    flat["moonlit"] = (flat["moon"] > 0) & (flat["lit"] >= 0.3)
    return flat


def slow_rates(flat, edges):
    """Return rate, events, exposure, nights and hours by bin label and class."""
    names = [f"[{a:g}, {b:g})" for a, b in itertools.pairwise(edges)]
    row = pd.cut(flat["value"], edges, right=False, labels=names).astype(object)
    row[flat["value"] < edges[0]] = "below"
    row[flat["value"] >= edges[-1]] = "above"
    row[flat["value"].isna()] = "missing"
    flat = flat.assign(row=row)
    usable = flat[flat["label"].isin(USABLE)]
    rows = {}
    for name, part in usable.groupby("row"):
        exposure = part["frames"].sum()
        nights = part["night"].nunique()
        hours = len(part[["time", "site"]].drop_duplicates()) / 60
        dark = flat.loc[flat["row"] == name, "frames"].sum()
        for label in USABLE:
            events = part.loc[part["label"] == label, "frames"].sum()
            rows[name, label] = (
                events / exposure,
                events,
                exposure,
                nights,
                hours,
                exposure / dark,
            )
    return rows


@pytest.mark.parametrize("moon", ["down", "any"])
def test_every_cell_equals_pandas(joined, moon):
    edges = [-4.0, -2.0, 0.0, 2.0, 4.0]
    flat = long_table(joined, "Bz")
    if moon == "down":
        flat = flat[~flat["moonlit"]]
    expected = slow_rates(flat, edges)
    result = occurrence(joined, "Bz", bins=[edges], moon=moon, gate=OPEN)
    assert len(expected) >= 5 * 4
    for (row, label), (rate, events, exposure, nights, hours, available) in expected.items():
        cell = result.sel(bin=row, label=label)
        assert int(cell["events"]) == events
        assert int(cell["exposure"]) == exposure
        assert int(cell["nights"]) == nights
        assert float(cell["rate"]) == pytest.approx(rate)
        assert float(cell["usable_hours"]) == pytest.approx(hours)
        assert float(cell["availability"]) == pytest.approx(available)
        assert not bool(cell["masked"])


def test_rows_add_up_to_the_whole(joined):
    """sum_b R(c|b) N_Ub / N_U = R(c), which fails as soon as a row is dropped."""
    for by in ("Bz", ["Bz", "mlt"], "clock_angle", "site"):
        result = occurrence(joined, by)
        bins = [dim for dim in ("bin", "bin2") if dim in result.dims]
        exposure = result["exposure"].isel(label=0)
        weighted = (result["rate"].fillna(0) * exposure).sum(bins) / exposure.sum(bins)
        np.testing.assert_allclose(weighted, result["overall_rate"])
        lift = (result["lift"].fillna(0) * exposure).sum(bins) / exposure.sum(bins)
        np.testing.assert_allclose(lift, 1.0)


def test_silent_error_1_wrong_denominator(joined_maker):
    """Clouds that come over half of the frames change the weather, not the aurora."""
    clear_sky = joined_maker(nights=60)
    cloud, rng = CLASSES.index("cloudy"), np.random.default_rng(11)
    frames = clear_sky["frames"].to_numpy().copy()
    overcast = rng.random(frames.shape[:2]) < 0.5
    frames[overcast, cloud] = frames[overcast].sum(axis=-1)
    frames[overcast] *= np.arange(6) == cloud
    clouded = clear_sky.assign(frames=(("time", "site", "label"), frames))
    kwargs = {"bins": [[-2.0, 0.0, 2.0]]}
    before, after = (occurrence(d, "Bz", **kwargs) for d in (clear_sky, clouded))
    change = (after["rate"] - before["rate"]).sel(bin=["[-2, 0)", "[0, 2)"])
    # Half of some 9,000 minutes remain in each row: the standard error is near 0.004.
    assert np.abs(change).max() < 0.015
    over_all = [
        occurrence(d, "Bz", denominator="all", **kwargs)["rate"].sel(bin="[0, 2)", label="arc")
        for d in (clear_sky, clouded)
    ]
    assert float(over_all[1] / over_all[0]) == pytest.approx(0.5, abs=0.05)
    assert (after["availability"] / before["availability"]).max() < 0.6


def test_silent_error_3_duplicate_station(joined):
    """A copy of a station adds frames; it must not narrow the interval."""
    one = joined.isel(site=[0])
    copy = one.assign_coords(site=["gill2"])
    two = xr.concat(
        [one, copy],
        dim="site",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
    )
    narrow, wide = (occurrence(d, "Bz", gate=OPEN) for d in (two, one))
    np.testing.assert_allclose(narrow["rate"], wide["rate"])
    np.testing.assert_allclose(
        narrow["ci_high"] - narrow["ci_low"], wide["ci_high"] - wide["ci_low"]
    )
    assert (narrow["events"] == 2 * wide["events"]).all()


def test_denominators(joined):
    usable, dark, reverse = (
        occurrence(joined, "Bz", denominator=name) for name in ("usable", "all", "reverse")
    )
    np.testing.assert_array_equal(usable["events"], dark["events"])
    np.testing.assert_allclose(dark["rate"], usable["rate"] * usable["availability"])
    np.testing.assert_allclose(reverse["rate"].sum("bin"), 1.0)
    np.testing.assert_allclose(usable["bound_low"], dark["rate"])
    assert (usable["bound_high"] - usable["bound_low"]).min() >= 0
    cloudy = occurrence(joined, "Bz", labels=["cloudy", "moon"], denominator="all")
    lost = cloudy["rate"].sum("label", skipna=False)
    np.testing.assert_allclose(lost, 1 - usable["availability"], atol=1e-12)
    with pytest.raises(UsageError, match="cloudy is not among the usable classes"):
        occurrence(joined, "Bz", labels=["cloudy"])


def test_both_moon_rates_stand_side_by_side(joined):
    down, everything = (occurrence(joined, "Bz", moon=moon) for moon in ("down", "any"))
    np.testing.assert_allclose(down["rate"], down["rate_moon_down"])
    np.testing.assert_allclose(everything["rate"], everything["rate_moon_any"])
    np.testing.assert_allclose(down["rate_moon_any"], everything["rate"])
    assert int(down["exposure"].sum()) < int(everything["exposure"].sum())


def test_only_moonlit_minutes_are_said_so(joined):
    lit = joined.assign(
        moon_elevation=joined["moon_elevation"] * 0 + 20,
        moon_illumination=joined["moon_illumination"] * 0 + 1,
    )
    with pytest.raises(DataError, match="use --moon any"):
        occurrence(lit, "Bz")
    assert np.isnan(occurrence(lit, "Bz", moon="any")["rate_moon_down"]).all()


def test_risk_ratio_and_lift_by_hand(joined):
    result = occurrence(joined, "Bz", bins=[[-1.0, 1.0]])
    inner = result.sel(bin="[-1, 1)")
    outer = result.sel(bin=["below", "above"])
    others = outer["events"].sum("bin") / outer["exposure"].sum("bin")
    np.testing.assert_allclose(inner["risk_ratio"], inner["rate"] / others)
    np.testing.assert_allclose(inner["lift"], inner["rate"] / result["overall_rate"])
    assert (inner["risk_ratio_low"] < inner["risk_ratio"]).all()
    assert (inner["risk_ratio"] < inner["risk_ratio_high"]).all()
    assert np.isnan(result["risk_ratio"].sel(bin="missing")).all()


def test_risk_ratio_interval_against_a_loop(joined):
    """The log-scale jackknife over nights, one night at a time."""
    from scipy import stats

    from auroral_stats.nights import night_cells, night_tensor
    from auroral_stats.uncertainty import block_of

    result = occurrence(joined, "Bz", bins=[[-1.0, 1.0]], labels=["arc"], moon="any")
    tensor = night_tensor(night_cells(joined, "Bz", bins=[[-1.0, 1.0]]))
    usable = tensor.sel(label=list(USABLE)).sum("label").to_numpy()[:, :3].astype(float)
    arcs = tensor.sel(label="arc").to_numpy()[:, :3].astype(float)

    def risk_ratio(keep):
        a, n = arcs[keep].sum(axis=0), usable[keep].sum(axis=0)
        return (a[1] / n[1]) / ((a[0] + a[2]) / (n[0] + n[2]))

    night = tensor["night"].to_numpy()
    value = risk_ratio(np.ones(night.size, dtype=bool))
    best, degrees = (0.0, 0.0), 1
    for cluster in (np.arange(night.size), block_of(night)):
        groups = np.unique(cluster)
        without = np.array([risk_ratio(cluster != g) for g in groups])
        se = np.sqrt((groups.size - 1) / groups.size * ((without - value) ** 2).sum())
        summed = [np.array([x[cluster == g].sum(axis=0) for g in groups]) for x in (arcs, usable)]
        df = np.inf
        for columns in ([1], [0, 2]):
            a, n = (x[:, columns].sum(axis=1) for x in summed)
            df = min(df, n.sum() ** 2 / (n**2).sum(), (a > 0).sum(), (n > a).sum())
        # Blocks have at least three degrees of freedom if the nights have them.
        degrees = max(df - 1, min(degrees, 3))
        best = max(best, (se, stats.t.ppf(0.975, degrees) * se / value))
    cell = result.sel(bin="[-1, 1)", label="arc")
    assert float(cell["risk_ratio"]) == pytest.approx(value)
    assert float(cell["risk_ratio_high"]) == pytest.approx(value * np.exp(best[1]))
    assert float(cell["risk_ratio_low"]) == pytest.approx(value * np.exp(-best[1]))


def test_standardised_rate_against_a_loop(joined):
    edges = [-2.0, 0.0, 2.0]
    result = occurrence(joined, "Bz", bins=[edges])
    flat = long_table(joined, "Bz")
    flat = flat[~flat["moonlit"] & flat["label"].isin(USABLE)].assign(
        stratum=lambda f: list(zip(f["site"], np.floor(f["mlt"]).astype(int) % 24, strict=True))
    )
    known = flat[flat["value"].notna()]
    weight = known.groupby("stratum")["frames"].sum() / known["frames"].sum()
    part = flat[(flat["value"] >= 0) & (flat["value"] < 2)]
    held = part.groupby("stratum")["frames"].sum()
    for label in USABLE:
        events = part[part["label"] == label].groupby("stratum")["frames"].sum().reindex(held.index)
        rate = (weight[held.index] * events.fillna(0) / held).sum() / weight[held.index].sum()
        cell = result.sel(bin="[0, 2)", label=label)
        assert float(cell["rate_standardised"]) == pytest.approx(rate)
        assert cell["rate_standardised_low"] < rate < cell["rate_standardised_high"]
    assert float(cell["standardised_weight"]) == pytest.approx(weight[held.index].sum())


def test_standardising_removes_a_change_of_mix(joined_maker):
    """Two stations with rates of their own; the mix follows Bz, the rates do not."""
    data = joined_maker(nights=60, sites=("gill", "rank"), seed=8)
    rng = np.random.default_rng(9)
    frames = np.zeros(data["frames"].shape, dtype=np.uint8)
    south = driver_at(data, DRIVERS["Bz"], lag=10, window=60).to_numpy() < 0
    arc = rng.random((data.sizes["time"], 2)) < np.array([0.2, 0.6])
    seen = rng.random(arc.shape) < np.where(south[:, None], [0.9, 0.1], [0.1, 0.9])
    frames[..., 0] = 20 * (arc & seen)
    frames[..., 5] = 20 * (~arc & seen)
    data = data.assign(frames=(("time", "site", "label"), frames))
    result = occurrence(data, "Bz", bins=[[-6.0, 0.0, 6.0]], labels=["arc"], moon="any")
    crude = result["rate"].sel(bin=["[-6, 0)", "[0, 6)"]).to_numpy().ravel()
    fixed = result["rate_standardised"].sel(bin=["[-6, 0)", "[0, 6)"]).to_numpy().ravel()
    assert crude[1] - crude[0] > 0.25
    assert abs(fixed[1] - fixed[0]) < 0.03
    headline = occurrence(
        data, "Bz", bins=[[-6.0, 0.0, 6.0]], labels=["arc"], moon="any", standardise=["site"]
    )
    assert abs(float(headline["rate"].sel(bin="[0, 6)").squeeze()) - fixed[1]) < 0.02
    np.testing.assert_allclose(headline["crude_rate"], result["rate"])


def test_gate_names_what_is_lacking(joined):
    result = occurrence(joined, "Bz")
    assert result["masked"].all()
    assert "winters<2" in str(result["reason"].sel(bin="[0, 2)", label="arc").item())
    relaxed = occurrence(joined, "Bz", gate=Gate(min_nights=10, min_winters=1))
    cell = relaxed.sel(bin="[0, 2)", label="arc")
    assert not bool(cell["masked"])
    assert cell["reason"].item() == ""
    strict = occurrence(joined, "Bz", gate=Gate(min_nights=1000, min_winters=1))
    reason = str(strict["reason"].sel(bin="[0, 2)", label="arc").item())
    assert reason == "nights<1000; effective nights<500; event nights<250"
    alone = occurrence(joined.isel(site=[0]), "Bz", gate=Gate(min_winters=1))
    assert "sites" not in str(alone["reason"].sel(bin="[0, 2)", label="arc").item())
    # Masked rows keep every number.
    np.testing.assert_array_equal(result["events"], relaxed["events"])
    assert np.isfinite(result["rate"].sel(bin="[0, 2)")).all()


def test_latitude_bands_are_kept_apart(joined):
    result = occurrence(joined, "Bz")
    assert result.attrs["bands"] == "62-70, >70"
    assert result["band_rate"].dims == ("band", "bin", "label")
    alone = occurrence(joined.sel(site=["rank"]), "Bz")
    np.testing.assert_allclose(result["band_rate"].sel(band=">70"), alone["rate"])
    total = result["band_events"].sum("band")
    np.testing.assert_array_equal(total.transpose("bin", "label"), result["events"])
    assert "band_rate" not in occurrence(joined, "site")


def test_provenance_and_simulated_flag(joined):
    result = occurrence(joined, ["Bz", "Kp"], lag=20, window=30)
    assert result.attrs["simulated"] == "true"
    assert result.attrs["lag_minutes"] == "20"
    assert result.attrs["lag_minutes2"] == "0"
    assert result.attrs["causal"] == "true"
    assert result.attrs["causal2"] == "false"
    assert json.loads(result.attrs["parameters"])["denominator"] == "usable"
    assert result.attrs["labels_source"] == "import:test"


def test_options_that_do_not_exist(joined):
    for kwargs, message in (
        ({"denominator": "frames"}, "--denominator 'frames'"),
        ({"interval": "magic"}, "--interval 'magic'"),
        ({"moon": "up"}, "--moon 'up'"),
        ({"labels": ["steve"]}, "--label steve"),
        ({"labels": ["arc", "arc"]}, "twice"),
        ({"standardise": ["weather"]}, "--standardise weather"),
        ({"standardise": ["mlt"], "denominator": "all"}, "--standardise needs"),
        ({"bins": [[3.0, 1.0]]}, "must increase"),
    ):
        with pytest.raises(UsageError, match=message):
            occurrence(joined, "Bz", **kwargs)


@pytest.mark.parametrize("interval", ["bootstrap", "cluster", "wilson", "climatological"])
def test_other_intervals_change_only_the_interval(joined, interval):
    default, other = (occurrence(joined, "Bz", interval=i) for i in ("jackknife", interval))
    np.testing.assert_array_equal(default["rate"], other["rate"])
    both = np.isfinite(default["ci_low"]) & np.isfinite(other["ci_low"])
    assert both.any() == (interval != "climatological")
    assert (
        not np.allclose(default["ci_low"].where(both), other["ci_low"].where(both), equal_nan=True)
        or not both.any()
    )


def test_one_night_has_no_risk_ratio_interval(joined_maker):
    """A bin seen in one night rests on one cluster, however many nights the others have."""
    data = joined_maker(nights=40)
    night = data["driver_time"].to_numpy().astype("M8[D]") == np.datetime64("2013-12-20")
    data["Bz"][:] = np.where(night, 5.0, -1.0)
    result = occurrence(data, "Bz", bins=[[-2.0, 2.0, 6.0]], moon="any", window=0, gate=OPEN)
    cell = result.sel(bin="[2, 6)")
    assert int(cell["nights"].max()) == 1
    assert np.isfinite(cell["risk_ratio"]).all()
    for name in ("ci_low", "risk_ratio_low", "risk_ratio_high", "lift_low", "lift_high"):
        assert np.isnan(cell[name]).all(), name


def test_quantiles_share_out_what_is_selected(joined):
    for moon in ("down", "any"):
        result = occurrence(joined, "Bz", bins=[4], lag=0, window=0, moon=moon)
        exposure = result["exposure"].isel(label=0).to_numpy()[1:-2]
        assert exposure.size == 4
        assert exposure.max() / exposure.min() < 1.05


def test_standardised_headline_has_its_own_rules(joined):
    for more, message in (
        ({"interval": "clopper"}, "jackknife intervals only"),
        ({"standardise": ["mlt"], "by": "mlt"}, "would hold fixed what --by varies"),
    ):
        options = {"by": "Bz", "standardise": ["site"]} | more
        with pytest.raises(UsageError, match=message):
            occurrence(joined, options.pop("by"), **options)
    result = occurrence(joined, "Bz", standardise=["site"], labels=["arc"])
    assert "band_rate" in result
    crude = occurrence(joined, "Bz", labels=["arc"])
    assert not np.allclose(result["band_rate"], crude["band_rate"], equal_nan=True)
    low = result["standardised_weight"] < 0.8
    assert low.any()
    assert result["masked"].where(low, True).all()
    assert "weight<0.8" in str(result["reason"].where(low, "").to_numpy().ravel())


def test_options_are_the_keywords():
    """One list of options, of defaults, and of what a result keeps of them."""
    keywords = dict(list(inspect.signature(occurrence).parameters.items())[2:])
    options = {field.name: field for field in dataclasses.fields(OccurrenceOptions)}
    assert list(options) == list(keywords)
    made = vars(OccurrenceOptions())
    for name, keyword in keywords.items():
        expected = Gate() if name == "gate" else keyword.default
        assert made[name] == expected, name
    assert set(OccurrenceOptions().parameters()) == set(keywords)


def test_cells_that_are_counted_give_the_same(joined):
    chosen = {"labels": ["arc", "clear"], "interval": "cluster", "gate": OPEN, "moon": "any"}
    whole = occurrence(joined, "Bz", **chosen)
    cells = night_cells(joined, "Bz", moon="any")
    part = occurrence_of_cells(cells, OccurrenceOptions(**chosen))
    assert set(whole.data_vars) - set(part.data_vars) == {
        name for name in whole.data_vars if str(name).startswith("band_")
    }
    for name in part.data_vars:
        xr.testing.assert_equal(part[name], whole[name])
    with pytest.raises(UsageError, match="--denominator 'frames'"):
        occurrence_of_cells(cells, OccurrenceOptions(denominator="frames"))
    with pytest.raises(UsageError, match="would hold fixed what --by varies"):
        occurrence_of_cells(night_cells(joined, "mlt"), OccurrenceOptions(standardise=("mlt",)))


@pytest.mark.parametrize("moon", ["down", "any"])
def test_totals_are_those_of_the_frames(joined, moon):
    later = joined.assign_coords(
        time=joined["time"].to_numpy()
        + np.where(np.arange(joined.sizes["time"]) < 3600, 0, 365) * np.timedelta64(1, "D"),
        driver_time=joined["driver_time"],
    )
    # One night is overcast everywhere: its frames count, it does not.
    frames = later["frames"].copy()
    frames[3240:3600] = 0
    frames[3240:3600, :, CLASSES.index("cloudy")] = 20
    later = later.assign(frames=frames)
    flat = long_table(later, "mlt", lag=0, window=0)
    if moon == "down":
        flat = flat[~flat["moonlit"]]
    usable = flat[flat["label"].isin(USABLE)]
    expected = {
        "total_frames": flat["frames"].sum(),
        "total_usable_frames": usable["frames"].sum(),
        "total_nights": usable["night"].nunique(),
        "total_winters": (usable["night"] - pd.DateOffset(months=6)).dt.year.nunique(),
    }
    assert expected["total_winters"] == 2
    assert expected["total_nights"] == flat["night"].nunique() - 1
    attrs = occurrence(later, "mlt", moon=moon).attrs
    assert {name: int(attrs[name]) for name in expected} == expected


def test_what_a_result_says_of_its_input(joined):
    data = joined.assign_attrs(
        labels_source="model",
        labels_fingerprint="0123",
        model_sha256="abcd",
        model_trained_on="OATH",
        preprocess="crop-1",
        omni_files="a.cdf, b.cdf",
        other="not carried",
    )
    attrs = occurrence(data, "Bz").attrs
    for name in ("labels_fingerprint", "model_sha256", "model_trained_on", "preprocess"):
        assert attrs[name] == data.attrs[name]
    assert attrs["omni_files"] == "a.cdf, b.cdf"
    assert "other" not in attrs
    assert json.loads(attrs["parameters"])["gate"] == dataclasses.asdict(Gate())
    assert "drivers_fingerprint" not in occurrence(data, "mlt").attrs


def test_fingerprint_of_drivers_follows_the_values_around_the_frames(joined):
    def of(data, by="Bz"):
        return occurrence(data, by).attrs["drivers_fingerprint"]

    whole = of(joined)
    assert len({whole, of(joined, "By"), of(joined, "newell"), of(joined, ["Bz", "Kp"])}) == 4
    # Other drivers, and values before the nights, make no difference; one value among them does.
    more = {"driver_time": joined["driver_time"][:1] - np.timedelta64(9, "D")}
    early = joined.isel(driver_time=[0]).assign_coords(more)
    longer = xr.concat(
        [early, joined], "driver_time", data_vars="minimal", coords="minimal", compat="override"
    )
    longer["driver_time"].attrs = joined["driver_time"].attrs
    assert of(longer) == whole
    assert of(joined.assign(By=joined["By"] + 1)) == whole
    bz = joined["Bz"].copy()
    bz[5000] = bz[5000] + 0.01
    assert of(joined.assign(Bz=bz)) != whole
    # So do the nights: fewer of them are another input.
    assert of(joined.isel(time=slice(0, 3600))) != whole
