"""Real magnetometer days: SuperMAG minutes and an hour of 1 Hz from Poker Flat.

The SuperMAG files have their baseline removed already and hold at most 48 hours, so that baselines
are not tested on them.
"""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
from scipy import signal

from auroral_stats.despiking import despike
from auroral_stats.disturbance import bay_depth, dbdt, horizontal, positive_bay
from auroral_stats.gmag import load_magnetometer
from auroral_stats.gmag_day import day_means
from auroral_stats.pi2 import pi2_power
from auroral_stats.simulation.gmag_files import write_gmag

#: SuperMAG's codes of GILL, PINA and RANK.
STATIONS = {"GIM": "gill", "PIN": "pina", "RAN": "rank"}
STORM = "smc-event-2008-02-10"
DAYS = (STORM, "20190403-00-22-supermag", "event-2001-03-05", "quiet-day-1998-02-02")


def minutes_of(folder: Path, day: str, code: str) -> pd.DataFrame:
    """N, E and Z of one station, on the minutes that the file has."""
    table = pd.read_csv(folder / "gmag" / "supermag" / f"{day}.csv", parse_dates=["Date_UTC"])
    return table[table["IAGA"] == code].set_index("Date_UTC")[["N", "E", "Z"]]


@pytest.mark.parametrize("code", STATIONS)
@pytest.mark.parametrize("day", DAYS)
def test_measures_agree_with_pandas(realdata, tmp_path, monkeypatch, day, code):
    table = minutes_of(realdata, day, code)
    station = STATIONS[code]
    monkeypatch.delenv("THM_DATA_DIR", raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    write_gmag(station, table.index.to_numpy(), table.to_numpy(), tmp_path, simulated=False)
    start, end = table.index[0], table.index[-1] + pd.Timedelta("1min")
    data = load_magnetometer(station, [(start, end)], offline=True)
    mag = data["mag"].isel(station=0)
    north, east = mag.sel(component="H", drop=True), mag.sel(component="D", drop=True)
    assert data.attrs["spikes_removed"] == []

    # Independently: on all minutes, with pandas' own time windows.
    full = table.reindex(pd.date_range(table.index[0], table.index[-1], freq="1min"))
    n, e = full["N"].astype("f4").astype(float), full["E"].astype("f4").astype(float)
    np.testing.assert_allclose(north, n)
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(horizontal(north, east), (n**2 + e**2) ** 0.5, **close)
    rate = ((n.diff() ** 2 + e.diff() ** 2) ** 0.5) / 60
    np.testing.assert_allclose(dbdt(north, east), rate, **close)
    before = n.rolling("10min", min_periods=9, closed="left").median()
    ahead = n[::-1].reset_index(drop=True).rolling(30, min_periods=27)
    np.testing.assert_allclose(
        bay_depth(north), ahead.min()[::-1].to_numpy() - before.to_numpy(), **close
    )
    np.testing.assert_allclose(
        positive_bay(north), ahead.max()[::-1].to_numpy() - before.to_numpy(), **close
    )
    # On the axis of the file, which lacks the missing minutes, the rates are the same.
    there = full.index.isin(table.index)
    given = dbdt(
        table["N"].to_numpy(), table["E"].to_numpy(), 60, time=table.index.to_numpy("M8[ns]")
    )
    np.testing.assert_allclose(given, rate[there], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("code", "most"), [("GIM", 3.14), ("RAN", 4.74)])
def test_largest_rates_of_the_storm_day(realdata, code, most):
    table = minutes_of(realdata, STORM, code)
    rate = dbdt(table["N"].to_numpy(), table["E"].to_numpy(), 60)
    assert np.nanmax(rate) == pytest.approx(most, abs=0.005)


def test_substorms_are_no_spikes(realdata):
    for day in DAYS:
        for code in STATIONS:
            field = minutes_of(realdata, day, code).to_numpy()
            assert despike(field, 60.0) is field


@pytest.fixture
def poker(realdata):
    """Seconds of the day and H, D, Z of an hour at 1 Hz."""
    with netCDF4.Dataset(realdata / "gmag" / "poker_2017_11_16_10.nc") as file:
        file.set_auto_mask(False)
        hours = np.array(file["time"][:], dtype=float)
        field = np.column_stack([np.array(file[f"{c}comp"][:], dtype=float) for c in "hdz"])
    return np.rint(hours * 3600), field


def test_the_largest_rate_of_an_hour_depends_on_the_cadence(poker):
    seconds, field = poker
    assert despike(field, 1.0) is field
    whole = field[:3600].reshape(-1, 10, 3).mean(axis=1)
    day = day_means(seconds, field)
    assert day.step_seconds == 1.0
    assert np.nanmax(dbdt(field[:, 0], field[:, 1], 1.0)) == pytest.approx(4.00, abs=0.005)
    assert np.nanmax(dbdt(whole[:, 0], whole[:, 1], 10.0)) == pytest.approx(1.51, abs=0.005)
    minute = field[:3600].reshape(-1, 60, 3).mean(axis=1)
    assert np.nanmax(dbdt(minute[:, 0], minute[:, 1], 60.0)) == pytest.approx(0.93, abs=0.005)
    # One stamp comes twice in this file, so that a minute by stamps has a sample less.
    by_stamp = dbdt(day.means[:, 0], day.means[:, 1], 60.0)
    assert np.nanmax(by_stamp) == pytest.approx(0.93, abs=0.015)


def test_pi2_power_of_a_real_hour_agrees_with_a_filter_run_both_ways(poker):
    """A Butterworth band-pass run both ways, weighted as the window is, sees the same power."""
    _, field = poker
    h, d = (field[:3600, k].reshape(-1, 5).mean(axis=1) for k in (0, 1))
    power = pi2_power(h, d, 5.0)[9:]
    band = signal.butter(4, (1 / 150, 1 / 40), btype="band", fs=0.2, output="sos")
    passed = [signal.sosfiltfilt(band, x - x.mean()) for x in (h, d)]
    weight = np.sin(np.pi * (np.arange(120) + 0.5) / 120) ** 4
    expected = np.array(
        [
            sum(np.sum(weight * x[12 * m : 12 * m + 120] ** 2) for x in passed) / weight.sum()
            for m in range(51)
        ]
    )
    assert np.corrcoef(np.log(power), np.log(expected))[0, 1] > 0.98
    assert np.median(power / expected) == pytest.approx(1.0, abs=0.2)
