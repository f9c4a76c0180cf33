"""``auroral_stats geoeffectiveness``: how disturbed the ground is under each auroral form."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from auroral_stats._cli.arguments import (
    Baseline,
    BaselineRule,
    Csv,
    Data,
    End,
    Json,
    Labels,
    MagStation,
    MaxSun,
    Mlat,
    Moon,
    MoonRule,
    Nc,
    Offline,
    Omni,
    Plot,
    Sites,
    Start,
    degrees,
    items,
    refuse_options,
)
from auroral_stats._cli.completion import complete_classes
from auroral_stats._cli.outputs import Outputs, check_outputs, show, write_effects
from auroral_stats._cli.source import Source
from auroral_stats.errors import UsageError
from auroral_stats.terminal import progress


class Interval(StrEnum):
    """Kinds of interval of a matched ratio."""

    jackknife = "jackknife"
    climatological = "climatological"


def geoeffectiveness(
    measure: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="dBdt, dB, bay, positive_bay or pi2, of 1-min means of the site's magnetometer.",
        ),
    ] = "dBdt",
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="X ...", help="In units of the measure; default its own."),
    ] = None,
    control: Annotated[
        str,
        typer.Option(
            metavar="CLASS",
            help="auroral: the other auroral classes; or one class. clear mostly says that the "
            "oval is elsewhere.",
        ),
    ] = "auroral",
    match: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Minutes of class and control are compared within strata that share these, "
            "drivers in 20 quantiles of their mean until 10 min before the form began. What is "
            "not listed is not taken out: the result is an association.",
        ),
    ] = "site,mlt,month,newell",
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS ...",
            help="Classes; default arc diffuse discrete.",
            autocompletion=complete_classes,
        ),
    ] = None,
    baseline: BaselineRule = Baseline.running,
    forward: Annotated[
        int, typer.Option(metavar="MIN", help="Maximum over so many minutes from m; 20 is usual.")
    ] = 0,
    quantiles: Annotated[int, typer.Option(metavar="N", help="Of each driver, 20 or more.")] = 20,
    mediator: Annotated[
        str | None,
        typer.Option(metavar="INDEX", help="Hold this index of the same minute fixed too."),
    ] = None,
    labels: Labels = None,
    data: Data = None,
    omni: Omni = None,
    mag_station: MagStation = None,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    mlat: Mlat = None,
    max_sun_elevation: MaxSun = "-12",
    moon: MoonRule = Moon.down,
    interval: Annotated[
        Interval,
        typer.Option(
            help="jackknife: 95 % limits from matching anew without a night, or a block of "
            "nights, at a time, for minutes of one night share its storm. They hold for the "
            "winters observed; climatological takes winters as the unit and needs four."
        ),
    ] = Interval.jackknife,
    min_nights: Annotated[int, typer.Option(min=0, help="Gate: nights, of either arm.")] = 20,
    min_hours: Annotated[float, typer.Option(min=0, help="Gate: matched station-hours.")] = 10.0,
    min_winters: Annotated[int, typer.Option(min=0, help="Gate: winters.")] = 2,
    min_sites: Annotated[int, typer.Option(min=0, help="Gate: sites, where pooled.")] = 3,
    csv: Csv = None,
    json: Json = None,
    nc: Nc = None,
    plot: Plot = None,
    offline: Offline = False,
) -> None:
    """How often the ground is disturbed under each auroral form.

    The risk ratio says how much likelier a disturbance is under a class than under its control,
    crude and matched. Numbers that rest on too little (the gate) are in parentheses and grey in
    the figure; files keep them with masked = True.
    """
    from auroral_stats.covariates import find_covariate
    from auroral_stats.drivers import find_driver
    from auroral_stats.gate import Gate
    from auroral_stats.geoeffectiveness import geoeffectiveness as compute

    options: dict[str, Any] = {
        "thresholds": _numbers("--threshold", threshold),
        "control": control,
        "match": items("--match", match) or (),
        "labels": items("--label", label),
        "baseline": baseline.value,
        "forward": forward,
        "quantiles": quantiles,
        "mediator": mediator,
        "max_sun_elevation": degrees(max_sun_elevation),
        "moon": moon.value,
        "interval": interval.value,
        "gate": Gate(min_nights, min_hours, min_winters, min_sites),
    }
    refuse_options(partial(compute, measure=measure, **options))
    drivers = [find_covariate(name).driver for name in options["match"]]
    drivers += [find_driver(mediator)] if mediator else []
    source = Source(labels, data, omni, mag_station, start, end, sites, mlat, offline)
    outputs = Outputs(csv, json, nc, plot)
    check_outputs(outputs, source.inputs)
    with progress() as report:
        joined = source.joined([driver for driver in drivers if driver], report, mag=True)
        report("Matching")
        result = compute(joined, measure, **options)
    from auroral_stats import screen_effects as screen

    written = write_effects(result, outputs)
    show(
        outputs,
        written,
        *screen.describe_effects(result),
        *screen.effect_tables(result),
        *screen.effect_notes(result),
    )


def _numbers(option: str, given: Sequence[str] | None) -> list[float] | None:
    words = items(option, given)
    try:
        return None if words is None else [float(word) for word in words]
    except ValueError:
        raise UsageError(
            f"{option} {', '.join(words or ())}: expected numbers, such as 0.3,0.7."
        ) from None
