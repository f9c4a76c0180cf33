"""What is published of the simulated solar wind holds together, digit by digit."""

from __future__ import annotations

import numpy as np
import pytest

from auroral_stats.simulation.geomagnetic_indices import electrojet
from auroral_stats.simulation.omni_columns import (
    gsm_to_gse_angle,
    hourly_columns,
    kp_columns,
    minute_columns,
)
from auroral_stats.simulation.solar_wind import (
    SolarWindLevel,
    coupling_per_minute,
    gap_mask,
    simulate_solar_wind,
)

DAYS = 24


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    time = np.datetime64("2014-12-01", "m") + np.arange(DAYS * 1440)
    wind = simulate_solar_wind(rng, time.size, SolarWindLevel(380.0, 5.0, 150.0, 2))
    jet = electrojet(rng, coupling_per_minute(wind))
    missing = gap_mask(rng, time.size)
    minute = minute_columns(rng, time, wind, jet, missing)
    kp = kp_columns(time, jet)
    return wind, jet, missing, minute, kp, hourly_columns(rng, minute, kp)


@pytest.mark.parametrize("which", [3, 5], ids=["minute", "hour"])
def test_derived_columns_follow_from_the_published_ones(world, which):
    c = world[which]
    relations = {
        "pressure": (2e-6 * c["proton_density"] * c["flow_speed"] ** 2, 2),
        "E": (-1e-3 * c["flow_speed"] * c["Bz"], 2),
        "beta": (
            (4.16e-5 * c["temperature"] + 5.34) * c["proton_density"] / c["B"] ** 2,
            2,
        ),
        "Mach_num": (c["flow_speed"] * np.sqrt(c["proton_density"]) / (20 * c["B"]), 1),
    }
    for name, (value, decimals) in relations.items():
        there = np.isfinite(c[name])
        assert there.mean() > 0.7, name
        # half a unit of the last digit, and the binary rest of the product
        limit = 0.5 * 10.0**-decimals * (1 + 1e-6)
        assert np.abs(c[name] - value)[there].max() <= limit, name


def test_magnitudes_are_those_of_the_components(world):
    c = world[3]
    field = np.sqrt(c["Bx"] ** 2 + c["By"] ** 2 + c["Bz"] ** 2)
    assert np.nanmax(np.abs(field - c["B"])) <= 0.0051
    transverse = c["By"] ** 2 + c["Bz"] ** 2 - c["By_gse"] ** 2 - c["Bz_gse"] ** 2
    assert np.nanmax(np.abs(transverse) / (1 + c["B"])) < 0.03
    speed = np.sqrt(c["Vx"] ** 2 + c["Vy"] ** 2 + c["Vz"] ** 2)
    assert np.nanmax(np.abs(speed - c["flow_speed"])) < 0.2


def test_gse_is_turned_as_pyspedas_turns_it():
    from pyspedas.cotrans_tools.cotrans_lib import subgse2gsm

    time = np.arange("2013-11-20", "2015-01-10", np.timedelta64(397, "m"), dtype="M8[m]")
    gse = np.random.default_rng(0).normal(0, 5, (time.size, 3))
    theirs = np.asarray(subgse2gsm(time.astype("M8[s]").astype(float), gse))
    angle = gsm_to_gse_angle(time)
    by = theirs[:, 1] * np.cos(angle) + theirs[:, 2] * np.sin(angle)
    bz = theirs[:, 2] * np.cos(angle) - theirs[:, 1] * np.sin(angle)
    np.testing.assert_allclose(by, gse[:, 1], atol=0.06)
    np.testing.assert_allclose(bz, gse[:, 2], atol=0.06)
    assert np.degrees(angle).max() > 30


def test_field_plasma_and_electrojets_have_gaps_of_their_own(world):
    _, _, missing, minute, *_ = world
    np.testing.assert_array_equal(np.isnan(minute["Bz"]), missing)
    plasma = np.isnan(minute["flow_speed"])
    assert np.all(plasma[missing])
    assert 0.01 < plasma.mean() < 0.3
    assert (plasma & ~missing).any()
    assert np.all(np.isnan(minute["E"]) == (plasma | missing))
    silent = np.isnan(minute["AE"]).reshape(DAYS, 1440)
    assert np.array_equal(silent.any(axis=1), silent.all(axis=1))
    assert 4 <= silent.all(axis=1).sum() <= 6
    assert silent[-3:].all()
    assert np.isfinite(minute["SYM_H"]).all()


def test_hours_are_the_means_of_their_minutes(world):
    _, jet, _, minute, kp, hour = world
    for k in (0, 100, 333):
        part = slice(60 * k, 60 * k + 60)
        assert hour["time"][k] == minute["time"][part][0]
        for name, other, decimals in (("Bz", "Bz", 1), ("Dst", "SYM_H", 0), ("AL", "AL", 0)):
            values = minute[other][part]
            if np.isfinite(values).sum() >= 15:
                assert abs(hour[name][k] - np.nanmean(values)) <= 0.5001 * 10.0**-decimals
        assert hour["Kp"][k] == kp["Kp"][k // 3]
    assert np.isnan(hour["AE"]).sum() >= 4 * 24
    assert kp["time"].size == DAYS * 8
    assert np.corrcoef(kp["ap"], jet.reshape(-1, 180).mean(axis=1))[0, 1] > 0.9


def test_the_bow_shock_moves_in_under_pressure(world):
    minute = world[3]
    there = np.isfinite(minute["bsn_x"])
    assert 9 < minute["bsn_x"][there].min() < minute["bsn_x"][there].max() < 25
    high = there & (minute["pressure"] > 4)
    low = there & (minute["pressure"] < 1)
    assert minute["bsn_x"][high].max() < minute["bsn_x"][low].min()
    assert 1500 < np.nanmin(minute["timeshift"]) < np.nanmax(minute["timeshift"]) < 6000
