"""Joined data of known content, small enough to add up by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from auroral_stats.bins import bins_from_edges
from auroral_stats.drivers import DRIVERS
from auroral_stats.join import join
from auroral_stats.labels import CLASSES
from auroral_stats.mag_join import add_magnetometers
from auroral_stats.nights import NightCells
from auroral_stats.pairing import Pairing
from auroral_stats.simulation.demo import DemoWorld, build_demo
from auroral_stats.simulation.demo_plan import DemoPlan


def make_joined(
    *,
    nights=30,
    sites=("gill", "rank", "fsmi"),
    hours=6,
    seed=0,
    cadence=1,
    bz=None,
    start="2013-12-01",
    gaps=False,
) -> xr.Dataset:
    """Return joined data: a few dark hours a night, one class a minute, a wandering Bz.

    With ``gaps``, Bz is missing in two nights of ten, so that the row `missing` has frames.
    """
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
        if gaps:
            day = (driver_time - first) // np.timedelta64(1440, "m") % 10
            bz[(day == 3) | (day == 7)] = np.nan
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
    return make_joined(gaps=True)


@pytest.fixture(scope="session")
def joined_maker():
    return make_joined


def make_cells(*, nights=40, winters=3, size=1500, rows=(0.2, 0.5, 0.2), seed=0, sites=5):
    """Return counted cells of one driver, `below` to `missing`, and their nights.

    Nights lie on both sides of New Year. In some of them the driver is missing altogether; some
    cells hold nothing but cloud and moonlight. ``rows`` are the shares of the bins that are not
    at the ends.
    """
    rng = np.random.default_rng(seed)
    night = np.concatenate(
        [np.datetime64(f"{2010 + k}-12-12") + np.arange(nights) for k in range(winters)]
    )
    bins = bins_from_edges(np.arange(len(rows) + 1.0).tolist())
    ends = (1 - sum(rows)) / 3
    of_night = np.concatenate([np.arange(night.size), rng.integers(0, night.size, size)])
    row = rng.choice(len(bins), of_night.size, p=[ends, *rows, ends, ends])
    row[of_night % 10 == 4] = bins.missing
    # Every night has its own mixture of classes, and some classes are rare.
    share = rng.dirichlet(np.full(6, 0.4), night.size)
    counts = np.array([rng.multinomial(40, share[k]) for k in of_night])
    counts[rng.random(of_night.size) < 0.15] = [0, 0, 0, 25, 15, 0]
    usable = counts[:, [0, 1, 2, 5]].any(axis=1)
    data = xr.Dataset(
        {
            "counts": (("cell", "label"), counts),
            "minutes": ("cell", np.full(of_night.size, 4)),
            "usable_minutes": ("cell", np.where(usable, rng.integers(1, 5, of_night.size), 0)),
            "night_index": ("cell", of_night.astype(np.int32)),
            "site_index": ("cell", rng.integers(0, sites, of_night.size).astype(np.int16)),
            "mlt_hour": ("cell", rng.integers(20, 24, of_night.size).astype(np.int8)),
            "bin_index": ("cell", row.astype(np.int32)),
            "moonlit": ("cell", np.zeros(of_night.size, dtype=bool)),
        },
        coords={
            "night": night.astype("M8[ns]"),
            "site": [f"s{k}" for k in range(sites)],
            "label": list(CLASSES),
        },
    )
    cells = NightCells(data, (Pairing(DRIVERS["Bz"], bins, lag=10, window=60, cadence=1),))
    return cells, night[of_night]


@pytest.fixture(scope="session")
def cells_maker():
    return make_cells


def slow_limits(night, terms, estimate, *, scale="logit"):
    """Return the jackknife interval of ``estimate``, leaving out one cluster at a time, by loop.

    ``terms`` are (events, exposure) of every cell for each rate that the estimate is made of, and
    ``estimate`` takes which cells to keep.
    """
    day = night.astype("M8[D]").astype(int)
    value = estimate(np.ones(day.size, dtype=bool))
    largest, degrees, half = -1.0, None, np.nan
    for length, fewest in ((1, 3), (9, 3), (27, 12)):
        cluster = day // length
        all_groups = np.unique(cluster)
        groups = [
            g for g in all_groups if any(exposure[cluster == g].sum() > 0 for _, exposure in terms)
        ]
        df = np.inf
        for events, exposure in terms:
            a = np.array([events[cluster == g].sum() for g in all_groups])
            n = np.array([exposure[cluster == g].sum() for g in all_groups])
            df = min(df, n.sum() ** 2 / (n**2).sum(), (a > 0).sum(), (n > a).sum())
        degrees = max(df - 1, 1) if degrees is None else max(df - 1, min(degrees, 3))
        without = np.array([estimate(cluster != g) for g in groups])
        se = np.sqrt((len(groups) - 1) / len(groups) * ((without - value) ** 2).sum())
        if len(groups) >= fewest and se > largest:
            largest, half = se, stats.t.ppf(0.975, degrees) * se
    if scale == "log":
        return value * np.exp(-half / value), value * np.exp(half / value)
    centre, width = special.logit(value), half / (value * (1 - value))
    return special.expit(centre - width), special.expit(centre + width)


@pytest.fixture(scope="session", name="slow_limits")
def slow_limits_fixture():
    return slow_limits


@pytest.fixture(scope="session")
def ground_world(tmp_path_factory: pytest.TempPathFactory) -> DemoWorld:
    """A small demo world: eight nights in each of two winters at three sites."""
    plan = DemoPlan(
        sites=("gill", "fsim", "rank"),
        nights=8,
        margin_days=1,
        frame_seconds=30,
        field_seconds=60,
        fast_seconds=0,
        truth_runs=2,
    )
    return build_demo(tmp_path_factory.mktemp("ground") / "world", plan=plan)


@pytest.fixture(scope="session")
def ground_data(ground_world: DemoWorld) -> xr.Dataset:
    """The small demo world joined with its magnetometers."""
    joined = join(ground_world.labels, drivers=["newell", "SYM_H", "AE", "mlt"], offline=True)
    return add_magnetometers(joined, root=ground_world.spedas, offline=True)
