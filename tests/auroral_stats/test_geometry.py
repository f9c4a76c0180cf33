"""Sun, Moon and magnetic coordinates against astropy and aacgmv2, called directly."""

import os
import socket
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats import ephemeris, geometry
from auroral_stats.errors import UsageError
from auroral_stats.geometry import (
    QUANTITIES,
    magnetic_coordinates,
    moon_illumination,
    site_geometry,
    sun_moon_elevation,
)
from auroral_stats.sites import load_sites

SITES = load_sites()
DIRECTIONS = ("sun_elevation", "sun_azimuth", "moon_elevation", "moon_azimuth")
# what is promised; what is reached is ten times better, and held so that it cannot rot unnoticed
PROMISED_DEG, REACHED_DEG = 0.05, 0.006
PROMISED_H, REACHED_H = 0.02, 0.003


def random_times(n, seed, start="2006-01-01", end="2025-01-01"):
    first, last = np.array([start, end], dtype="datetime64[ms]").astype(np.int64)
    return np.random.default_rng(seed).integers(first, last, n).astype("datetime64[ms]")


def circular(difference, period):
    return (difference + period / 2) % period - period / 2


def astropy_directions(times, latitude, longitude):
    """Elevation and azimuth of Sun and Moon for pairs of time and place, by astropy alone."""
    import astropy.units as u
    from astropy.coordinates import AltAz, EarthLocation, get_body, solar_system_ephemeris
    from astropy.time import Time
    from astropy.utils import iers

    found = {}
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        solar_system_ephemeris.set("builtin"),
    ):
        place = EarthLocation.from_geodetic(longitude * u.deg, latitude * u.deg, 0 * u.m)
        when = Time(times, scale="utc")
        horizon = AltAz(obstime=when, location=place, pressure=0 * u.hPa)
        for body in ("sun", "moon"):
            seen = get_body(body, when, place).transform_to(horizon)
            found[f"{body}_elevation"] = seen.alt.deg
            found[f"{body}_azimuth"] = seen.az.deg
    return found


def largest_errors(times, site_index):
    """Largest disagreement with astropy over pairs, deg; azimuths as they are, not on the sky."""
    places = SITES.iloc[site_index]
    expected = astropy_directions(
        times, places["latitude"].to_numpy(), places["longitude"].to_numpy()
    )
    sky = site_geometry(times, quantities=DIRECTIONS)
    rows = np.arange(len(times))
    return {
        name: np.abs(circular(sky[name].values[rows, site_index] - expected[name], 360)).max()
        for name in DIRECTIONS
    }


def test_directions_agree_with_astropy_at_every_site_over_2006_to_2024():
    site_index = np.tile(np.arange(len(SITES)), 14)
    errors = largest_errors(random_times(site_index.size, seed=1), site_index)
    assert max(errors.values()) < PROMISED_DEG
    assert max(errors.values()) < REACHED_DEG * 2


@pytest.mark.slow
def test_directions_agree_with_astropy_at_many_random_times():
    site_index = np.tile(np.arange(len(SITES)), 400)
    errors = largest_errors(random_times(site_index.size, seed=2), site_index)
    assert max(errors["sun_elevation"], errors["moon_elevation"]) < REACHED_DEG
    assert max(errors["sun_azimuth"], errors["moon_azimuth"]) < REACHED_DEG * 2


def test_moon_on_the_horizon_where_parallax_is_largest():
    minutes = np.arange("2014-01-01T00:00", "2014-02-01T00:00", dtype="datetime64[m]")
    moon = site_geometry(minutes, quantities=["moon_elevation"]).moon_elevation.values
    rows, columns = np.nonzero(np.abs(moon) < 0.5)
    some = np.random.default_rng(3).choice(rows.size, 150, replace=False)
    rows, columns = rows[some], columns[some]
    errors = largest_errors(minutes[rows].astype("datetime64[ms]"), columns)
    assert errors["moon_elevation"] < REACHED_DEG

    # without parallax the Moon would stand about a degree higher: the test can see it
    _, geocentric = ephemeris.sun_moon_positions(minutes[rows])
    latitude, longitude = SITES["latitude"].to_numpy(), SITES["longitude"].to_numpy()
    far = horizon_elevation(geocentric * 1e6, latitude, longitude)
    lifted = far[np.arange(rows.size), columns] - moon[rows, columns]
    assert 0.85 < lifted.min() < lifted.max() < 1.05


def horizon_elevation(position, latitude, longitude):
    east, north, up = ephemeris.horizon_components(position, latitude, longitude)
    return np.degrees(np.arctan2(up, np.hypot(east, north)))


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (0.0, -180.0), (78.2, 15.8)],
)
def test_places_far_from_the_sites(latitude, longitude):
    times = random_times(20, seed=4)
    expected = astropy_directions(times, np.full(20, latitude), np.full(20, longitude))
    sun, moon = sun_moon_elevation(times, latitude, longitude)
    np.testing.assert_allclose(sun, expected["sun_elevation"], atol=REACHED_DEG)
    np.testing.assert_allclose(moon, expected["moon_elevation"], atol=REACHED_DEG)


def test_midnight_sun_and_polar_night_at_taloyoak():
    june = np.arange("2015-06-21", "2015-06-22", dtype="datetime64[m]")
    december = np.arange("2015-12-21", "2015-12-22", dtype="datetime64[m]")
    sun = site_geometry(june, "talo").sun_elevation
    assert sun.min() > 2.5
    assert float(sun.max()) == pytest.approx(90 - 69.546 + 23.44, abs=0.02)
    assert site_geometry(december, "talo").sun_elevation.max() < -2.5


def test_sun_is_south_at_its_highest():
    day = np.arange("2014-03-20T12:00", "2014-03-21T00:00", dtype="datetime64[m]")
    sky = site_geometry(day, "gill")
    noon = int(sky.sun_elevation.values.argmax())
    assert float(sky.sun_azimuth[noon, 0]) == pytest.approx(180, abs=0.3)
    assert float(sky.sun_azimuth[noon - 120, 0]) < 180 < float(sky.sun_azimuth[noon + 120, 0])


def test_moon_illumination_agrees_with_astropy():
    from astropy.coordinates import get_body, solar_system_ephemeris
    from astropy.time import Time
    from astropy.utils import iers

    times = random_times(200, seed=5)
    with iers.conf.set_temp("auto_download", False), solar_system_ephemeris.set("builtin"):
        sun, moon = (get_body(body, Time(times, scale="utc")) for body in ("sun", "moon"))
        elongation = sun.separation(moon)
    phase = np.arctan2(
        sun.distance * np.sin(elongation), moon.distance - sun.distance * np.cos(elongation)
    )
    expected = (1 + np.cos(phase)) / 2
    np.testing.assert_allclose(moon_illumination(times), expected.value, atol=1e-4)
    assert moon_illumination(times).min() < 0.05
    assert moon_illumination(times).max() > 0.95


def aacgmv2_direct(time):
    """Magnetic latitude, longitude and local time of every site at the very instant."""
    import aacgmv2

    when = time.astype("datetime64[us]").item()
    mlat, mlon, _ = aacgmv2.convert_latlon_arr(
        SITES["latitude"].to_numpy(), SITES["longitude"].to_numpy(), 110.0, when
    )
    return mlat, mlon, aacgmv2.convert_mlt(mlon, when)


def test_magnetic_coordinates_agree_with_aacgmv2_at_every_site_over_2006_to_2024():
    times = random_times(400, seed=6)
    sky = site_geometry(times, quantities=["mlat", "mlon", "mlt"])
    expected = [np.array(column) for column in zip(*map(aacgmv2_direct, times), strict=True)]
    assert np.abs(sky.mlat.values - expected[0]).max() < 0.01
    assert np.abs(circular(sky.mlon.values - expected[1], 360)).max() < 0.04
    mlt_error = np.abs(circular(sky.mlt.values - expected[2], 24)).max()
    assert mlt_error < PROMISED_H
    assert mlt_error < REACHED_H


def test_mlt_through_the_year_ends_and_the_end_of_the_coefficients():
    from auroral_stats.aacgm import aacgm_span

    end = aacgm_span()[1]
    hours = np.arange(1, 48) * np.timedelta64(1800, "s").astype("timedelta64[ms]")
    for edge in (np.datetime64("2010-01-01", "ms"), np.datetime64("2020-01-01", "ms"), end):
        times = edge - hours if edge == end else edge - hours[24] + hours
        sky = site_geometry(times, quantities=["mlt"])
        expected = np.array([aacgmv2_direct(time)[2] for time in times])
        assert np.abs(circular(sky.mlt.values - expected, 24)).max() < REACHED_H


@pytest.mark.parametrize("days_before", [-29, -3, 0, 29, 4000])
def test_mlt_does_not_depend_on_what_aacgmv2_was_asked_before(days_before):
    import aacgmv2

    time = np.datetime64("2019-02-27T05:17")
    expected = site_geometry(time, "gill").mlt.item()
    earlier = (np.datetime64("2019-02-27T05:00:00") - np.timedelta64(days_before, "D")).item()
    aacgmv2.convert_latlon_arr([60.0], [250.0], [110.0], earlier)
    aacgmv2.convert_mlt([0.0], np.datetime64("2019-02-27T05:00:00").item())
    assert site_geometry(time, "gill").mlt.item() == expected


def test_silent_error_8_fixed_mlat():
    new_years = np.array(["2008-01-01", "2022-01-01"], dtype="datetime64[D]")
    mlat = site_geometry(new_years, "gbay", quantities=["mlat"]).mlat.values[:, 0]
    np.testing.assert_allclose(mlat, [60.70, 59.32], atol=0.011)
    assert mlat[0] - mlat[1] == pytest.approx(1.38, abs=0.01)


def test_mlt_and_azimuth_never_reach_the_end_of_their_circle():
    just_below = np.array([-1e-12, 24 - 1e-9, 24.0, 47.9999999999, 3.5])
    reduced = geometry._reduced(just_below, 24.0)
    assert reduced.tolist() == [0.0, 0.0, 0.0, 0.0, 3.5]
    year = np.arange("2014-01-01", "2015-01-01", dtype="datetime64[h]")
    sky = site_geometry(year, ["gill", "kian", "nrsq"])
    for name, period in (("mlt", 24), ("sun_azimuth", 360), ("moon_azimuth", 360)):
        assert 0 <= float(sky[name].min()) < float(sky[name].max()) < period
    assert -180 <= float(sky.mlon.min()) < float(sky.mlon.max()) < 180


def test_dataset_has_the_agreed_form():
    times = np.array(["2014-03-10T06:02", "2008-01-01T00:00", "2014-03-10T06:02"], "datetime64[m]")
    sky = site_geometry(times, "RANK,gill")
    assert set(sky.data_vars) == set(QUANTITIES)
    assert sky.site.values.tolist() == ["rank", "gill"]
    np.testing.assert_array_equal(sky.time.values, times.astype("datetime64[ns]"))
    assert sky.time.dtype == "datetime64[ns]"
    for name, variable in sky.data_vars.items():
        assert variable.dtype == np.float32
        assert variable.dims == (("time",) if name == "moon_illumination" else ("time", "site"))
        assert variable.attrs["units"]
        assert variable.attrs["long_name"]
        np.testing.assert_array_equal(variable[0], variable[2])
    assert sky.latitude.values.tolist() == [62.828, 56.354]
    assert site_geometry(times[:1]).sizes["site"] == len(SITES)
    assert site_geometry([], "gill").sizes == {"time": 0, "site": 1}


def test_only_the_quantities_asked_for_are_computed(monkeypatch):
    def never(*_):
        raise AssertionError("the sky was computed")

    monkeypatch.setattr(geometry, "sun_moon_positions", never)
    sky = site_geometry(["2014-03-10"], "gill", quantities=("mlt", "mlat"))
    assert set(sky.data_vars) == {"mlt", "mlat"}
    with pytest.raises(AssertionError):
        site_geometry(["2014-03-10"], "gill", quantities="moon_illumination")


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 20 * 365 * 1440), min_size=1, max_size=12),
    shuffle=st.randoms(use_true_random=False),
)
def test_values_depend_neither_on_order_nor_on_company(minutes, shuffle):
    times = np.datetime64("2005-01-01T00:00") + np.array(minutes)
    order = list(range(len(minutes)))
    shuffle.shuffle(order)
    together = site_geometry(times[order], "gill,talo")
    for position, k in enumerate(order):
        alone = site_geometry(times[k], ["talo"])
        for name in QUANTITIES:
            one = (
                together[name].sel(site="talo") if "site" in together[name].dims else together[name]
            )
            np.testing.assert_allclose(
                one.values[position], alone[name].values.ravel()[0], rtol=1e-6, atol=1e-5
            )


def test_functions_for_arrays_give_what_the_dataset_holds():
    times = random_times(30, seed=7)
    sky = site_geometry(times)
    latitude, longitude = SITES["latitude"].to_numpy(), SITES["longitude_east"].to_numpy()
    sun, moon = sun_moon_elevation(times.reshape(5, 6), latitude, longitude)
    assert sun.shape == (5, 6, len(SITES))
    np.testing.assert_allclose(sun.reshape(30, -1), sky.sun_elevation, atol=1e-4)
    np.testing.assert_allclose(moon.reshape(30, -1), sky.moon_elevation, atol=1e-4)
    mlat, mlon, mlt = magnetic_coordinates(times, latitude[3], longitude[3])
    assert mlt.shape == (30,)
    for found, name in ((mlat, "mlat"), (mlon, "mlon"), (mlt, "mlt")):
        np.testing.assert_allclose(found, sky[name][:, 3], atol=1e-5)
    assert moon_illumination(times[0]).shape == ()


def test_blocks_leave_no_seam(monkeypatch):
    times = np.arange("2014-02-27", "2014-03-03", dtype="datetime64[m]")[::7]
    whole = site_geometry(times, "gill,rank")
    monkeypatch.setattr(geometry, "_BLOCK_CELLS", 100)
    for name, variable in site_geometry(times, "gill,rank").data_vars.items():
        np.testing.assert_allclose(variable, whole[name], rtol=1e-6, atol=1e-5)


def test_memory_beside_the_result_is_bounded():
    times = np.arange("2014-01-01", "2014-07-01", dtype="datetime64[m]")
    site_geometry(times[:10])
    tracemalloc.start()
    try:
        sky = site_geometry(times, quantities=["moon_elevation", "mlt"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert times.size * sky.sizes["site"] > 6_000_000
    assert peak - sky.nbytes < 64e6


def test_cost_follows_the_times_and_not_their_span(monkeypatch):
    tabulated = []
    original = ephemeris._celestial_positions

    def counting(utc):
        tabulated.append(utc.size)
        return original(utc)

    monkeypatch.setattr(ephemeris, "_celestial_positions", counting)
    nights = np.datetime64("2006-01-01T04:00") + np.arange(44) * np.timedelta64(83 * 1440, "m")
    times = (nights[:, None] + np.arange(0, 300, 10)).ravel()
    site_geometry(times, "gill")
    assert sum(tabulated) <= 44 * 5


def test_magnetic_coordinates_are_missing_where_they_are_not_defined():
    mlat, mlon, mlt = magnetic_coordinates("2014-01-01", [0.0, 56.354], [0.0, -94.656])
    assert np.isnan([mlat[0], mlon[0], mlt[0]]).all()
    assert np.isfinite([mlat[1], mlon[1], mlt[1]]).all()


def test_own_sites_are_used(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("site,name,latitude,longitude\nkir,Kiruna,67.84,20.41\n", encoding="utf-8")
    sky = site_geometry("2014-03-10T22:00", "kir", extra_sites=path)
    assert float(sky.mlat[0, 0]) == pytest.approx(64.9, abs=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time": "2014-01-01", "sites": "gilll"}, r"unknown site 'gilll' \(nearest: gill"),
        ({"time": "2014-01-01", "quantities": ["mlt", "mltt"]}, "'mltt' not known; known are sun_"),
        ({"time": ["2014-01-01", "NaT"]}, "1 of 2 values are NaT"),
        ({"time": [3.0]}, "float64"),
        ({"time": [["2014-01-01"]]}, "2 dimensions came"),
        ({"time": "1969-07-20"}, "1969-07-20.*ephemeris.*1972-01-01"),
        ({"time": ["2014-01-01", "2075-01-01"]}, "2075-01-01 came, but aacgmv2.*covers 1590"),
    ],
)
def test_one_clear_error_for_each_bad_argument(arguments, message):
    with pytest.raises(UsageError, match=message):
        site_geometry(**arguments)


@pytest.mark.parametrize("place", [(91.0, 0.0), (np.nan, 0.0), (0.0, np.inf)])
def test_places_that_are_none(place):
    with pytest.raises(UsageError, match="latitude, longitude"):
        sun_moon_elevation("2014-01-01", *place)


def test_sun_and_moon_do_not_need_the_magnetic_coefficients():
    sun, _ = sun_moon_elevation("2075-06-21T18:00", 56.354, -94.656)
    assert 50 < sun < 60


def test_no_connection_is_ever_made(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    site_geometry(random_times(3, seed=8))


def test_time_zone_of_the_machine_changes_nothing():
    script = (
        "import numpy as np; from auroral_stats.geometry import site_geometry as g;"
        "sky = g(['2014-03-10T06:02', '2014-07-10T06:02'], 'gill');"
        "print([sky[n].values.tolist() for n in sky.data_vars])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "America/Winnipeg")
    }
    assert len(printed) == 1


def test_threads_do_not_mix_their_dates():
    years = (2006, 2012, 2018, 2024)
    found = []

    def ask(year):
        times = [f"{year}-{month:02d}-01" for month in range(1, 13)]
        return site_geometry(times, "gbay", quantities=["mlat", "mlt"])

    expected = {year: ask(year) for year in years}
    threads = [
        threading.Thread(target=lambda year=year: found.extend((year, ask(year)) for _ in range(5)))
        for year in years
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
    finally:
        sys.setswitchinterval(interval)
    assert len(found) == 20
    for year, sky in found:
        assert sky.equals(expected[year])
