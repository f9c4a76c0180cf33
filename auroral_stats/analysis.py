"""What an analysis script reads and where it writes: shared arguments, joined data, results.

A script asks for its data and hands over its figures and results. Which labels and which solar
wind they are, and where files go, is said on its command line, so that the script is the same for
everyone; with no data of one's own it works on the demo world.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from auroral_stats._cli.arguments import Cadence
from auroral_stats._cli.source import Source
from auroral_stats._cli.world import demo_joined
from auroral_stats.errors import AuroralStatsError, UsageError
from auroral_stats.terminal import progress

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["PAGE", "Analysis", "analysis", "analysis_parser"]

_OUT = Path("output/analyses")

#: Settings of matplotlib within :func:`analysis`, for figures of your own: letters for a page 7 in
#: wide, and room for all that is written.
PAGE: dict[Any, Any] = {
    "font.size": 7.0,
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def analysis_parser(doc: str | None, *, mlat: str = "all") -> argparse.ArgumentParser:
    r"""Return the parser that analysis scripts share; a script may add arguments of its own.

    Parameters
    ----------
    doc : str or None
        What the script does, its docstring: a title, underlined, and a few sentences.
    mlat : str
        Magnetic latitudes of the sites that are used if nothing else is asked for, ``LO:HI`` in
        degrees, or ``all``.

    Returns
    -------
    argparse.ArgumentParser

    Examples
    --------
    >>> parser = analysis_parser("Speed\n=====\n\nRates by speed.", mlat="62:70")
    >>> parser.parse_args(["--out", "results"]).mlat
    '62:70'
    """
    lines = (doc or "").strip().splitlines()
    kept = [line for line in lines if not line or set(line) - {"="}]
    parser = argparse.ArgumentParser(
        description="\n".join(kept), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cadences = [cadence.value for cadence in Cadence]
    add = parser.add_argument
    add("--labels", type=Path, metavar="STORE", help="label store; by default the demo world")
    add("--data", type=Path, metavar="JOINED", help="or a file from auroral_stats join --mag")
    add("--spedas", type=Path, metavar="DIR", help="drivers of --labels, as in SPEDAS_DATA_DIR")
    add("--omni", choices=cadences, help="cadence of the solar wind (1min)")
    add("--start", metavar="TIME", help="first UTC time, inclusive")
    add("--end", metavar="TIME", help="last UTC time, exclusive")
    add("--sites", metavar="A,B", help="site codes; by default all")
    add("--mlat", default=mlat, metavar="LO:HI", help="sites by latitude, or all (%(default)s)")
    add("--offline", action="store_true", help="use only files that are there")
    add("--out", type=Path, default=_OUT, metavar="DIR", help="for the results (%(default)s)")
    add("--figure", choices=["png", "pdf", "svg"], default="png", help="kind of figures (png)")
    return parser


@contextmanager
def analysis(
    name: str, parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None
) -> Iterator[Analysis]:
    """Read the arguments of a script, and end it with one message if something goes wrong.

    Parameters
    ----------
    name : str
        What its files are called.
    parser : argparse.ArgumentParser
        From :func:`analysis_parser`.
    arguments : sequence of str, optional
        Without the name of the script; ``sys.argv`` by default.

    Yields
    ------
    Analysis

    Raises
    ------
    SystemExit
        With the exit code of the error: 1 for data and files, 2 for arguments.

    Examples
    --------
    >>> with analysis("speed", analysis_parser(__doc__)) as run:    # doctest: +SKIP
    ...     result = occurrence(run.joined(["flow_speed"]), "flow_speed")
    ...     run.write(plots.figure(result), result)
    """
    import matplotlib as mpl

    given = parser.parse_args(arguments)
    try:
        source = _source(given)
        with mpl.rc_context(PAGE):
            yield Analysis(name, given, source)
    except AuroralStatsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from error


def _source(given: argparse.Namespace) -> Source:
    if given.spedas is not None:
        if given.labels is None:
            raise UsageError(
                f"--spedas {given.spedas} goes with --labels: the demo world and joined data have "
                "drivers already. Name your labels, or leave it out."
            )
        if not given.spedas.is_dir():
            raise UsageError(
                f"--spedas {given.spedas}: no such folder; expected one like SPEDAS_DATA_DIR, with "
                "omni and themis in it."
            )
        from auroral_stats.spedas import CACHES

        for cache in CACHES.values():
            # The folder of one mission would win over that of all.
            os.environ.pop(cache.variable, None)
        os.environ["SPEDAS_DATA_DIR"] = str(given.spedas.absolute())
    return Source(
        given.labels,
        given.data,
        None if given.omni is None else Cadence(given.omni),
        None,
        given.start,
        given.end,
        given.sites,
        None if given.mlat == "all" else given.mlat,
        given.offline,
    )


@dataclass(frozen=True)
class Analysis:
    """One run of a script: what was asked for, the data, and the files that come of it.

    Attributes
    ----------
    name : str
        What its files are called.
    given : argparse.Namespace
        All arguments, those of the script itself among them.
    source : Source
        What of them says where data are from.
    """

    name: str
    given: argparse.Namespace
    source: Source

    @property
    def own_data(self) -> bool:
        """Whether data were named, and it is not the demo world."""
        return self.source.data is not None or self.source.labels is not None

    def joined(
        self, drivers: Sequence[str] = (), *, mag: bool = False, labels: Path | None = None
    ) -> xr.Dataset:
        """Return joined labels, geometry, drivers and magnetometers.

        Parameters
        ----------
        drivers : sequence of str
            What is needed, where a label store is joined here.
        mag : bool
            Whether magnetometers are needed.
        labels : Path, optional
            A store that the script made itself, in the place of any that was named.

        Returns
        -------
        xarray.Dataset
            As from :func:`auroral_stats.join.join`, of the time and the sites asked for. That of
            the demo world is joined once and kept beside it.

        Raises
        ------
        UsageError, ArchiveError, DataError
            As :func:`auroral_stats.join.join` and :func:`auroral_stats.joined.open_joined`.
        """
        from auroral_stats.drivers import find_driver
        from auroral_stats.joined import select_frames

        source = self.source
        if labels is not None:
            source = copy(source)
            source.labels = labels
        with progress() as report:
            if self.own_data or labels is not None:
                return source.joined([find_driver(name) for name in drivers], report, mag=mag)
            data = demo_joined(report)
        return select_frames(data, **source.times, sites=source.sites, mlat=source.mlat)

    def write(
        self,
        figure: Figure,
        *results: xr.Dataset | pd.DataFrame,
        part: str = "",
        title: str = "",
        about: str = "",
        notes: str = "",
    ) -> None:
        """Write a figure, the tidy table of its results, and what they were made from.

        ``NAME.csv`` has the rows of all results, in the columns that the command line writes, with
        ``simulated`` last; ``NAME.json`` has their attributes. The figure is handed to pyplot, so
        that a notebook shows it; if anything is simulated it says so.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        *results : xarray.Dataset or pandas.DataFrame
            From :func:`auroral_stats.occurrence.occurrence`, or
            :func:`auroral_stats.geoeffectiveness.geoeffectiveness`, or
            :func:`auroral_stats.epochs.epochs`, or
            :func:`auroral_stats.agreement.agreement`; or a Dataset or table of your own, with ``attrs``
            from :func:`auroral_stats.provenance.describe`.
        part : str
            Added to the name where a script writes several figures.
        title : str
            For a figure of your own: it is lettered like those of this package, with the time and
            the sites below the title, and a legend of all Axes below the panels.
        about, notes : str
            More to be written below the title and below the legend of such a figure.

        Raises
        ------
        DataError
            If some results are simulated and others are not.
        ArchiveError
            If a file cannot be written.
        """
        import pandas as pd

        from auroral_stats.figure_files import save_figure
        from auroral_stats.provenance import combine_simulated, is_simulated, simulated_attr
        from auroral_stats.whole_file import write_whole

        known = [{str(key): value for key, value in one.attrs.items()} for one in results]
        flags = {f"result {n}": is_simulated(attrs) for n, attrs in enumerate(known, 1)}
        simulated = combine_simulated(flags)
        tables = [_table(one) for one in results]
        table = pd.concat([one.drop(columns="simulated", errors="ignore") for one in tables])
        table["simulated"] = simulated
        stem = self.given.out / "_".join(filter(None, (self.name, part)))
        provenance = {
            "analysis": stem.name,
            "simulated": simulated_attr(simulated),
            "results": [{key: str(value) for key, value in attrs.items()} for attrs in known],
        }
        if title:
            _letter(figure, title, about, notes, known[0])
        _mark(figure, known[0], simulated=simulated)
        written = [
            save_figure(_shown(figure), stem.with_suffix(f".{self.given.figure}")),
            write_whole(
                stem.with_suffix(".csv"),
                lambda file: table.to_csv(file, index=False, lineterminator="\n"),
            ),
            write_whole(
                stem.with_suffix(".json"),
                lambda file: file.write_text(
                    json.dumps(provenance, indent=1) + "\n", encoding="utf-8"
                ),
            ),
        ]
        for path in written:
            print(f"wrote {path}")  # noqa: T201


def _table(result: xr.Dataset | pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table of a result of any kind."""
    import pandas as pd

    from auroral_stats.agreement_tables import agreement_table
    from auroral_stats.effect_tables import effect_table, epoch_table, is_effect, is_epoch
    from auroral_stats.tables import to_table

    if isinstance(result, pd.DataFrame):
        return result
    if is_effect(result):
        return effect_table(result)
    if is_epoch(result):
        return epoch_table(result)
    if "kappa" in result:
        return agreement_table(result)
    return to_table(result) if "rate" in result else result.to_dataframe().reset_index()


def _letter(figure: Figure, title: str, about: str, notes: str, attrs: Mapping[str, Any]) -> None:
    """Write title, legend and notes around the Axes of a figure in constrained layout."""
    from auroral_stats._figures.lettering import marked
    from auroral_stats._figures.page import letter_around

    parts = []
    if "start" in attrs:
        parts.append(f"{attrs['start'][:10]} to {attrs['end'][:10]}")
    if "selected_sites" in attrs:
        sites = attrs["selected_sites"].split(",")
        parts.append(f"{len(sites)} sites" if len(sites) > 1 else f"site {sites[0]}")
    if attrs.get("labels_source"):
        parts.append(f"labels: {attrs['labels_source'].removeprefix('import:')}")
    held = [ax.get_legend_handles_labels() for ax in figure.axes]
    legend = {
        text: handle for handles, texts in held for handle, text in zip(handles, texts, strict=True)
    }
    for text, handle in legend.items():
        handle.set_label(text)
    letter_around(
        figure,
        attrs,
        title=marked(title, attrs),
        subtitle="; ".join(filter(None, [*parts, about])),
        notes=notes.splitlines(),
        handles=list(legend.values()),
        height=25.4 * float(figure.get_figheight()),
    )


def _mark(figure: Figure, attrs: Mapping[str, Any], *, simulated: bool) -> None:
    """Make sure that a figure says whether it is simulated, in its picture and in its file."""
    from matplotlib.text import Text

    from auroral_stats._figures.style import ALERT, TITLE

    texts = cast("list[Text]", figure.findobj(Text))
    said = " ".join(text.get_text() for text in texts)
    if simulated and "SIMULATED" not in said:
        style: dict[str, Any] = {"color": ALERT, "fontsize": TITLE, "fontweight": "bold"}
        figure.text(0.995, 0.995, "SIMULATED DATA", ha="right", va="top", **style)
    known = {
        "title": attrs.get("title", ""),
        "software": attrs.get("software", "auroral_stats"),
        "description": f"simulated: {simulated}. Parameters: {attrs.get('parameters', '{}')}",
    }
    vars(figure).setdefault("provenance", known)


def _shown(figure: Figure) -> Figure:
    """Hand a figure to pyplot, which shows what is open, unless it is from there."""
    import matplotlib.pyplot as plt

    if figure.canvas.manager is None:
        # A class that makes this very figure: pyplot adopts no other way.
        plt.figure(FigureClass=lambda *_, **__: figure)  # type: ignore[arg-type]
    return figure
