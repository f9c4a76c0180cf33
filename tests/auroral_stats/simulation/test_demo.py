"""The demo world is whole, reads like anyone's data, and says everywhere that it is simulated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cdflib
import numpy as np
import pandas as pd
import pytest

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.indices import load_hourly_indices, load_kp
from auroral_stats.join import join
from auroral_stats.labels import USABLE, iter_partitions, read_partition, validate_labels
from auroral_stats.occurrence import occurrence
from auroral_stats.omni import load_omni
from auroral_stats.simulation import demo
from auroral_stats.simulation.demo import DEMO_VARIABLE, DemoWorld, build_demo, default_demo_root
from auroral_stats.simulation.demo_plan import DemoPlan, calendar_of, stream
from auroral_stats.simulation.season import simulate_season, site_forms, station_field


def small_plan() -> DemoPlan:
    return DemoPlan(sites=("gill", "rank"), nights=3, margin_days=1, frame_seconds=12, truth_runs=3)


@pytest.fixture(scope="module")
def plan() -> DemoPlan:
    return small_plan()


@pytest.fixture(scope="module")
def world(tmp_path_factory, plan) -> DemoWorld:
    return build_demo(tmp_path_factory.mktemp("demo") / "world", plan=plan)


def test_every_part_is_there(world, plan):
    files = {
        path.relative_to(world.root).as_posix() for path in world.root.rglob("*") if path.is_file()
    }
    for name in (
        "spedas/omni/hro_1min/2013/omni_hro_1min_20131101_v01.cdf",
        "spedas/omni/hro_1min/2014/omni_hro_1min_20141101_v01.cdf",
        "spedas/omni/hourly/2013/omni2_h0_mrg1hr_20130701_v01.cdf",
        "spedas/geom_indices/Kp_def2014.wdc",
        "spedas/themis/thg/l2/mag/rank/2014/thg_l2_mag_rank_20141121_v01.cdf",
        "labels/site=gill/year=2013/month=11/labels.parquet",
        "truth_rates.csv",
        "truth_rr.csv",
        "_demo.json",
        "README.txt",
    ):
        assert name in files
    # six days a winter: three nights that end on a fourth date, and a margin on either side
    assert sum("thg_l2_mag_gill" in name for name in files) == 2 * 6
    assert not [p for p in world.root.parent.iterdir() if p != world.root], "nothing left beside it"


def test_every_file_says_that_it_is_simulated(world):
    paths = list(world.spedas.rglob("*.cdf"))
    assert len(paths) > 20
    for path in paths:
        assert cdflib.CDF(path).globalattsget()["simulated"] == ["true"], path
    for path in world.spedas.rglob("*.wdc"):
        assert path.read_text().startswith("# simulated\n")
    assert validate_labels(world.labels).info.simulated
    for path in (world.truth_rates, world.truth_rr):
        assert pd.read_csv(path)["simulated"].all()
    assert json.loads((world.root / "_demo.json").read_text())["simulated"] is True
    assert "imulated" in (world.root / "README.txt").read_text()


def test_labels_are_frames_of_the_dark_hours(world, plan):
    store = validate_labels(world.labels)
    assert store.sites == ("gill", "rank")
    calendar = calendar_of(plan, plan.winters[0])
    for site, code in enumerate(plan.sites):
        time = np.concatenate(
            [
                read_partition(p, ("time",), info=store.info)["time"]
                for p in iter_partitions(store, [code], "2013", "2014")
            ]
        )
        minute = ((time - calendar.time[0]) // np.timedelta64(1, "m")).astype(int)
        sun = calendar.sun[minute, site]
        assert sun.max() <= -10
        assert (sun > -12).sum() > 100, "twilight frames, for the dark rule to leave out"
        assert np.diff(time).min() == np.timedelta64(12_000, "ms")
        assert time.size > 0.6 * (calendar.sun[calendar.run, site] <= -10).sum() * 5


def test_our_own_rooms_read_it(world):
    hro = load_omni("2013-11-24", "2013-11-30", root=world.spedas, offline=True)
    assert hro.attrs["simulated"] == "true"
    assert hro.attrs["missing_files"] == []
    assert "fill_disagreements" not in hro.attrs
    assert all("outside_stated_range" not in hro[name].attrs for name in hro.data_vars)
    assert np.isfinite(hro["Bz"]).mean() > 0.8
    season = simulate_season(small_plan(), 0, 0)
    there = np.isfinite(hro["Bz"].to_numpy())
    np.testing.assert_array_equal(hro["Bz"].to_numpy()[there], np.round(season.wind.bz, 2)[there])
    kp = load_kp("2013-11-25", "2013-11-28", root=world.spedas)
    assert np.isfinite(kp["Kp"]).all()
    hourly = load_hourly_indices("2013-11-25", "2013-11-28", root=world.spedas, offline=True)
    np.testing.assert_array_equal(hourly["Kp"].to_numpy()[::3], kp["Kp"].to_numpy())
    assert (
        abs(float(hourly["Dst"][5]) - float(hro["SYM_H"].to_numpy()[29 * 60 : 30 * 60].mean()))
        <= 0.51
    )


def test_pyspedas_reads_it(world, monkeypatch):
    import pyspedas

    monkeypatch.setenv("SPEDAS_DATA_DIR", str(world.spedas))
    for project in ("omni", "themis"):
        monkeypatch.setitem(
            getattr(pyspedas.projects, project).config.CONFIG,
            "local_data_dir",
            str(world.spedas / project),
        )
    theirs = pyspedas.projects.omni.data(
        trange=["2013-11-26", "2013-11-27"],
        datatype="1min",
        notplot=True,
        no_update=True,
        varnames=["BZ_GSM", "flow_speed"],
    )
    ours = load_omni("2013-11-26", "2013-11-27", root=world.spedas, offline=True)
    times = theirs["BZ_GSM"]["x"].astype("datetime64[ns]")
    inside = (times >= ours.driver_time.values[0]) & (times <= ours.driver_time.values[-1])
    for name, cdf_name in (("Bz", "BZ_GSM"), ("flow_speed", "flow_speed")):
        read = np.asarray(theirs[cdf_name]["y"])[inside].astype(np.float32)
        np.testing.assert_array_equal(read, ours[name].to_numpy().astype(np.float32))
    # the door for users asks a server which stations there are; behind it is this
    field = pyspedas.projects.themis.load.load(
        instrument="gmag",
        stations=["gill"],
        greenland=[False],
        variometer=[0],
        trange=["2013-11-26", "2013-11-27"],
        no_update=True,
        notplot=True,
    )
    values = np.asarray(field["thg_mag_gill"]["y"])
    assert values.shape == (8640, 3)
    assert 8_000 < np.nanmedian(values[:, 0]) < 16_000


def gmag_file(world, code, day):
    path = (
        world.spedas
        / f"themis/thg/l2/mag/{code}/{day[:4]}/thg_l2_mag_{code}_{day.replace('-', '')}_v01.cdf"
    )
    return cdflib.CDF(path)


def test_magnetometers_hold_what_was_simulated(world, plan):
    season = simulate_season(plan, 0, 0)
    sequence = site_forms(plan, season, 1)
    ((time, field),) = station_field(plan, season, sequence, 1)
    day = slice(2 * 8640, 3 * 8640)
    file = gmag_file(world, "rank", str(time[day][0])[:10])
    np.testing.assert_array_equal(file.varget("thg_mag_rank"), field[day].astype(np.float32))
    stamps = (file.varget("thg_mag_rank_time") * 1e3).round().astype("int64").astype("M8[ms]")
    np.testing.assert_array_equal(stamps, time[day])


def test_one_station_day_is_at_two_hertz(world, plan):
    season = simulate_season(plan, 0, 1)
    fast = str(season.calendar.time[season.wind.arrivals[0]])[:10]
    sizes = {
        path.stem[-12:-4]: cdflib.CDF(path).varget("thg_mag_gill").shape[0]
        for path in sorted((world.spedas / "themis/thg/l2/mag/gill/2014").glob("*.cdf"))
    }
    assert sizes.pop(fast.replace("-", "")) == 172_800
    assert set(sizes.values()) == {8640}


def test_the_store_finds_its_own_solar_wind(world, monkeypatch, tmp_path):
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    joined = join(world.labels, offline=True)
    assert joined.attrs["simulated"] == "true"
    assert "missing_drivers" not in joined.attrs
    assert np.isfinite(joined["Bz"]).mean() > 0.8
    result = occurrence(joined, "Bz")
    assert result.attrs["simulated"] == "true"
    assert bool(result["masked"].all()), "three nights a winter pass no gate"


def test_the_same_seed_gives_the_same_bytes(world, plan, tmp_path):
    again = build_demo(tmp_path / "again", plan=plan)

    def contents(made):
        return {
            path.relative_to(made.root): path.read_bytes()
            for path in made.root.rglob("*")
            if path.is_file()
        }

    one, two = contents(world), contents(again)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    other = build_demo(tmp_path / "other", seed=1, plan=plan)
    assert (contents(other)[Path("truth_rates.csv")]) != one[Path("truth_rates.csv")]


def test_a_world_that_is_there_is_used(world, plan):
    before = {path: path.stat().st_mtime_ns for path in world.root.rglob("*")}
    said: list[str] = []
    assert build_demo(world.root, plan=plan, progress=said.append) == world
    assert said == []
    assert {path: path.stat().st_mtime_ns for path in world.root.rglob("*")} == before


def test_what_is_not_this_world_is_refused(world, plan, tmp_path):
    with pytest.raises(UsageError, match=r"holds the demo world of seed 0.*asked for is seed 5"):
        build_demo(world.root, seed=5, plan=plan)
    with pytest.raises(UsageError, match="of another size"):
        build_demo(world.root, plan=replace(plan, nights=2))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="no demo world; choose another folder"):
        build_demo(tmp_path, plan=plan)
    with pytest.raises(UsageError, match="no demo world"):
        build_demo(tmp_path / "mine.txt", plan=plan)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(UsageError, match=r"--seed -1"):
        build_demo(tmp_path / "new", seed=-1, plan=plan)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_changed_world_is_not_taken_for_whole(plan, tmp_path):
    tiny = replace(plan, sites=("gill",), nights=1, truth_runs=2, fast_seconds=0)
    made = build_demo(tmp_path / "world", plan=tiny)
    (made.root / "figure.png").write_bytes(b"what a user put there is no change")
    assert build_demo(made.root, plan=tiny) == made
    made.truth_rr.write_text("changed\n")
    with pytest.raises(ArchiveError, match="was changed since it was built"):
        build_demo(made.root, plan=tiny)
    made.truth_rr.unlink()
    with pytest.raises(ArchiveError, match="was changed since it was built"):
        build_demo(made.root, plan=tiny)


def test_an_empty_folder_is_filled(plan, tmp_path):
    tiny = replace(plan, sites=("gill",), nights=1, truth_runs=2, fast_seconds=0)
    (tmp_path / "empty").mkdir()
    made = build_demo(tmp_path / "empty", plan=tiny)
    assert made.truth_rates.is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


def test_another_run_may_finish_first(world, plan, tmp_path, monkeypatch):
    """Whoever comes second uses what is there."""
    root = tmp_path / "both"
    build = demo._build

    def overtaken(*arguments):
        build(*arguments)
        shutil.copytree(world.root, root)

    monkeypatch.setattr(demo, "_build", overtaken)
    assert build_demo(root, plan=plan).labels == root / "labels"
    assert [path.name for path in tmp_path.iterdir()] == ["both"]


def test_what_a_killed_run_left_is_removed(plan, tmp_path):
    code = (
        "import os, signal, sys\n"
        "from auroral_stats.simulation import demo\n"
        "demo._build = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "demo.build_demo(sys.argv[1])\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "world")], check=False)
    assert killed.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    build_demo(tmp_path / "world", plan=plan)
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_a_mount_point_is_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(demo, "_build", lambda *_: pytest.fail("built"))
    monkeypatch.setattr(demo, "_is_there", lambda *_: False)
    with pytest.raises(UsageError, match="is where a file system is mounted"):
        build_demo("/")


# The limit on the size of files, which stands in for a full disk, is one of POSIX systems.
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets no limit on files")
def test_a_disk_that_is_full_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for a full disk: the same errors, from the system.

    The first limit stops the labels, the second the magnetometers that come after them.
    """
    code = f"""
import resource
from auroral_stats.errors import ArchiveError
from auroral_stats.simulation.demo import build_demo
from auroral_stats.simulation.demo_plan import DemoPlan
plan = DemoPlan(sites=("gill",), nights=1, margin_days=1, frame_seconds=12, truth_runs=2)
for size in (1000, 100_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        build_demo({str(tmp_path / "world")!r}, plan=plan)
    except ArchiveError as error:
        print(error)
"""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == 2
    assert all("the demo world cannot be written (File too large)" in line for line in said)
    assert list(tmp_path.iterdir()) == []


def test_the_default_place(monkeypatch, tmp_path):
    monkeypatch.delenv(DEMO_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_demo_root(4).parent == tmp_path / "auroral_stats"
    assert default_demo_root(4).name.endswith("-4")
    assert default_demo_root(4) != default_demo_root(5)
    monkeypatch.setenv(DEMO_VARIABLE, str(tmp_path / "mine"))
    assert default_demo_root(4) == tmp_path / "mine"


@pytest.mark.parametrize(
    "wrong",
    [{"nights": 0}, {"sites": ()}, {"frame_seconds": 7}, {"field_seconds": 0}, {"truth_runs": 1}],
)
def test_a_plan_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        replace(small_plan(), **wrong)


def test_streams_are_apart():
    one, two, again = (
        stream(3, 0, 1).random(5),
        stream(3, 0, 2).random(5),
        stream(3, 0, 1).random(5),
    )
    np.testing.assert_array_equal(one, again)
    assert not np.any(one == two)


def test_both_runs_have_new_and_full_moon():
    plan = DemoPlan(sites=("gill",))
    for winter in plan.winters:
        calendar = calendar_of(plan, winter)
        lit = calendar.illumination[calendar.run]
        assert lit.min() < 0.02
        assert lit.max() > 0.98


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> DemoWorld:
    return build_demo(tmp_path_factory.mktemp("whole") / "world")


@pytest.fixture(scope="module")
def whole_joined(whole):
    return join(whole.labels, offline=True)


@pytest.mark.slow
def test_it_is_of_the_size_that_is_promised(whole, whole_joined):
    size = sum(path.stat().st_size for path in whole.root.rglob("*") if path.is_file())
    assert 50e6 < size < 300e6
    assert whole_joined.sizes["site"] == 6
    assert whole_joined["frames"].sum(dtype="int64") > 5e6
    nights = np.unique((whole_joined["time"].to_numpy() - np.timedelta64(19, "h")).astype("M8[D]"))
    assert nights.size == 80


@pytest.mark.slow
def test_forms_come_where_and_when_they_should(whole_joined):
    lit = (whole_joined["moon_elevation"] > 0) & (whole_joined["moon_illumination"] >= 0.3)
    dark = whole_joined["frames"].where((whole_joined["sun_elevation"] <= -12) & ~lit, 0)
    usable = dark.sel(label=list(USABLE))
    midlatitude = usable.sel(site=["gill", "fsim", "fsmi", "snkq"])
    share = midlatitude.sum(["time", "site"]) / midlatitude.sum()
    assert 0.35 < share.sel(label="clear") < 0.55
    assert 0.18 < share.sel(label="diffuse") < 0.32
    assert 0.08 < share.sel(label="arc") < 0.2
    assert 0.08 < share.sel(label="discrete") < 0.2
    hour = whole_joined["mlt"]
    evening = usable.where((hour > 19) & (hour < 23), 0).sum(["time", "site"])
    morning = usable.where((hour > 1) & (hour < 5), 0).sum(["time", "site"])
    evening, morning = evening / evening.sum(), morning / morning.sum()
    assert evening.sel(label="arc") > 1.5 * morning.sel(label="arc")
    assert morning.sel(label="diffuse") > 1.5 * evening.sel(label="diffuse")


@pytest.mark.slow
def test_moonlight_selects_the_bright(whole_joined):
    up = whole_joined["moon_elevation"] > 0
    lit = up & (whole_joined["moon_illumination"] >= 0.3)
    with_moon, without = (
        whole_joined["frames"].where(keep, 0).sum(["time", "site"]) for keep in (lit, ~lit)
    )
    moon = whole_joined["frames"].sel(label="moon")
    assert int(moon.where(~up, 0).sum()) == 0
    assert with_moon.sel(label="moon") > 0.1 * with_moon.sum()
    discrete = [
        float(x.sel(label="discrete") / x.sel(label=list(USABLE)).sum())
        for x in (with_moon, without)
    ]
    assert discrete[0] > 1.2 * discrete[1]


@pytest.mark.slow
def test_there_are_storms_and_gaps(whole_joined):
    assert float(whole_joined["SYM_H"].min()) < -70
    assert float(whole_joined["Kp"].max()) >= 6
    assert float(whole_joined["AL"].min()) < -700
    for name, low, high in (("Bz", 0.85, 0.99), ("flow_speed", 0.8, 0.98), ("AE", 0.85, 0.99)):
        assert low < float(np.isfinite(whole_joined[name]).mean()) < high, name


def covered(whole, result, *, labels=USABLE, shift=0):
    """Share of the unmasked cells whose interval holds the truth, and their number."""
    truth = pd.read_csv(whole.truth_rates).query("band == 'all'")
    bins = [str(name) for name in result["bin"].to_numpy()][:-1]
    held = []
    for row, name in enumerate(bins[: len(bins) - shift]):
        for label, true_label in zip(USABLE, labels, strict=True):
            cell = {"bin": name, "label": label}
            if bool(result["masked"].sel(cell)):
                continue
            at = truth[(truth["bin"] == bins[row + shift]) & (truth["label"] == true_label)]
            low, high = (float(result[f"ci_{k}"].sel(cell)) for k in ("low", "high"))
            held.append((low <= at["rate"].item() <= high, at["standard_error"].item(), high - low))
    table = np.array(held)
    return table[:, 0].mean(), len(table), (table[:, 1] / (table[:, 2] / 2)).max()


@pytest.mark.slow
def test_intervals_cover_the_truth(whole, whole_joined):
    """Of the cells that pass the gate about 95 % should cover.

    The cells share nights, so that they count as some eight independent ones: with a coverage
    of 95 %, fewer than 80 % of the cells cover in one world of twenty.
    """
    result = occurrence(whole_joined, "Bz")
    share, cells, truth_error = covered(whole, result)
    assert cells >= 16
    assert share >= 0.8
    assert truth_error <= 0.3, "the truth is known better than the intervals are wide"


@pytest.mark.slow
def test_what_is_wrong_does_not_cover(whole, whole_joined):
    """The comparison can fail: field of the other sign, other classes, another denominator."""
    turned = whole_joined.assign(Bz=-whole_joined["Bz"])
    assert covered(whole, occurrence(turned, "Bz"))[0] < 0.7
    swapped = ("diffuse", "arc", "discrete", "clear")
    assert covered(whole, occurrence(whole_joined, "Bz"), labels=swapped)[0] < 0.7
    everything = occurrence(whole_joined, "Bz", denominator="all", labels=USABLE)
    assert covered(whole, everything)[0] < 0.4


@pytest.mark.slow
def test_bands_cover_too(whole, whole_joined):
    result = occurrence(whole_joined, "Bz")
    truth = pd.read_csv(whole.truth_rates).set_index(["band", "bin", "label"])["rate"]
    held = []
    for band in map(str, result["band"].to_numpy()):
        for name in map(str, result["bin"].to_numpy()[:-1]):
            for label in USABLE:
                cell = {"band": band, "bin": name, "label": label}
                if not bool(result["band_masked"].sel(cell)):
                    low, high = (float(result[f"band_ci_{k}"].sel(cell)) for k in ("low", "high"))
                    held.append(low <= truth[band, name, label] <= high)
    assert len(held) > 30
    assert np.mean(held) >= 0.8


@pytest.mark.slow
def test_real_drivers_are_refused(whole, monkeypatch):
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(whole.spedas))
    with pytest.raises(DataError, match="simulated"):
        load_omni("2013-12-01", "2013-12-02", offline=True)


@pytest.mark.slow
def test_matching_recovers_the_risk_ratios(whole, whole_joined):
    """Matched by the driver before the run, ratios are the true ones; crude ones are not."""
    from auroral_stats.geoeffectiveness import geoeffectiveness
    from auroral_stats.mag_join import add_magnetometers

    data = add_magnetometers(whole_joined, root=whole.spedas, offline=True)
    result = geoeffectiveness(data, "dBdt", control="auroral")
    truth = pd.read_csv(whole.truth_rr).set_index(["control", "threshold", "label"])
    held = []
    for threshold in (0.3, 0.7, 1.1):
        for label in ("arc", "diffuse", "discrete"):
            cell = result.sel(threshold=threshold, label=label)
            assert not bool(cell["masked"])
            true = truth.loc[("auroral", threshold, label), "rr"]
            held.append(float(cell["risk_ratio_low"]) <= true <= float(cell["risk_ratio_high"]))
    assert np.mean(held) >= 7 / 9
    cell = result.sel(threshold=0.3, label="discrete")
    assert float(cell["crude_risk_ratio_low"]) > truth.loc[("auroral", 0.3, "discrete"), "rr"]
    assert float(cell["risk_ratio_low"]) > 1.2
