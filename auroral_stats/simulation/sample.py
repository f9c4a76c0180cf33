"""A small simulated world, made in a second: for tests and for trying things out in Python.

Forty-eight nights of two winters at four sites, one label every five minutes, and an hourly solar
wind of its own: enough to see a table with intervals and a gate at work. The demo world
(:mod:`auroral_stats.simulation.demo`) is the one that looks like an archive and has a truth.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from auroral_stats.errors import DataError
from auroral_stats.geometry import site_geometry
from auroral_stats.labels import CLASSES, StoreInfo, open_labels, write_labels
from auroral_stats.simulation.omni_files import write_kp_wdc, write_omni_hourly
from auroral_stats.simulation.worlds import autoregressive

__all__ = ["open_sample", "simulate_sample"]

_SOURCE = "import:sample"
_SITES = ("fsim", "fsmi", "gill", "snkq")
_WINTERS = ("2013-12-18", "2014-12-10")
_NIGHTS = 24


def simulate_sample(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw labels and solar wind.

    Parameters
    ----------
    seed : int

    Returns
    -------
    labels : pandas.DataFrame
        ``time`` (UTC), ``site``, ``label``.
    solar_wind : pandas.DataFrame
        Hourly: ``time`` and OMNI quantities under our names, ``Kp`` held over its three hours.
    """
    rng = np.random.default_rng(seed)
    winds = [_solar_wind(rng, np.datetime64(first, "h")) for first in _WINTERS]
    labels = [_labels(rng, wind, number) for number, wind in enumerate(winds)]
    return pd.concat(labels, ignore_index=True), pd.concat(winds, ignore_index=True)


def _solar_wind(rng: np.random.Generator, first: np.datetime64) -> pd.DataFrame:
    hours = 24 * (_NIGHTS + 2)
    time = first - np.timedelta64(24, "h") + np.arange(hours)
    slow, fast, by, bx, density = autoregressive(rng, (5, hours), np.array([48, 3, 8, 8, 24.0]))
    speed = 420 + 80 * slow
    bz = 1.2 * slow + 2.6 * fast
    pressure = 2e-6 * np.exp(1.5 + 0.4 * density) * speed**2
    coupling = np.maximum(-bz, 0) * speed * 1e-3
    activity = np.convolve(coupling, [0.4, 0.35, 0.25])[:hours]
    al = -25 - 180 * activity * np.exp(0.3 * rng.standard_normal(hours))
    au = 20 + 60 * activity
    kp = 0.8 + 1.1 * activity.reshape(-1, 3).mean(axis=1) + 0.3 * rng.standard_normal(hours // 3)
    table = pd.DataFrame(
        {
            "time": time.astype("M8[s]"),
            "B": np.round(np.sqrt(bz**2 + (2.5 * by) ** 2 + (2.5 * bx) ** 2), 1),
            "Bx": np.round(2.5 * bx, 1),
            "By": np.round(2.5 * by, 1),
            "Bz": np.round(bz, 1),
            "flow_speed": np.round(speed),
            "proton_density": np.round(np.exp(1.5 + 0.4 * density), 1),
            "temperature": np.round(1e5 * np.exp(0.5 * slow)),
            "pressure": np.round(pressure, 2),
            "AE": np.round(au - al),
            "AL": np.round(al),
            "AU": np.round(au),
            "Kp": np.round(np.repeat(np.clip(kp, 0, 9), 3) * 3) / 3,
        }
    )
    # A spacecraft that drops out for some hours, as real ones do.
    plasma = ["flow_speed", "proton_density", "temperature", "pressure"]
    for start in rng.integers(0, hours - 9, 4):
        table.loc[start : start + 8, plasma] = np.nan
        table.loc[start : start + 4, ["B", "Bx", "By", "Bz"]] = np.nan
    return table


def _labels(rng: np.random.Generator, wind: pd.DataFrame, winter: int) -> pd.DataFrame:
    first = wind["time"].to_numpy()[24]
    time = first + np.arange(0, _NIGHTS * 24 * 60, 5) * np.timedelta64(1, "m")
    sky = site_geometry(time.astype("M8[ns]"), _SITES)
    hour_before = (time - np.timedelta64(1, "h")).astype("M8[h]")
    at = (hour_before - wind["time"].to_numpy()[0]) // np.timedelta64(1, "h")
    bz = wind["Bz"].interpolate().bfill().to_numpy()[at]
    parts = []
    for number, site in enumerate(_SITES):
        dark = sky["sun_elevation"].isel(site=number).to_numpy() <= -12
        up = sky["moon_elevation"].isel(site=number).to_numpy() > 0
        glare = up & (sky["moon_illumination"].to_numpy() > 0.3)
        # Forms last for some half an hour, clouds for half a day, a night's mood for the night.
        form, cloud = autoregressive(rng, (2, time.size), np.array([6.0, 150.0]))
        mood = rng.standard_normal(time.size // 288 + 1)[np.arange(time.size) // 288]
        midnight = (sky["mlt"].isel(site=number).to_numpy() + 12) % 24 - 12
        label = _classes(rng, bz, form, 0.6 * mood + 0.3 * winter, midnight)
        label[glare & (rng.random(time.size) < 0.6)] = CLASSES.index("moon")
        label[cloud > 0.3] = CLASSES.index("cloudy")
        kept = dark & (rng.random(time.size) < 0.97)
        parts.append(
            pd.DataFrame(
                {"time": time[kept], "site": site, "label": np.array(CLASSES)[label[kept]]}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _classes(
    rng: np.random.Generator,
    bz: NDArray[np.float64],
    form: NDArray[np.float64],
    mood: NDArray[np.float64],
    midnight: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return arcs before midnight, diffuse after it, discrete under southward field."""
    activity = 0.25 * np.clip(-bz, -4, 8) + mood + 0.8 * form
    score = np.stack(
        [
            -0.8 + 0.6 * activity - 0.15 * midnight,
            -1.0 + 0.5 * activity + 0.2 * midnight,
            -1.6 + 1.0 * activity,
            np.full(bz.shape, -np.inf),
            np.full(bz.shape, -np.inf),
            0.4 - 0.6 * activity,
        ],
        axis=-1,
    )
    chance = special.softmax(2.0 * score, axis=-1).cumsum(axis=-1)
    return np.asarray((rng.random(bz.size)[:, None] > chance).sum(axis=-1).clip(0, 5))


def open_sample(out: str | Path, seed: int = 0) -> Path:
    """Write the sample as a label store with a solar wind of its own.

    Parameters
    ----------
    out : path
        Label store, made unless it is there; its drivers lie in ``_drivers`` inside it, in the
        layout of a SPEDAS data folder.
    seed : int

    Returns
    -------
    Path
        The store.

    Raises
    ------
    DataError
        If another store is there.
    """
    store = Path(out)
    if store.exists():
        info = open_labels(store).info
        if info.simulated and info.source == _SOURCE:
            return store
        raise DataError(f"{store}: holds other labels ({info.source}); choose another folder.")
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.parent, prefix=f".{store.name}-") as folder:
        staged = Path(folder) / store.name
        _write_sample(staged, seed)
        staged.replace(store)
    return store


def _write_sample(store: Path, seed: int) -> None:
    labels, wind = simulate_sample(seed)
    drivers = store / "_drivers"
    columns = {str(name): column.to_numpy() for name, column in wind.items()}
    write_omni_hourly(columns, drivers, simulated=True)
    held = wind[wind["time"].dt.hour % 3 == 0]
    write_kp_wdc(held["time"].to_numpy(), held["Kp"].to_numpy(), drivers, simulated=True)
    info = StoreInfo(_SOURCE, simulated=True, archive="_drivers")
    for site, part in labels.groupby("site"):
        write_labels(store, str(site), part["time"].to_numpy(), part["label"].tolist(), info=info)
