"""The statistics scripts on a small demo world: their tables against sums made without the package.

Rates are counted again with DuckDB and pandas from the label store, from the magnetic and solar
geometry and from the drivers as they stand in the joined data; bins and lags are written out here.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text

from auroral_stats.join import join
from auroral_stats.joined import save_joined
from auroral_stats.labels import CLASSES
from auroral_stats.mag_join import add_magnetometers
from auroral_stats.simulation import demo
from auroral_stats.simulation.demo_plan import DemoPlan

ANALYSES = Path(__file__).parents[2] / "analyses"
SMALL = DemoPlan(
    sites=("gill", "fsim", "rank"),
    nights=8,
    margin_days=1,
    frame_seconds=30,
    fast_seconds=0,
    truth_runs=2,
)
USABLE = ["arc", "diffuse", "discrete", "clear"]
#: At magnetic latitudes of 62 to 70 degrees.
BAND = ["gill", "fsim"]
SCRIPTS = {
    "occurrence_solar_wind": [""],
    "occurrence_indices": [""],
    "occurrence_imf": ["map", "clock_angle"],
    "mlt_dials": ["map", "bands"],
    "seasons": [""],
    "geoeffectiveness": ["dBdt", "others"],
    "substorm_epochs": ["", "forms"],
}


def script(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_open_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> demo.DemoWorld:
    return demo.build_demo(tmp_path_factory.mktemp("analyses") / "world", plan=SMALL)


@pytest.fixture(scope="module")
def joined(world, tmp_path_factory) -> Path:
    data = add_magnetometers(join(world.labels, offline=True), root=world.spedas, offline=True)
    return save_joined(data, tmp_path_factory.mktemp("joined") / "joined.zarr")


@pytest.fixture(scope="module")
def data(joined) -> xr.Dataset:
    return xr.open_zarr(joined, chunks=None).load()


@pytest.fixture(scope="module")
def results(joined, tmp_path_factory):
    """Run a script once, and return what reads its tables."""
    out = tmp_path_factory.mktemp("out")
    done: dict[str, list[str]] = {}

    def read(name: str, part: str = "") -> pd.DataFrame:
        if name not in done:
            plt.close("all")
            script(name).main(["--data", str(joined), "--out", str(out)])
            done[name] = [
                " ".join(text.get_text() for text in plt.figure(number).findobj(Text))
                for number in plt.get_fignums()
            ]
        return pd.read_csv(out / f"{name}{'_' * bool(part)}{part}.csv")

    read.out, read.drawn = out, done
    return read


@pytest.fixture(scope="module")
def minutes(world, data) -> pd.DataFrame:
    """Frames of each class in the dark minutes without moonlight, counted by DuckDB."""
    geometry = data[["sun_elevation", "moon_elevation", "mlt", "mlat"]].to_dataframe().reset_index()
    lit = data["moon_illumination"].to_series().reindex(geometry["time"]).to_numpy() >= 0.3
    dark = geometry[
        (geometry["sun_elevation"] <= -12) & ~((geometry["moon_elevation"] > 0) & lit)
    ].rename(columns={"time": "minute"})
    counted = (
        duckdb.from_df(dark)
        .query(
            "dark",
            f"""
        SELECT l.site, minute, mlt, mlat, label, count(*) AS frames
        FROM read_parquet('{world.labels}/**/*.parquet', hive_partitioning=true) AS l
        JOIN dark ON dark.site = l.site AND dark.minute = date_trunc('minute', l.time AT TIME ZONE 'UTC')
        GROUP BY ALL
        """,
        )
        .df()
    )
    counted["label"] = np.array(CLASSES)[counted["label"]]
    return counted[counted["label"].isin(USABLE)]


def rates(frames, by):
    """Return events, exposure and rate of each class in each group."""
    events = frames.pivot_table(
        index=by, columns="label", values="frames", aggfunc="sum", fill_value=0, observed=False
    )
    exposure = events.sum(axis=1)
    tidy = events.stack().rename("events").reset_index()
    tidy["exposure"] = exposure.reindex(pd.MultiIndex.from_frame(tidy[by])).to_numpy()
    return tidy[tidy["exposure"] > 0].assign(rate=lambda t: t["events"] / t["exposure"])


def check(table, expected, keys):
    """Compare the rows with exposure; every expected row is in the table."""
    both = table[table["exposure"] > 0].merge(expected, on=[*keys, "label"], suffixes=("", "_x"))
    assert len(both) == len(expected) > 8
    np.testing.assert_array_equal(both["events"], both["events_x"])
    np.testing.assert_array_equal(both["exposure"], both["exposure_x"])
    np.testing.assert_allclose(both["rate"], both["rate_x"], atol=1e-6)
    held = both.dropna(subset="ci_low")
    assert (held["ci_low"] <= held["rate"] + 1e-9).all()
    assert (held["rate"] <= held["ci_high"] + 1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_writes_marked_figures_and_tables(results, name):
    for part in SCRIPTS[name]:
        table = results(name, part)
        assert table.columns[-1] == "simulated"
        assert table["simulated"].all()
        stem = results.out / f"{name}{'_' * bool(part)}{part}"
        assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        about = json.loads(stem.with_suffix(".json").read_text())
        assert about["simulated"] == "true"
        assert all(one["simulated"] == "true" for one in about["results"])
        assert all(json.loads(one["parameters"]) for one in about["results"])
    # One open figure of pyplot for each file, as a notebook and a gallery of pages need them.
    assert len(results.drawn[name]) == len(SCRIPTS[name])
    assert all("SIMULATED DATA" in text for text in results.drawn[name])


@pytest.mark.slow
def test_rates_by_month_winter_and_season(results, minutes):
    band = minutes[minutes["site"].isin(BAND)].copy()
    month = band["minute"].dt.month
    band["month"], band["season"] = month.astype(str), month.map({11: "SON", 12: "DJF", 1: "DJF"})
    band["winter"] = (band["minute"].dt.year - (month < 7)).astype(str)
    table = results("seasons")
    for driver in ("month", "season", "winter"):
        rows = table[table["driver"] == driver].drop(columns=["rate", "ci_low", "ci_high"])
        expected = rates(band, [driver]).rename(columns={driver: "bin"})
        both = rows[rows["exposure"] > 0].merge(expected, on=["bin", "label"], suffixes=("", "_x"))
        assert len(both) == len(expected) >= 8
        np.testing.assert_array_equal(both["events"], both["events_x"])
        np.testing.assert_array_equal(both["exposure"], both["exposure_x"])
    # The rate itself is standardised: that of an hour and site, weighted by their exposure.
    band["stratum"] = band["site"] + np.floor(band["mlt"]).astype(int).astype(str)
    each = rates(band[band["label"].isin(USABLE)], ["month", "stratum"])
    weight = band.groupby("stratum")["frames"].sum()
    arcs = each[(each["label"] == "arc") & (each["month"] == "12")].set_index("stratum")
    weights = weight.reindex(arcs.index)
    (found,) = table.query("driver == 'month' and bin == '12' and label == 'arc'")["rate"]
    assert found == pytest.approx((arcs["rate"] * weights).sum() / weights.sum(), abs=1e-6)


@pytest.mark.slow
def test_rates_by_kp(results, minutes, data):
    band = minutes[minutes["site"].isin(BAND)].copy()
    start = band["minute"].dt.floor("3h")
    band["lower"] = np.floor(data["Kp"].to_series().reindex(start).to_numpy() + 0.5) - 0.5
    table = results("occurrence_indices").query("driver == 'Kp'")
    check(table, rates(band, ["lower"]), ["lower"])


def lagged(series, minutes):
    """Return the mean over the hour that ends ten minutes before, of 45 values at least."""
    hour = series.rolling(60, min_periods=45).mean()
    assert (np.diff(series.index) == np.timedelta64(1, "m")).all()
    return hour.reindex(minutes - pd.Timedelta(10, "min")).to_numpy()


def in_winters(data, name):
    """Return a driver on every minute from its first to its last value."""
    series = data[name].to_series()
    return series.reindex(pd.date_range(series.index[0], series.index[-1], freq="min"))


@pytest.mark.slow
def test_rates_by_the_solar_wind(results, minutes, data):
    band = minutes[minutes["site"].isin(BAND)].copy()
    table = results("occurrence_solar_wind")
    speed = lagged(in_winters(data, "flow_speed"), band["minute"])
    band["lower"] = 50 * np.floor(speed / 50)
    rows = table[(table["driver"] == "flow_speed") & np.isfinite(table["lower"])]
    check(rows, rates(band, ["lower"]), ["lower"])
    without = table[(table["driver"] == "flow_speed") & (table["bin"] == "missing")]
    missing = band.loc[np.isnan(speed), "frames"].sum()
    assert without["exposure"].eq(missing).all()
    assert missing > 0
    assert set(table["driver"]) == set(script("occurrence_solar_wind").DRIVERS)


@pytest.mark.slow
def test_rates_by_the_imf(results, minutes, data):
    band = minutes[minutes["site"].isin(BAND)].copy()
    by, bz = (lagged(in_winters(data, name), band["minute"]) for name in ("By", "Bz"))
    band["lower"], band["lower2"] = 2 * np.floor(by / 2), 2 * np.floor(bz / 2)
    inside = band[(np.abs(by) < 10) & (np.abs(bz) < 10)]
    keys = ["lower", "lower2"]
    check(results("occurrence_imf", "map"), rates(inside, keys), keys)
    angle = np.degrees(np.arctan2(by, bz))
    band["lower"] = 45 * np.floor((angle + 22.5) / 45) - 22.5
    table = results("occurrence_imf", "clock_angle")
    # The bin around 180 degrees is one, on whichever side of it an angle is.
    expected = rates(band.assign(lower=band["lower"].replace(-202.5, 157.5)), ["lower"])
    check(table, expected, ["lower"])


@pytest.mark.slow
def test_dials(results, minutes):
    cells = minutes.assign(lower=np.floor(minutes["mlt"]), lower2=4 * np.floor(minutes["mlat"] / 4))
    keys = ["lower", "lower2"]
    check(results("mlt_dials", "map"), rates(cells, keys), keys)
    cells["lower"] = 2 * np.floor(minutes["mlt"] / 2)
    check(results("mlt_dials", "bands"), rates(cells, ["lower"]), ["lower"])


@pytest.mark.slow
def test_geoeffectiveness(results, data, minutes):
    table = results("geoeffectiveness", "dBdt")
    matched = table["events"] / table["matched_minutes"]
    np.testing.assert_allclose(table["exceedance"], matched, atol=1e-12)
    seen = table[table["control_exceedance"] > 0]
    ratio = seen["exceedance"] / seen["control_exceedance"]
    np.testing.assert_allclose(seen["risk_ratio"], ratio)
    # All minutes with a rate of change; the package leaves out those without a solar wind before.
    field = data["mag"].sel(component=["H", "D"])
    change = np.sqrt(((field - field.shift(mag_time=1)) ** 2).sum("component", skipna=False)) / 60
    whole = np.diff(data["mag_time"].values, prepend=data["mag_time"].values[:1])
    change = change.where(xr.DataArray(whole == np.timedelta64(1, "m"), dims="mag_time"))
    change = change.rename("change").to_dataframe()["change"]
    order = minutes.assign(place=minutes["label"].map(CLASSES.index)).sort_values(
        ["frames", "place"], ascending=[False, True]
    )
    forms = order.drop_duplicates(["minute", "site"])
    forms = forms.assign(
        change=change.reindex(pd.MultiIndex.from_frame(forms[["minute", "site"]])).to_numpy()
    ).dropna()
    for label in ("arc", "diffuse", "discrete"):
        mine = forms[forms["label"] == label]
        (row,) = table[(table["label"] == label) & (table["threshold"] == 0.3)].itertuples()
        assert 0.7 * len(mine) < row.minutes <= len(mine)
        share = (mine["change"] >= 0.3).mean()
        assert row.crude_exceedance == pytest.approx(share, rel=0.15), label
    assert set(results("geoeffectiveness", "others")["measure"]) == set(
        script("geoeffectiveness").OTHERS
    )


@pytest.mark.slow
def test_epochs_and_forms_about_onsets(results, data, minutes):
    """Onsets, means and shares found again with pandas from the minutes of each site."""
    order = minutes.assign(place=minutes["label"].map(CLASSES.index)).sort_values(
        ["frames", "place"], ascending=[False, True]
    )
    form = order.drop_duplicates(["minute", "site"]).pivot(
        index="minute", columns="site", values="label"
    )
    form = form.reindex(pd.date_range(form.index[0], form.index[-1], freq="min"))
    onsets = []
    for site, series in form.items():
        other = series.notna() & (series != "discrete")
        before = other.rolling(10).sum().shift(1) == 10
        starts = before & (series == "discrete") & (series.shift(-1) == "discrete")
        last = None
        for time in starts.index[starts]:
            if last is None or time - last >= pd.Timedelta(30, "min"):
                onsets.append((site, time))
                last = time
    assert len(onsets) > 20
    table = results("substorm_epochs")
    assert set(table["of"]) == {"dBdt", "dB", "AL", "Bz"}
    bz = in_winters(data, "Bz")
    rows = table[table["of"] == "Bz"].set_index("lag")
    for lag in (-60, -7, 0, 45, 120):
        values = bz.reindex([time + pd.Timedelta(lag, "min") for _, time in onsets])
        assert rows["number"][lag] == values.notna().sum()
        assert rows["mean"][lag] == pytest.approx(values.mean(), abs=1e-9)
    shares = results("substorm_epochs", "forms").set_index(["label", "lag"])
    for lag in (-30, -1, 0, 1, 20, 90):
        seen = pd.Series(
            [form[site].get(time + pd.Timedelta(lag, "min")) for site, time in onsets]
        ).dropna()
        for label in USABLE:
            row = shares.loc[label, lag]
            assert row["number"] == len(seen)
            assert row["share"] == pytest.approx((seen == label).mean(), abs=1e-9)
    assert shares.loc["discrete", 0]["share"] == 1
    assert shares.loc["discrete", -1]["share"] == 0


@pytest.mark.slow
def test_human_labels_of_a_table(world, results, tmp_path, capsys, monkeypatch):
    """A table of known labels: the same rates as its frames, and the errors that were put in."""
    monkeypatch.setenv(demo.DEMO_VARIABLE, str(world.root))
    monkeypatch.setattr(demo, "DemoPlan", lambda: SMALL)
    human = script("human_labels")
    human.main(["--out", str(tmp_path)])
    assert len(plt.get_fignums()) == 2
    found = pd.read_csv(tmp_path / "human_labels_agreement.csv")
    assert found["simulated"].all()
    (whole,) = found.query("by == 'all' and measure == 'agreement'").itertuples()
    assert 0.86 < whole.estimate < 0.94
    assert 300 < whole.frames < 5000
    table = pd.read_csv(tmp_path / "human_labels_rates.csv")
    assert table["simulated"].all()
    assert table["masked"].all()  # eight nights in a winter are too few
    assert not (tmp_path / "human_labels").exists()


def test_human_labels_that_are_real(tmp_path, monkeypatch, capsys):
    """A table without a time of its own winter has Kp, which comes with the package."""
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "none"))
    time = pd.date_range("2014-03-01T05:00", periods=48, freq="5min")
    labels = np.array(["arc", "diffuse", "clear", "cloudy"])[np.arange(48) % 4]
    people = pd.DataFrame({"when": time, "where": "gill", "what": labels})
    people.loc[48] = [time[0], "nowhere", "arc"]
    people.to_csv(tmp_path / "people.csv", index=False)
    columns = ["--time", "when", "--site", "where", "--label", "what"]
    given = ["--labels", str(tmp_path / "people.csv"), "--offline", "--out", str(tmp_path / "out")]
    script("human_labels").main([*given, *columns])
    said = capsys.readouterr().out
    assert said.startswith("48 of 49 rows are labels\n1 refused: unknown site 'nowhere'\n")
    table = pd.read_csv(tmp_path / "out" / "human_labels_rates.csv")
    assert not table["simulated"].any()
    kp = table[(table["driver"] == "Kp") & (table["exposure"] > 0)]
    assert kp.groupby("label")["events"].sum().to_dict() == {
        "arc": 12, "clear": 12, "diffuse": 12, "discrete": 0,
    }  # fmt: skip
    assert len(plt.get_fignums()) == 1
    assert not (tmp_path / "out" / "human_labels_agreement.csv").exists()


@pytest.mark.parametrize("name", [*SCRIPTS, "human_labels"])
@pytest.mark.parametrize("option", ["--labels", "--data"])
def test_what_is_not_there_is_one_message(name, option, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        script(name).main([option, str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    # A table of human labels is an argument like any other.
    assert ended.value.code == (2 if (name, option) == ("human_labels", "--labels") else 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'none'}: no such")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_list_of_onsets(results, data, joined, tmp_path, capsys):
    """A published list is real, and cannot be laid over simulated data."""
    (tmp_path / "list.csv").write_text("time,site\n2013-11-27T06:00,gill\n2001-01-01T00:00,gill\n")
    given = ["--data", str(joined), "--onsets", str(tmp_path / "list.csv"), "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        script("substorm_epochs").main(given)
    assert ended.value.code == 1
    assert "simulated and real inputs cannot be mixed" in capsys.readouterr().err
    listed = script("substorm_epochs").listed(tmp_path / "list.csv", data)
    assert listed["time"].tolist() == [pd.Timestamp("2013-11-27T06:00")]


@pytest.mark.parametrize("name", [*SCRIPTS, "human_labels"])
def test_scripts_stay_short_and_begin_with_a_title(name):
    text = (ANALYSES / f"{name}.py").read_text()
    assert text.count("\n") <= 86
    _, title, line, blank, *_ = text.splitlines()
    assert line == "=" * len(title)
    assert blank == ""
    assert text.endswith('if __name__ == "__main__":\n    main()\n')
