"""The circular-shift null: quiet where nothing depends, loud where something does."""

import numpy as np
import pytest
import xarray as xr

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.nights import night_cells, night_tensor
from auroral_stats.null import circular_shift_null, shift_days
from auroral_stats.occurrence import Gate, occurrence
from auroral_stats.simulation.worlds import autoregressive


def years_of_data(seed: int, slope: float, years: int = 8) -> xr.Dataset:
    """Return hourly frames of winter nights and an hourly Bz with memory of days."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2008-07-01T00", "h")
    driver_time = start + np.arange(years * 365 * 24)
    bz = 3 * autoregressive(rng, (driver_time.size,), 48.0)
    winters = [np.datetime64(f"{2008 + y}-12-01T04", "h") for y in range(years)]
    hours = (np.arange(40)[:, None] * 24 + np.arange(6)).ravel()
    time = np.concatenate([first + hours for first in winters])
    mood = autoregressive(rng, (time.size,), 24.0)
    at = (time - start).astype(int) - 1
    arc = rng.random(time.size) < 1 / (1 + np.exp(1 + mood + slope * bz[at]))
    frames = np.zeros((time.size, 3, len(CLASSES)), dtype=np.uint8)
    frames[arc, :, 0] = 20
    frames[~arc, :, 5] = 20
    shape = ("time", "site")
    return xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (shape, np.full((time.size, 3), -20.0)),
            "moon_elevation": (shape, np.full((time.size, 3), -20.0)),
            "moon_illumination": ("time", np.zeros(time.size)),
            "mlt": (shape, np.full((time.size, 3), 22.0)),
            "mlat": (shape, np.full((time.size, 3), 66.0)),
            "Bz": ("driver_time", bz),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": ["fsim", "fsmi", "gill"],
            "label": list(CLASSES),
            "driver_time": ("driver_time", driver_time.astype("M8[ns]"), {"cadence_minutes": 60}),
        },
        attrs={"simulated": "true"},
    )


GATE = Gate(min_hours=0)


def test_shifts_stay_in_season_and_off_the_rotation():
    shifts = shift_days(14)
    for moved in (shifts, shifts - 14 * 365):
        assert np.abs(moved).min() >= 60
        assert np.abs((moved + 182) % 365 - 182).max() <= 30
        assert (np.abs((moved + 13) % 27 - 13) > 3).all()
    assert len(np.unique(shifts % (14 * 365))) == len(shifts) >= 199
    assert shift_days(1).size == 0


def test_dependence_is_found_and_independence_is_not():
    options = {"labels": ["arc", "clear"], "gate": GATE, "shifts": 199}
    found = circular_shift_null(years_of_data(1, slope=0.4), "Bz", **options)
    assert found["p_value"].max() <= 0.02
    assert found.attrs["distinct_shifts"] >= 199
    p_values = [
        float(circular_shift_null(years_of_data(s, slope=0.0), "Bz", **options)["p_value"][0])
        for s in range(2, 14)
    ]
    # Twelve uniform numbers: fewer than three below 0.1 and a mean near one half.
    assert sum(p < 0.1 for p in p_values) <= 4
    assert 0.25 < np.mean(p_values) < 0.75


@pytest.mark.parametrize(
    ("gate", "least", "most"),
    [
        (GATE, 3, 12),
        (Gate(min_nights=120, min_hours=0), 1, 6),
        (Gate(min_nights=0, min_hours=0, min_winters=8, min_sites=0), 3, 11),
    ],
)
def test_statistic_equals_a_loop_over_nights(gate, least, most):
    """Over the bins that pass the gate of the table, and no others."""
    data = years_of_data(1, slope=0.4)
    result = circular_shift_null(data, "Bz", labels=["arc"], gate=gate, shifts=1)
    passes = ~occurrence(data, "Bz", labels=["arc"], gate=gate)["masked"].to_numpy()[:-1, 0]
    tensor = night_tensor(night_cells(data, "Bz")).to_numpy()[:, :-1].astype(float)
    night = night_tensor(night_cells(data, "Bz"))["night"].to_numpy()
    arc, usable = tensor[..., 0], tensor[..., [0, 1, 2, 5]].sum(axis=-1)
    overall, largest = arc.sum() / usable.sum(), 0.0
    for row in np.flatnonzero(passes):
        a, n = arc[:, row], usable[:, row]
        rate, error = a.sum() / n.sum(), 0.0
        for days, fewest in ((1, 2), (9, 3), (27, 12)):
            cluster = night.astype("M8[D]").astype(int) // days
            groups = [g for g in np.unique(cluster) if n[cluster == g].sum()]
            if len(groups) < fewest:
                continue
            without = np.array([a[cluster != g].sum() / n[cluster != g].sum() for g in groups])
            factor = (len(groups) - 1) / len(groups)
            error = max(error, np.sqrt(factor * ((without - rate) ** 2).sum()))
        largest = max(largest, abs(rate - overall) / error)
    assert least <= passes.sum() <= most
    assert float(result["statistic"][0]) == pytest.approx(largest)


@pytest.mark.parametrize("gate", [Gate(min_nights=400), Gate(min_winters=9)])
def test_without_a_bin_that_passes_there_is_no_answer(gate):
    data = years_of_data(1, slope=0.4)
    result = circular_shift_null(data, "Bz", labels=["arc"], gate=gate, shifts=5)
    for name in ("statistic", "null", "p_value", "p_adjusted"):
        assert np.isnan(result[name]).all(), name


def test_what_cannot_be_tested_is_said(joined):
    with pytest.raises(DataError, match="not testable: the drivers cover 32 days"):
        circular_shift_null(joined, "Bz")
    with pytest.raises(UsageError, match="comes with the frame"):
        circular_shift_null(joined, "mlt")
    with pytest.raises(UsageError, match="labels cloudy"):
        circular_shift_null(joined, "Bz", labels=["cloudy"])
