"""A simulated station-night that several tests of the sky look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from classifier.sky import Style


@pytest.fixture(scope="session")
def dark() -> np.datetime64:
    """A time without the Moon at Gillam."""
    return np.datetime64("2014-02-27T05:00:00")


@pytest.fixture(scope="session")
def level() -> Style:
    """A clean camera at Gillam that stands level, with little light of a town."""
    from classifier.sky import station_night_style

    return replace(
        station_night_style(0, "gill", "2014-02-26"),
        family="clean",
        rotation=0.0,
        tilt_north=0.0,
        tilt_east=0.0,
        snow=0.0,
        frost=0.0,
        dirt=0.0,
        haze=0.0,
        focus=0.6,
        stars=1.0,
        town=10.0,
        airglow=100.0,
    )


@pytest.fixture(scope="session")
def spaced(dark: np.datetime64) -> Callable[..., np.ndarray]:
    """Give ``spaced(count, step=3)``: times from ``dark`` on, ``step`` seconds apart."""
    return lambda count, step=3: dark + np.arange(count) * np.timedelta64(step, "s")
