"""Coupling functions against golden values, and the registry against itself."""

import numpy as np
import pytest
import xarray as xr

from auroral_stats import drivers
from auroral_stats.drivers import (
    DRIVERS,
    Driver,
    akasofu_epsilon,
    clock_angle,
    cone_angle,
    default_lag_window,
    find_driver,
    kan_lee,
    milan,
    newell,
    register_driver,
    transverse_field,
    vbs,
)
from auroral_stats.errors import DataError, UsageError

GOLDEN = [
    # by, bz, newell, kan_lee, epsilon, vbs, milan; v = 400 km/s, Bx = 0
    (0.0, -5.0, 8617.7, 2.0, 198.9, 2.0, 48.4),
    (5.0, 0.0, 3420.0, 1.0, 49.7, 0.0, 10.2),
    (5.0, 5.0, 838.13, 0.41421, 8.5315, 0.0, 0.90851),
]


@pytest.mark.parametrize(("by", "bz", "dphi", "ekl", "epsilon", "e_south", "phi_d"), GOLDEN)
def test_golden_values(by, bz, dphi, ekl, epsilon, e_south, phi_d):
    assert newell(400.0, by, bz) == pytest.approx(dphi, rel=5e-5)
    assert kan_lee(400.0, by, bz) == pytest.approx(ekl, rel=5e-5)
    assert akasofu_epsilon(400.0, 0.0, by, bz) == pytest.approx(epsilon, rel=1e-3)
    assert vbs(400.0, bz) == pytest.approx(e_south)
    assert milan(400.0, by, bz) == pytest.approx(phi_d, rel=5e-3)


def test_published_real_minute():
    # 2019-11-02 20:24 UT; published values rest on unrounded inputs, hence the tolerance.
    assert newell(351.1, -3.82, -0.06) == pytest.approx(2504.2, rel=0.05)
    assert akasofu_epsilon(351.1, 1.07, -3.82, -0.06) == pytest.approx(29.47, rel=0.05)


def test_against_direct_transcription_with_angles():
    rng = np.random.default_rng(3)
    v, bx, by, bz = rng.uniform(300, 700, 500), *rng.normal(0, 5, (3, 500))
    theta = np.arctan2(by, bz)
    transverse = np.sqrt(by**2 + bz**2)
    half = np.abs(np.sin(theta / 2))
    np.testing.assert_allclose(
        newell(v, by, bz), v ** (4 / 3) * transverse ** (2 / 3) * half ** (8 / 3)
    )
    np.testing.assert_allclose(kan_lee(v, by, bz), 1e-3 * v * transverse * half**2)
    mu0 = 4e-7 * np.pi
    power = (
        4
        * np.pi
        / mu0
        * (v * 1e3)
        * ((bx**2 + by**2 + bz**2) * 1e-18)
        * half**4
        * (7 * 6371.2e3) ** 2
        / 1e9
    )
    np.testing.assert_allclose(akasofu_epsilon(v, bx, by, bz), power)
    voltage = (
        3.8 * 6371.2e3 * (v * 1e3 / 4e5) ** (1 / 3) * v * 1e3 * transverse * 1e-9 * half**4.5 / 1e3
    )
    np.testing.assert_allclose(milan(v, by, bz), voltage)
    np.testing.assert_allclose(
        cone_angle(bx, by, bz), np.degrees(np.arccos(bx / np.sqrt(bx**2 + transverse**2)))
    )


def test_silent_error_7_clock_angle_order_and_frame():
    assert clock_angle(5.0, 0.0) == 90.0
    assert clock_angle(-5.0, 0.0) == -90.0
    assert clock_angle(0.0, 5.0) == 0.0
    assert clock_angle(0.0, -5.0) == 180.0
    assert clock_angle(-0.0, -5.0) == 180.0
    gse = xr.DataArray([1.0], attrs={"units": "nT", "coordinate_system": "GSE"})
    gsm = xr.DataArray([1.0], attrs={"units": "nT", "coordinate_system": "GSM"})
    for function in (clock_angle, transverse_field):
        with pytest.raises(DataError, match=r"by is in GSE coordinates; expected GSM"):
            function(gse, gsm)
    with pytest.raises(DataError, match="bz is in GSE"):
        newell(400.0, gsm, gse)
    with pytest.raises(DataError, match="bz is in GSE"):
        vbs(400.0, gse)


def test_no_field_has_no_angle_and_no_coupling():
    assert np.isnan(clock_angle(0.0, 0.0))
    assert np.isnan(cone_angle(0.0, 0.0, 0.0))
    assert cone_angle(1.0, 0.0, 0.0) == 0.0
    assert newell(400.0, 0.0, 0.0) == 0.0
    assert milan(400.0, 0.0, 0.0) == 0.0


def test_missing_stays_missing_everywhere():
    for function, count in ((newell, 3), (kan_lee, 3), (milan, 3), (akasofu_epsilon, 4), (vbs, 2)):
        for at in range(count):
            arguments = [np.array([400.0, 400.0]), *[np.array([-1.0, -1.0])] * (count - 1)]
            arguments[at] = np.array([np.nan, arguments[at][1]])
            result = function(*arguments)
            assert np.isnan(result[0])
            assert np.isfinite(result[1])


def test_dataarrays_keep_coordinates_and_get_units():
    by = xr.DataArray([1.0, 2.0], dims="t", coords={"t": [10, 20]}, attrs={"units": "nT"})
    v = xr.DataArray([400.0, 500.0], dims="t", coords={"t": [10, 20]}, attrs={"units": "km/s"})
    result = milan(v, by, -by)
    assert result.attrs["units"] == "kV"
    assert result["t"].to_numpy().tolist() == [10, 20]
    assert clock_angle(by, -by).to_numpy() == pytest.approx([135.0, 135.0])
    with pytest.raises(DataError, match=r"v is in 'm/s'; expected km/s"):
        milan(v.assign_attrs(units="m/s"), by, by)


def test_registry_holds_what_the_field_expects():
    expected = (
        "Bx By Bz B B_T clock_angle cone_angle flow_speed proton_density temperature pressure E "
        "beta Mach_num newell kan_lee epsilon vBs milan AE AL AU SYM_H SYM_D ASY_H ASY_D Kp ap Dst "
        "F10_7 mlt mlat site month season year hour sun_elevation moon_elevation moon_illumination"
    )
    assert set(expected.split()) <= set(DRIVERS)
    for name, driver in DRIVERS.items():
        assert driver.name == name
        assert driver.source
        assert list(driver.edges) == sorted(set(driver.edges))


def test_kp_bins_are_centred_on_whole_kp():
    assert DRIVERS["Kp"].edges[:3] == (-0.5, 0.5, 1.5)
    assert DRIVERS["Kp"].edges[-1] == 9.5


def test_bins_that_have_names_have_one_each():
    for driver in DRIVERS.values():
        assert len(driver.bin_names) in {0, len(driver.edges) - 1}
    assert DRIVERS["Kp"].bin_names == tuple(str(k) for k in range(10))


def test_circular_drivers_go_once_round():
    assert {name: d.period for name, d in DRIVERS.items() if d.circular} == {
        "clock_angle": 360.0,
        "mlt": 24.0,
        "hour": 24.0,
    }


def test_names_say_what_is_meant():
    assert DRIVERS["E"].label == "motional electric field -V Bz (mV/m)"
    assert "solstice" in DRIVERS["season"].source
    assert "southward" in DRIVERS["clock_angle"].source


def test_default_lags():
    assert default_lag_window(DRIVERS["newell"], 1) == (10, 60)
    assert default_lag_window(DRIVERS["newell"], 5) == (10, 60)
    assert default_lag_window(DRIVERS["newell"], 60) == (60, 0)
    for name in ("AE", "Kp", "mlt", "site"):
        assert default_lag_window(DRIVERS[name], 1) == (0, 0)
        assert not DRIVERS[name].causal
    assert DRIVERS["Bz"].causal


def test_unknown_driver_names_the_nearest_and_the_list():
    with pytest.raises(UsageError, match=r"unknown driver 'bzz'.*Nearest: Bz.*Known: Bx, By, Bz"):
        find_driver("bzz")
    assert find_driver("sym_h").name == "SYM_H"


def test_own_driver_is_one_entry():
    own = Driver(
        "twice", "twice Bz", "nT", "solar wind", "omni", ("Bz",), (0, 1, 2), lambda bz: 2 * bz
    )
    register_driver(own)
    try:
        assert find_driver("twice") is own
        with pytest.raises(UsageError, match="exists already"):
            register_driver(own)
    finally:
        del drivers.DRIVERS["twice"]


def test_a_velocity_component_is_no_speed():
    for function, arguments in ((newell, (-3.8, -0.1)), (milan, (-3.8, -0.1)), (vbs, (-0.1,))):
        with pytest.raises(DataError, match="not its component Vx"):
            function(-351.1, *arguments)
        with pytest.raises(DataError, match="not its component Vx"):
            function(np.array([400.0, -351.1]), *[np.full(2, a) for a in arguments])
