"""Onsets from labels against a slow reading, and lists with every fault that real ones have."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.forms import NO_FORM, forms
from auroral_stats.labels import CLASSES
from auroral_stats.onsets import drop_overlaps, onsets_from_labels, read_onsets

REAL_LIKE = """Date_UTC,MLT,MLAT,GLON,GLAT
2000-05-16 17:47:17,23.76,63.97,84.96,69.04
2000-05-18 09:55:40,21.51,-64.23,191.68,-67.46
2000-05-18 10:05:40,24.00,64.23,191.68,67.46
"""


def patterned(joined_maker, seed):
    """Return joined data whose forms last for some minutes, with cloud and gaps."""
    rng = np.random.default_rng(seed)
    data = joined_maker(nights=4, hours=5, seed=seed, sites=("gill", "rank"))
    frames = np.zeros(data["frames"].shape, dtype=np.uint8)
    for site in range(2):
        k = 0
        while k < frames.shape[0]:
            length = rng.integers(1, 25)
            frames[k : k + length, site, rng.integers(0, 6)] = 20
            k += length
    frames[rng.random(frames.shape[:2]) < 0.01] = 0
    data["frames"].values[:] = frames
    data["moon_elevation"].values[:] = -5
    return data.isel(time=np.flatnonzero(rng.random(data.sizes["time"]) > 0.005))


@pytest.mark.parametrize(("hold", "before"), [(60, 10), (61, 3), (1, 1)])
def test_every_onset_equals_the_slow_reading(joined_maker, hold, before):
    data = patterned(joined_maker, 2)
    form = forms(data)["form"].to_numpy()
    time = data["time"].to_numpy().astype("M8[m]").astype(int)
    number = CLASSES.index("discrete")
    expected = set()
    for site in range(2):
        of = dict(zip(time.tolist(), form[:, site].tolist(), strict=True))
        for minute in time.tolist():
            past = [of.get(minute - k, NO_FORM) for k in range(1, before + 1)]
            held = [of.get(minute + k, NO_FORM) for k in range(-(-hold // 60) + 1)]
            if all(p not in {NO_FORM, number} for p in past) and all(h == number for h in held):
                expected.add((minute, ("gill", "rank")[site]))
    found = onsets_from_labels(data, hold=hold, before=before, separation=0)
    minutes = found["time"].to_numpy().astype("M8[m]").astype(int).tolist()
    assert set(zip(minutes, found["site"], strict=True)) == expected
    assert len(found) == len(expected) > 5
    assert found["time"].is_monotonic_increasing
    assert found.attrs["simulated"] == "true"
    assert found.attrs["onsets"] == str(len(found))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(1, 60))
def test_no_two_kept_onsets_are_too_near_and_none_is_dropped_for_nothing(minutes, separation):
    minutes = np.sort(minutes)
    table = pd.DataFrame({"time": np.datetime64("2010-01-01") + minutes * np.timedelta64(60, "s")})
    kept = (
        (drop_overlaps(table, separation)["time"] - pd.Timestamp("2010-01-01"))
        // pd.Timedelta("1min")
    ).to_numpy()
    assert (np.diff(kept) >= separation).all()
    for minute in minutes:
        assert any(0 <= minute - k < separation for k in kept)


def test_sites_keep_their_own_onsets():
    times = pd.to_datetime(["2010-01-01T00:00", "2010-01-01T00:05", "2010-01-01T00:10"])
    table = pd.DataFrame({"time": times, "site": ["gill", "rank", "gill"]})
    assert drop_overlaps(table, 30)["site"].tolist() == ["gill", "rank"]


def test_separation_is_told(joined_maker):
    data = patterned(joined_maker, 2)
    everything = onsets_from_labels(data, before=1, separation=0)
    apart = onsets_from_labels(data, before=1, separation=60)
    assert len(apart) + int(apart.attrs["dropped_overlaps"]) == len(everything)
    assert len(apart) < len(everything)
    # Overlaps are dropped unless all are asked for.
    default = onsets_from_labels(data, before=1)
    pd.testing.assert_frame_equal(default, drop_overlaps(everything, 30))
    assert len(default) < len(everything)


def write(tmp_path, text):
    path = tmp_path / "onsets.csv"
    path.write_text(text)
    return path


def test_a_list_like_the_real_ones(tmp_path):
    path = write(tmp_path, REAL_LIKE)
    onsets = read_onsets(path)
    assert list(onsets.columns) == ["time", "mlt", "mlat", "glat", "glon"]
    assert onsets["mlt"].tolist() == [23.76, 21.51, 0.0]
    assert onsets["time"].iloc[0] == pd.Timestamp("2000-05-16T17:47:17")
    north = read_onsets(path, hemisphere="north")
    assert north["mlat"].tolist() == [63.97, 64.23]
    assert north.attrs["dropped_hemisphere"] == "1"
    assert north.attrs["dropped_without_mlat"] == "0"
    assert read_onsets(path, separation=30).attrs["dropped_overlaps"] == "1"


@pytest.mark.parametrize(("hemisphere", "kept"), [("north", 65.0), ("south", -66.0)])
def test_an_onset_without_latitude_is_of_no_hemisphere(tmp_path, hemisphere, kept):
    path = write(tmp_path, "time,mlat\n2010-01-01,65\n2010-01-02,\n2010-01-03,-66\n")
    onsets = read_onsets(path, hemisphere=hemisphere)
    assert onsets["mlat"].tolist() == [kept]
    assert onsets.attrs["dropped_hemisphere"] == "2"
    assert onsets.attrs["dropped_without_mlat"] == "1"
    assert len(read_onsets(path)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "time\n2010-01-01T00:00Z\n2010-01-01T01:30+01:00\n",
        "# from somewhere\n\nOnset Time , Station\n2010-01-01T00:00,GILL\n2010-01-01 00:30,rank\n",
        "\ufeffUTC,IAGA,comment\n2010-01-01 00:30:00,rank,x\n2010-01-01 00:00:00,gill,\n",
    ],
)
def test_other_headers_and_times_are_understood(tmp_path, text):
    onsets = read_onsets(write(tmp_path, text))
    assert onsets["time"].dt.minute.tolist() == [0, 30]
    if "site" in onsets:
        assert onsets["site"].tolist() == ["gill", "rank"]


def test_the_time_zone_of_the_computer_changes_nothing(tmp_path, monkeypatch):
    import time

    path = write(tmp_path, REAL_LIKE)
    before = read_onsets(path)
    monkeypatch.setenv("TZ", "America/Winnipeg")
    time.tzset()
    pd.testing.assert_frame_equal(read_onsets(path), before)
    monkeypatch.undo()
    time.tzset()


FAULTY = """Date_UTC,MLT,MLAT,GLON,GLAT
1996-03-30 04:11:57,23.3,68.70,287.90,58.60
1996-03-30 05:18:48,-4.4,105646.0,-66.5,322.10
not a time,22.0,68.0,10.0,60.0
1970-01-01 00:00:00,0.00,0.00,0.00,0.00
1996-03-30 04:11:57,23.3,68.70,287.90,58.60
1996-04-02 04:57:40,1,2,3,4,5
1996-04-03 04:57:40,x,2,3,4
"""


def test_all_faults_are_told_at_once(tmp_path):
    path = write(tmp_path, FAULTY)
    with pytest.raises(DataError) as caught:
        read_onsets(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: 6 faulty rows: line 3: MLAT 105646.0 is outside -90 to 90")
    for part in (
        "MLT -4.4 is outside 0 to 24 h",
        "GLAT 322.10 is outside",
        "line 4: 'not a time' is no time",
        "line 5: a placeholder, all coordinates are 0",
        "line 6: the same as an earlier row",
        "line 7: more values than columns",
        "line 8: MLT x is outside",
        "skip_bad_rows=True",
    ):
        assert part in text
    left = read_onsets(path, skip_bad_rows=True)
    assert len(left) == 1
    assert left.attrs["bad_rows_dropped"] == "6"
    assert "line 5: a placeholder" in left.attrs["bad_rows"]


def test_local_time_in_degrees_is_not_guessed(tmp_path):
    path = write(tmp_path, "date,mlt\n2010-01-01,359.3\n2010-01-02,336\n2010-01-03,10\n")
    with pytest.raises(DataError, match=r"2 of 3 values of mlt exceed 24.*mlt_units='degree'"):
        read_onsets(path)
    with pytest.raises(DataError, match="mlt_units='degree'"):
        read_onsets(path, skip_bad_rows=True)
    onsets = read_onsets(path, mlt_units="degree")
    np.testing.assert_allclose(onsets["mlt"], [23.9533, 22.4, 10 / 15], atol=1e-4)
    one = write(tmp_path, "date,mlt\n2010-01-01,25\n2010-01-02,3\n2010-01-03,10\n")
    with pytest.raises(DataError, match=r"1 faulty row: line 2: mlt 25 is outside 0 to 24 h"):
        read_onsets(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1996/01/01-02:27:00 2 0\n1996/01/01-02:34:00 3 0\n", "no column of times"),
        ("time,mlt\n", "expected a header line and at least one onset"),
        ("", "expected a header line"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_onsets(write(tmp_path, text))


def test_bad_options_are_named(tmp_path, joined):
    path = write(tmp_path, REAL_LIKE)
    with pytest.raises(UsageError, match="mlt_units 'rad'"):
        read_onsets(path, mlt_units="rad")
    with pytest.raises(UsageError, match="hemisphere 'east'"):
        read_onsets(path, hemisphere="east")
    with pytest.raises(UsageError, match="separation -1"):
        read_onsets(path, separation=-1)
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_onsets(tmp_path / "none.csv")
    with pytest.raises(DataError, match="needs a column of magnetic latitude"):
        read_onsets(write(tmp_path, "time\n2010-01-01\n"), hemisphere="north")
    with pytest.raises(DataError, match="no onset is left"):
        read_onsets(write(tmp_path, "time,mlat\n2010-01-01,60\n"), hemisphere="south")
    with pytest.raises(UsageError, match="--label 'moon'"):
        onsets_from_labels(joined, "moon")
    with pytest.raises(UsageError, match="hold 0 s"):
        onsets_from_labels(joined, hold=0)
