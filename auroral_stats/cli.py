"""The command line: parse, call, print, save.

Everything heavy is imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auroral_stats._version import __version__
from auroral_stats.errors import AuroralStatsError, UsageError

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

__all__ = ["app", "main"]

app = typer.Typer(
    name="auroral_stats",
    help="Occurrence of auroral forms, from all-sky camera labels and the solar wind.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Denominator(StrEnum):
    """What a rate is a share of."""

    usable = "usable"
    all = "all"
    reverse = "reverse"


class Cadence(StrEnum):
    """OMNI data sets."""

    one = "1min"
    five = "5min"
    hourly = "hourly"


class Moon(StrEnum):
    """Whether moonlit minutes count."""

    down = "down"
    any = "any"


class Interval(StrEnum):
    """Kinds of interval."""

    jackknife = "jackknife"
    bootstrap = "bootstrap"
    cluster = "cluster"
    clopper = "clopper"
    wilson = "wilson"
    jeffreys = "jeffreys"
    climatological = "climatological"


Start = Annotated[str | None, typer.Option(metavar="TIME", help="First UTC time, inclusive.")]
End = Annotated[str | None, typer.Option(metavar="TIME", help="Last UTC time, exclusive.")]
Sites = Annotated[str | None, typer.Option(metavar="A,B", help="Site codes; default all.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use only files that are there.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"auroral_stats {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Occurrence of auroral forms, from all-sky camera labels and the solar wind."""


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is done: a spinner in a terminal, plain lines elsewhere; all on stderr."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield lambda line: print(line + " ...", file=sys.stderr, flush=True)  # noqa: T201
        return
    with console.status("Starting") as status:
        yield lambda line: status.update(line + " ...")


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _codes(text: str | None) -> list[str] | None:
    codes = _split(text)
    if codes == []:
        raise UsageError("--sites is empty; 'auroral_stats sites' lists the codes.")
    return codes


@app.command("import-labels")
def import_labels(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, CSV.gz or Parquet.")],
    out: Annotated[Path, typer.Option(metavar="STORE", help="Label store to write or add to.")],
    time: Annotated[str, typer.Option(metavar="COL", help="Column of the exposure start, UTC.")],
    site: Annotated[str, typer.Option(metavar="COL", help="Column of the site code.")],
    label: Annotated[str, typer.Option(metavar="COL", help="Column of the class.")],
    probability: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS=COL ...", help="Columns of probabilities, all six classes."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who labelled; default the file's name.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the store instead of adding to it.")
    ] = False,
) -> None:
    """Import a table of labels into a label store.

    Times without an offset are UTC. Rows that cannot be used are listed in _rejected.csv in
    the store, with the reason.
    """
    from auroral_stats.label_import import import_table

    with _progress() as progress:
        summary = import_table(
            table,
            out,
            time=time,
            site=site,
            label=label,
            probability=_pairs(probability),
            source=source,
            replace=replace,
            progress=lambda rows: progress(f"{rows:,} rows read"),
        )
    console = _console()
    console.print(f"{table}: {summary.read:,} rows read", markup=False, soft_wrap=True)
    console.print(f"  written    {summary.written:>12,}  to {out}", markup=False, soft_wrap=True)
    console.print(f"  duplicate  {summary.duplicate:>12,}")
    console.print(f"  rejected   {sum(summary.rejected.values()):>12,}")
    for reason, count in summary.rejected.items():
        console.print(f"    {count:,} {reason}", markup=False, soft_wrap=True)
    for note in summary.notes:
        console.print(f"  note: {note}", markup=False, soft_wrap=True)
    if summary.rejected_path is not None:
        console.print(f"  see {summary.rejected_path}", markup=False, soft_wrap=True)


def _pairs(items: Sequence[str] | None) -> dict[str, str] | None:
    """Read ``arc=COL`` items."""
    if not items:
        return None
    pairs: dict[str, str] = {}
    for item in items:
        name, sign, column = item.partition("=")
        if not (name and sign and column):
            raise UsageError(f"--probability {item}: expected CLASS=COL, such as arc=p_arc.")
        if name in pairs:
            raise UsageError(f"--probability {item}: the class {name} is given twice.")
        pairs[name] = column
    return pairs


@app.command("join")
def join_command(
    labels: Annotated[Path, typer.Option(metavar="STORE", help="Label store.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="FILE.zarr or FILE.nc.")],
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    omni: Annotated[Cadence, typer.Option(help="Cadence of the solar wind.")] = Cadence.one,
    offline: Offline = False,
) -> None:
    """Join labels, geometry and unlagged drivers in one file for many analyses."""
    from auroral_stats.join import check_joined_name, join, save_joined

    check_joined_name(out)
    with _progress() as progress:
        data = join(
            labels,
            start=start,
            end=end,
            sites=_codes(sites),
            omni=omni.value,
            offline=offline,
            progress=progress,
        )
        progress("Writing")
        path = save_joined(data, out)
    console = _console()
    console.print(
        f"{path}: {data.sizes['time']:,} minutes with frames at {data.sizes['site']} sites",
        markup=False,
    )
    if "missing_drivers" in data.attrs:
        console.print(f"without {data.attrs['missing_drivers']}", markup=False, soft_wrap=True)
    for key, value in data.attrs.items():
        if str(key).endswith("_without"):
            console.print(f"  {value}", markup=False, soft_wrap=True)


@app.command()
def occurrence(
    by: Annotated[
        list[str],
        typer.Option(
            metavar="DRIVER", help="Driver; twice for a map. List: auroral_stats drivers."
        ),
    ],
    labels: Annotated[Path | None, typer.Option(metavar="STORE", help="Label store.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="JOINED", help="File from auroral_stats join.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS ...", help="Classes; default arc diffuse discrete clear."),
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
    omni: Annotated[
        Cadence | None, typer.Option(help="Cadence of the solar wind; default 1min.")
    ] = None,
    max_sun_elevation: Annotated[
        str, typer.Option(metavar="DEG|none", help="Sun at or below this.")
    ] = "-12",
    moon: Annotated[
        Moon, typer.Option(help="down: Moon below the horizon or less than 30 % lit.")
    ] = Moon.down,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    interval: Annotated[
        Interval,
        typer.Option(
            help="jackknife: 95 % limits from leaving out a night, or nine nights, at a time, for "
            "frames of one night are nearly the same picture. They hold for the winters observed; "
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
    csv: Annotated[Path | None, typer.Option(metavar="F", help="Write the table.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="F", help="Write everything.")] = None,
    nc: Annotated[Path | None, typer.Option(metavar="F", help="Write everything.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="F", help="Figure: png, pdf, svg.")] = None,
    offline: Offline = False,
) -> None:
    """How often each auroral form occurs under which driving.

    Each rate has a denominator, the frames that it is a share of, and an interval, which says how
    far it would move with other nights. Rates that rest on too little (the gate) are shown in
    parentheses and are grey in the figure; files keep their numbers with masked = True.
    """
    from auroral_stats.drivers import find_driver
    from auroral_stats.occurrence import HEADLINE_LABELS, Gate, check_options
    from auroral_stats.occurrence import occurrence as compute

    by = _items(by)
    if not by:
        raise UsageError("--by is empty; 'auroral_stats drivers' lists what it takes.")
    if plot is not None and plot.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise UsageError(f"--plot {plot}: expected a name that ends in .png, .pdf or .svg.")
    joined_options = {"--labels": labels, "--omni": omni}
    given = [name for name, value in joined_options.items() if value is not None]
    if data is not None and given:
        raise UsageError(
            f"--data {data} already holds its labels and solar wind; leave out "
            f"{' and '.join(given)}, or --data."
        )
    options: dict[str, Any] = {
        "labels": _items(label) or HEADLINE_LABELS,
        "denominator": denominator.value,
        "bins": _bins(bins, quantiles, len(by)),
        "lag": lag,
        "window": window,
        "max_sun_elevation": _degrees(max_sun_elevation),
        "moon": moon.value,
        "interval": interval.value,
        "bootstrap": bootstrap,
        "seed": seed,
        "gate": Gate(min_nights, min_hours, min_winters, min_sites),
        "standardise": _split(standardise) or (),
    }
    for name in by:
        find_driver(name)
    check_options(options["labels"], denominator.value, moon.value, interval.value)
    with _progress() as progress:
        if data is not None:
            joined = _select(data, start, end, _codes(sites))
        elif labels is not None:
            from auroral_stats.join import join

            joined = join(
                labels,
                drivers=by,
                start=start,
                end=end,
                sites=_codes(sites),
                omni=(omni or Cadence.one).value,
                offline=offline,
                progress=progress,
            )
        else:
            raise UsageError("give --labels STORE, or --data FILE from auroral_stats join.")
        progress("Computing rates")
        result = compute(joined, by, **options)
    written = _save(result, csv=csv, json=json, nc=nc, plot=plot)
    _show(result)
    for path in written:
        _console().print(f"wrote {path}", markup=False, soft_wrap=True)


def _items(values: Sequence[str] | None) -> list[str]:
    return [part for value in values or () for part in (_split(value) or [])]


def _degrees(text: str) -> float | None:
    if text.lower() == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"--max-sun-elevation {text}: expected degrees, or none.") from None
    if not -90 <= value <= 90:
        raise UsageError(f"--max-sun-elevation {text}: expected -90 to 90 degrees.")
    if value > -6:
        typer.echo(
            f"warning: --max-sun-elevation {text} lets twilight in; a night then no longer ends "
            "before 19 UT in Alaska, and bright sky is taken for cloud or aurora.",
            err=True,
        )
    return value


def _bins(
    bins: Sequence[str] | None, quantiles: int | None, drivers: int
) -> list[tuple[float, ...] | int | None] | None:
    from auroral_stats.bins import bins_from_edges, parse_bins

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
    parsed = [None if text == "default" else parse_bins(text) for text in bins]
    for edges in parsed:
        if edges is not None:
            bins_from_edges(edges)
    return list(parsed)


def _select(
    path: Path, start: str | None, end: str | None, sites: Sequence[str] | None
) -> xr.Dataset:
    """Open joined data and keep the minutes and sites asked for."""
    from auroral_stats.join import open_joined, select_frames

    return select_frames(open_joined(path), start=start, end=end, sites=sites)


def _show(result: xr.Dataset) -> None:
    from auroral_stats import screen

    console = _console()
    for line in screen.describe_result(result):
        console.print(line)
    for table in screen.rate_tables(result):
        console.print(table)
    for line in screen.notes_on(result):
        console.print(line)


def _save(
    result: xr.Dataset, *, csv: Path | None, json: Path | None, nc: Path | None, plot: Path | None
) -> list[Path]:
    """Write the files asked for, before anything is printed that a closed pipe could cut off."""
    from auroral_stats import tables

    kinds = ((csv, tables.write_csv), (json, tables.write_json), (nc, tables.write_netcdf))
    written = [write(result, path) for path, write in kinds if path is not None]
    if plot is not None:
        from auroral_stats import plots

        written.append(plots.save_figure(plots.figure(result), plot))
    return written


@app.command()
def drivers() -> None:
    """List what --by takes, with units, default lags and bins."""
    from auroral_stats.screen import drivers_table

    _console().print(drivers_table())


@app.command()
def sites() -> None:
    """List the camera sites and the magnetometers beside them."""
    from auroral_stats.screen import sites_table

    _console().print(sites_table())


@app.command()
def info(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Label store.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read every row and list every fault.")
    ] = False,
) -> None:
    """Say what a label store holds."""
    from auroral_stats.labels import validate_labels
    from auroral_stats.screen import store_table

    if check:
        with _progress() as progress:
            progress("Checking every partition")
            validate_labels(store)
    with _progress() as progress:
        progress("Counting frames")
        parts = store_table(store)
    console = _console()
    for part in parts:
        console.print(part)
    if check:
        console.print("no fault found")


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the sample and its results.")
    ] = Path("output/demo"),
) -> None:
    """Try the main job on a small simulated sample, without any data of your own.

    The sample is drawn, not observed: 48 nights, four sites, an hourly solar wind of its own. It
    is kept in DIR and used again next time.
    """
    from auroral_stats.simulation.sample import open_sample

    with _progress() as progress:
        progress("Writing the simulated sample")
        store = open_sample(out / "labels")
    arguments = ["occurrence", "--by", "Bz", "--labels", str(store), "--omni", "hourly"]
    arguments += ["--csv", str(out / "Bz.csv"), "--plot", str(out / "Bz.png")]
    _console().print(f"$ auroral_stats {' '.join(arguments)}\n", markup=False, soft_wrap=True)
    app(arguments, prog_name="auroral_stats", standalone_mode=False)


def _spread(arguments: Sequence[str], options: set[str]) -> list[str]:
    """Let one ``--label`` or ``--probability`` take several values, as in ``--label arc clear``."""
    spread: list[str] = []
    option = None
    fresh = False
    for argument in arguments:
        if argument in options:
            option, fresh = argument, True
        elif argument.startswith("-"):
            option = None
        elif option and not fresh and _belongs(option, argument):
            spread.append(option)
        else:
            fresh = False
        spread.append(argument)
    return spread


def _belongs(option: str, argument: str) -> bool:
    """Return whether a further word is another value of ``option`` and no argument of its own."""
    return option == "--label" or "=" in argument


def _first(arguments: Sequence[str]) -> str:
    return arguments[0] if arguments else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 for success, 1 for failure, 2 for a mistake in the arguments.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # In import-labels --label names one column, and a word after it is the table.
    several = {"occurrence": {"--label"}, "import-labels": {"--probability"}}
    given = _spread(given, several.get(_first(given), set()))
    try:
        app(given, prog_name="auroral_stats")
    except AuroralStatsError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except (OSError, MemoryError) as error:
        typer.echo(f"error: {str(error) or 'not enough memory'}", err=True)
        return 1
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0
