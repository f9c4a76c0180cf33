"""Joined data of known content, small enough to add up by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from auroral_stats.labels import CLASSES


def make_joined(
    *,
    nights=30,
    sites=("gill", "rank", "fsmi"),
    hours=6,
    seed=0,
    cadence=1,
    bz=None,
    start="2013-12-01",
) -> xr.Dataset:
    """Return joined data: a few dark hours a night, one class a minute, a wandering Bz."""
    rng = np.random.default_rng(seed)
    first = np.datetime64(start, "m")
    night_minutes = np.arange(hours * 60)
    time = np.concatenate(
        [first + np.timedelta64(1440 * k + 180, "m") + night_minutes for k in range(nights)]
    )
    driver_time = np.arange(
        first - np.timedelta64(1, "D"),
        first + np.timedelta64(nights + 1, "D"),
        np.timedelta64(cadence, "m"),
    )
    size = (time.size, len(sites))
    if bz is None:
        steps = rng.normal(size=driver_time.size) * np.sqrt(cadence) * 0.4
        bz = np.empty(driver_time.size)
        value = 0.0
        for k, step in enumerate(steps):
            value += step - 0.01 * cadence * value
            bz[k] = value
        bz[rng.random(driver_time.size) < 0.02] = np.nan
    label = rng.integers(0, len(CLASSES), size)
    frames = np.zeros((*size, len(CLASSES)), dtype=np.uint8)
    np.put_along_axis(frames, label[..., None], 20, axis=-1)
    frames[rng.random(size) < 0.1] = 0
    site_number = np.arange(len(sites))
    fraction = (time - time.astype("M8[D]")) / np.timedelta64(1, "h")
    sun = -30.0 + 15.0 * np.sin(np.arange(time.size) / 200.0)[:, None] - site_number
    moon = 20.0 * np.sin(np.arange(time.size) / 900.0)[:, None] + 0.0 * site_number
    data = xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames, {"units": "frames"}),
            "sun_elevation": (("time", "site"), sun.astype(np.float32)),
            "moon_elevation": (("time", "site"), moon.astype(np.float32)),
            "moon_illumination": (
                "time",
                (0.5 + 0.5 * np.sin(np.arange(time.size) / 3000.0)).astype(np.float32),
            ),
            "mlt": (
                ("time", "site"),
                np.mod(fraction[:, None] - 6.5 + 0.3 * site_number, 24).astype(np.float32),
            ),
            "mlat": (
                ("time", "site"),
                np.broadcast_to(np.array([66.0, 72.3, 67.3])[site_number % 3], size).astype(
                    np.float32
                ),
            ),
            "Bz": ("driver_time", np.round(bz, 2)),
            "By": ("driver_time", np.round(rng.normal(0, 4, driver_time.size), 2)),
            "flow_speed": ("driver_time", np.round(rng.normal(430, 60, driver_time.size), 1)),
            "Kp": ("kp_time", np.round(rng.uniform(0, 6, (nights + 2) * 8) * 3) / 3),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": list(sites),
            "label": list(CLASSES),
            "driver_time": ("driver_time", driver_time.astype("M8[ns]")),
            "kp_time": (
                "kp_time",
                (
                    first
                    - np.timedelta64(1, "D")
                    + np.arange((nights + 2) * 8) * np.timedelta64(180, "m")
                ).astype("M8[ns]"),
            ),
        },
        attrs={"simulated": "true", "labels_source": "import:test"},
    )
    data["driver_time"].attrs["cadence_minutes"] = cadence
    data["kp_time"].attrs["cadence_minutes"] = 180
    return data


@pytest.fixture(scope="session")
def joined() -> xr.Dataset:
    return make_joined()


@pytest.fixture(scope="session")
def joined_maker():
    return make_joined
