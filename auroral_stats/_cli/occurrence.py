"""``auroral_stats occurrence``: the main job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats._cli.arguments import (
    Cadence,
    Csv,
    End,
    Json,
    Labels,
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
    named,
    site_codes,
)
from auroral_stats._cli.completion import complete_classes, complete_drivers
from auroral_stats._cli.joining import (
    cadences_from,
    cadences_of,
    check_held,
    join_store,
)
from auroral_stats._cli.outputs import Outputs, check_outputs, show, write_outputs
from auroral_stats._cli.world import demo_labels
from auroral_stats.errors import UsageError
from auroral_stats.terminal import progress

if TYPE_CHECKING:
    import xarray as xr

    from auroral_stats.drivers import Driver

#: With the Sun higher than this, a night no longer ends before 19 UT at every site.
_TWILIGHT = -6.0


class Denominator(StrEnum):
    """What a rate is a share of."""

    usable = "usable"
    all = "all"
    reverse = "reverse"


class Interval(StrEnum):
    """Kinds of interval."""

    jackknife = "jackknife"
    bootstrap = "bootstrap"
    cluster = "cluster"
    clopper = "clopper"
    wilson = "wilson"
    jeffreys = "jeffreys"
    climatological = "climatological"


def occurrence(
    by: Annotated[
        list[str],
        typer.Option(
            metavar="DRIVER",
            help="Driver; twice for a map. List: auroral_stats drivers.",
            autocompletion=complete_drivers,
        ),
    ],
    labels: Labels = None,
    data: Annotated[
        Path | None,
        typer.Option(parser=named, metavar="JOINED", help="File from auroral_stats join."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS ...",
            help="Classes; default arc diffuse discrete clear.",
            autocompletion=complete_classes,
        ),
    ] = None,
    denominator: Annotated[
        Denominator,
        typer.Option(
            help="usable: share of the frames in which aurora could be seen (arc, diffuse, "
            "discrete, clear), so weather and moonlight do not count as absence. all: share of "
            "all dark frames; reverse: how the frames of a class are shared out among the bins."
        ),
    ] = Denominator.usable,
    bins: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LO:HI:STEP", help="Or e0,e1,...; once for each --by, 'default' to skip one."
        ),
    ] = None,
    quantiles: Annotated[
        int | None, typer.Option(metavar="N", help="N bins of equal exposure instead.")
    ] = None,
    lag: Annotated[
        int | None,
        typer.Option(metavar="MIN", help="Default 10 for the solar wind (60 hourly), else 0."),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(metavar="MIN", help="Default 60 for the solar wind (0 hourly), else 0."),
    ] = None,
    omni: Omni = None,
    max_sun_elevation: MaxSun = "-12",
    moon: MoonRule = Moon.down,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    mlat: Mlat = None,
    interval: Annotated[
        Interval,
        typer.Option(
            help="jackknife: 95 % limits from leaving out a night, or a block of nights, at a "
            "time, for frames of one night are nearly the same picture. They hold for the winters observed; "
            "climatological takes winters as the unit and needs four."
        ),
    ] = Interval.jackknife,
    bootstrap: Annotated[int, typer.Option(metavar="N", help="Resamples.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    min_nights: Annotated[int, typer.Option(min=0, help="Gate: nights in a bin.")] = 20,
    min_hours: Annotated[float, typer.Option(min=0, help="Gate: usable station-hours.")] = 10.0,
    min_winters: Annotated[int, typer.Option(min=0, help="Gate: winters.")] = 2,
    min_sites: Annotated[int, typer.Option(min=0, help="Gate: sites, where pooled.")] = 3,
    standardise: Annotated[
        str | None,
        typer.Option(metavar="mlt,site", help="Hold the mix of these fixed in the rate itself."),
    ] = None,
    csv: Csv = None,
    json: Json = None,
    nc: Nc = None,
    plot: Plot = None,
    offline: Offline = False,
) -> None:
    """How often each auroral form occurs under which driving.

    Each rate has a denominator, the frames that it is a share of, and an interval, which says how
    far it would move with other nights. Rates that rest on too little (the gate) are shown in
    parentheses and are grey in the figure; files keep their numbers with masked = True.
    """
    from auroral_stats.gate import Gate
    from auroral_stats.joined import check_times, open_joined, select_frames
    from auroral_stats.latitude import parse_mlat
    from auroral_stats.occurrence import HEADLINE_LABELS, OccurrenceOptions, check_options
    from auroral_stats.occurrence import occurrence as compute

    _check_source(labels, data, omni)
    names = items("--by", by, "'auroral_stats drivers' lists what it takes") or []
    options = OccurrenceOptions(
        labels=tuple(items("--label", label) or HEADLINE_LABELS),
        denominator=denominator.value,
        bins=_bins(bins, quantiles, len(names)),
        lag=lag,
        window=window,
        max_sun_elevation=degrees(max_sun_elevation),
        moon=moon.value,
        interval=interval.value,
        bootstrap=bootstrap,
        seed=seed,
        gate=Gate(min_nights, min_hours, min_winters, min_sites),
        standardise=tuple(items("--standardise", standardise) or ()),
    )
    codes = site_codes(sites)
    latitudes = None if mlat is None else parse_mlat(mlat)
    cadence = omni or Cadence.one
    drivers = check_options(names, options, None if data else cadences_from(cadence))
    check_times(start, end)
    outputs = Outputs(csv, json, nc, plot)
    check_outputs(outputs, {"--data": data, "--labels": labels})
    _warn_of_twilight(options.max_sun_elevation)
    if data is None and labels is None:
        labels = demo_labels()
    with progress() as report:
        if data is not None:
            joined = open_joined(data)
            check_held(joined, drivers, data)
            check_options(drivers, options, cadences_of(joined))
            joined = select_frames(joined, start=start, end=end, sites=codes, mlat=latitudes)
        else:
            assert labels is not None
            _check_variables(drivers, cadence)
            joined = join_store(
                labels,
                cadence,
                drivers,
                report,
                start=start,
                end=end,
                sites=codes,
                offline=offline,
            )
            if latitudes is not None:
                joined = select_frames(joined, mlat=latitudes)
        report("Computing rates")
        result = compute(joined, drivers, **vars(options))
    written = write_outputs(result, outputs)
    from auroral_stats import screen

    show(
        outputs,
        written,
        *screen.describe_result(result),
        *screen.rate_tables(result),
        *screen.notes_on(result),
        *_pooling(result, outputs),
    )


def _check_source(labels: Path | None, data: Path | None, omni: Cadence | None) -> None:
    given = [
        name for name, value in {"--labels": labels, "--omni": omni}.items() if value is not None
    ]
    if data is not None and given:
        raise UsageError(
            f"--data {data} already holds its labels and solar wind; leave out "
            f"{' and '.join(given)}, or --data."
        )


def _check_variables(drivers: Sequence[Driver], omni: Cadence) -> None:
    """Refuse a driver that the OMNI data set does not have."""
    from auroral_stats.omni_variables import omni_variables

    omni_variables(omni.value, [n for d in drivers if d.origin == "omni" for n in d.inputs])


def _warn_of_twilight(max_sun_elevation: float | None) -> None:
    if max_sun_elevation is not None and max_sun_elevation <= _TWILIGHT:
        return
    what = (
        "none lets twilight and day"
        if max_sun_elevation is None
        else f"{max_sun_elevation:g} lets twilight"
    )
    typer.echo(
        f"warning: --max-sun-elevation {what} in; a night then no longer ends before 19 UT in "
        "Alaska, and bright sky is taken for cloud or aurora.",
        err=True,
    )


def _bins(
    bins: Sequence[str] | None, quantiles: int | None, drivers: int
) -> list[tuple[float, ...] | int | None] | None:
    from auroral_stats.bins import parse_bins

    if bins and quantiles is not None:
        raise UsageError("--bins and --quantiles exclude each other; leave one of them out.")
    if quantiles is not None:
        return [quantiles] * drivers
    if not bins:
        return None
    if len(bins) != drivers:
        raise UsageError(
            f"--bins is given {len(bins)} times for {drivers} drivers; give it once for each --by "
            "(--bins=default keeps a driver's own)."
        )
    return [None if text == "default" else parse_bins(text) for text in bins]


def _pooling(result: xr.Dataset, outputs: Outputs) -> Iterator[str]:
    """Yield a line if bands of latitude are pooled where they are not shown side by side."""
    from auroral_stats.latitude import mlat_option

    bands = result.attrs.get("pooled_bands")
    if bands is None or not (outputs.tables or "bin2" in result.dims):
        return
    where = "in the files" if outputs.tables else "here"
    names = bands.split(", ")
    one = mlat_option("62-70" if "62-70" in names else names[0])
    yield f"Latitude bands {bands} are pooled {where}; --mlat {one} keeps one."
