r"""One winter of the demo world: the sky over each site and the field on the ground below it.

What all sites share (solar wind, electrojet, weather, moods of the nights) is simulated once;
forms, labels and magnetometer of a site follow, each from random numbers of its own.

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.simulation.demo_plan import Calendar, DemoPlan, calendar_of, stream
from auroral_stats.simulation.forms_world import (
    FormSequence,
    drive_of,
    form_chances,
    form_sequence,
    minute_forms,
    moods,
)
from auroral_stats.simulation.geomagnetic_indices import electrojet
from auroral_stats.simulation.ground_field import fluctuation_scale, minute_field, sampled_field
from auroral_stats.simulation.solar_wind import (
    SolarWind,
    coupling_per_minute,
    simulate_solar_wind,
)
from auroral_stats.simulation.weather import camera_on, cloud, cloud_threshold, twilight

__all__ = ["Season", "simulate_season", "site_forms", "site_labels", "station_field"]

Array = NDArray[np.float64]
Times = NDArray[np.datetime64]

_USABLE_CODE = np.array([CLASSES.index(name) for name in USABLE], dtype=np.uint8)
#: Share of the frames that are lost one by one.
_LOST_FRAMES = 0.001


@dataclass(frozen=True)
class Season:
    """One winter: what all sites share.

    Attributes
    ----------
    seed, number : int
        Of the world, and of the winter.
    calendar : Calendar
    wind : SolarWind
    jet : ndarray, (minute,)
        Strength of the electrojet (nT).
    drive : ndarray, (minute,)
        State of the driver, from :func:`auroral_stats.simulation.forms_world.drive_of`.
    mood : ndarray, (night, site)
    cloudy, on : ndarray of bool, (minute, site)
        Whether the sky is overcast or too bright, and whether the camera runs.
    """

    seed: int
    number: int
    calendar: Calendar
    wind: SolarWind
    jet: Array
    drive: Array
    mood: Array
    cloudy: NDArray[np.bool_]
    on: NDArray[np.bool_]

    def place(self, site: int) -> tuple[Array, Array]:
        """Return magnetic local time (h) and latitude (degrees) of a site, (minute,) each."""
        mlt, mlat = self.calendar.mlt[:, site], self.calendar.mlat[:, site]
        return mlt.astype(np.float64), mlat.astype(np.float64)


def simulate_season(plan: DemoPlan, seed: int, number: int) -> Season:
    """Simulate what all sites share in one winter.

    Parameters
    ----------
    plan : DemoPlan
    seed : int
    number : int
        Of the winter in the plan.

    Returns
    -------
    Season
    """
    winter = plan.winters[number]
    calendar = calendar_of(plan, winter)
    minutes, sites = calendar.time.size, len(plan.sites)
    rng = stream(seed, number, 0)
    wind = simulate_solar_wind(rng, minutes, winter.level)
    coupling = coupling_per_minute(wind)
    jet = electrojet(rng, coupling)
    rng = stream(seed, number, 2)
    mood = winter.mood + moods(rng, int(calendar.night[-1]) + 1, sites)
    bright = twilight(calendar.sun.astype(np.float64))
    cloudy = cloud(rng, minutes, plan.sites) + bright > cloud_threshold(plan.sites)
    on = camera_on(rng, minutes, sites)
    return Season(seed, number, calendar, wind, jet, drive_of(coupling), mood, cloudy, on)


def site_forms(plan: DemoPlan, season: Season, site: int) -> FormSequence:
    """Draw the forms over one site, frame by frame, by day and by night, seen or not.

    Parameters
    ----------
    plan : DemoPlan
    season : Season
    site : int
        Number of the site in the plan.

    Returns
    -------
    FormSequence
    """
    mlt, mlat = season.place(site)
    mood = season.mood[season.calendar.night, site]
    chances = form_chances(season.drive, mlt, mlat, mood)
    rng = stream(season.seed, season.number, 3, site)
    return form_sequence(rng, chances, plan.frames_per_minute)


def site_labels(
    plan: DemoPlan, season: Season, sequence: FormSequence, site: int
) -> tuple[Times, NDArray[np.uint8]]:
    """Return the frames that a camera took, and what they show.

    Parameters
    ----------
    plan : DemoPlan
    season : Season
    sequence : FormSequence
        From :func:`site_forms`.
    site : int

    Returns
    -------
    time : ndarray of datetime64[ms], (n,)
        Starts of the exposures, UTC.
    label : ndarray of uint8, (n,)
        Position in ``CLASSES``: cloud hides everything, moonlight some of what it does not hide.
    """
    calendar, each = season.calendar, plan.frames_per_minute
    taken = np.zeros(calendar.time.size, dtype=bool)
    taken[calendar.run] = True
    taken &= (calendar.sun[:, site] <= plan.max_sun_elevation) & season.on[:, site]
    minute = np.flatnonzero(taken)
    above = sequence.hidden_above.reshape(-1, each)[minute]
    label = _USABLE_CODE[sequence.form.reshape(-1, each)[minute]]
    label[calendar.light(site)[minute, None] > above] = CLASSES.index("moon")
    label[season.cloudy[minute, site]] = CLASSES.index("cloudy")
    time = _stamps(calendar.time[minute], 1000 * plan.frame_seconds)
    rng = stream(season.seed, season.number, 4, site)
    kept = rng.random(time.size, dtype=np.float32) >= _LOST_FRAMES
    return time[kept], label.ravel()[kept]


def station_field(
    plan: DemoPlan, season: Season, sequence: FormSequence, site: int
) -> Iterator[tuple[Times, Array]]:
    """Yield what the magnetometer of one site measured.

    Parameters
    ----------
    plan : DemoPlan
    season : Season
    sequence : FormSequence
        From :func:`site_forms`: the field answers to what is there, seen or not.
    site : int

    Yields
    ------
    time : ndarray of datetime64[ms], (n,)
        UTC; whole days, of which one may have a cadence of its own.
    hdz : ndarray, (n, 3)
        nT.
    """
    calendar = season.calendar
    mlt, mlat = season.place(site)
    form = minute_forms(sequence.form, plan.frames_per_minute)
    days = (calendar.time - np.datetime64("2014-01-01")) / np.timedelta64(1, "D")
    rng = stream(season.seed, season.number, 5, site)
    means = minute_field(
        rng,
        form=form,
        jet=season.jet,
        drive=season.drive,
        mlt=mlt,
        mlat=mlat,
        years=days / 365.25,
        hours=(24.0 * days + calendar.longitude[site] / 15.0) % 24.0,
    )
    scale = fluctuation_scale(season.drive, mlt, mlat)[np.arange(form.size), form]
    samples = 60 // plan.field_seconds
    usual = sampled_field(rng, means, scale, samples)
    stamps = _stamps(calendar.time, 1000 * plan.field_seconds)
    fast = _fast_day(plan, season, site)
    if fast is None:
        yield stamps, usual
        return
    for part in (slice(None, fast.start * samples), slice(fast.stop * samples, None)):
        if stamps[part].size:
            yield stamps[part], usual[part]
    yield (
        _stamps(calendar.time[fast], round(1000 * plan.fast_seconds)),
        sampled_field(rng, means[fast], scale[fast], round(60 / plan.fast_seconds)),
    )


def _fast_day(plan: DemoPlan, season: Season, site: int) -> slice | None:
    """Return the minutes of the day with a faster magnetometer, if this station has it."""
    if not plan.fast_seconds or site > 0 or season.number < len(plan.winters) - 1:
        return None
    day = season.wind.arrivals[0] // 1440 if season.wind.arrivals else 0
    return slice(day * 1440, (day + 1) * 1440)


def _stamps(minutes: Times, milliseconds: int) -> Times:
    """Return equally spaced times from the start of each minute on."""
    step = np.arange(0, 60_000, milliseconds).astype("timedelta64[ms]")
    return np.asarray(minutes.astype("datetime64[ms]")[:, None] + step, "datetime64[ms]").ravel()
