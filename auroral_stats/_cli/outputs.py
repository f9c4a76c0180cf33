"""The files that a command is asked to write: checked before work begins, written at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auroral_stats.errors import UsageError
from auroral_stats.terminal import console

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import RenderableType


@dataclass(frozen=True)
class Outputs:
    """Where a result goes.

    Attributes
    ----------
    csv, json, nc, plot : Path, optional
    """

    csv: Path | None = None
    json: Path | None = None
    nc: Path | None = None
    plot: Path | None = None

    @property
    def given(self) -> dict[str, Path]:
        """The paths asked for, by option."""
        return {f"--{name}": path for name, path in vars(self).items() if path is not None}

    @property
    def tables(self) -> dict[str, Path]:
        """Those that are no figure."""
        return {name: path for name, path in self.given.items() if name != "--plot"}

    @property
    def on_stdout(self) -> bool:
        """Whether one of them is the standard output, which is then no place for the screen."""
        from auroral_stats.whole_file import is_own_output

        return any(is_own_output(path) for path in self.given.values())


def check_outputs(outputs: Outputs, inputs: Mapping[str, Path | None]) -> None:
    """Refuse outputs that could not all be written, before anything is read.

    Parameters
    ----------
    outputs : Outputs
    inputs : mapping of str to Path or None
        What the command reads, by option.

    Raises
    ------
    UsageError
        If two outputs, or an output and an input, have one name; or the suffix of the figure is
        unknown.
    ArchiveError
        If one cannot be written.
    """
    from auroral_stats.whole_file import check_target

    seen = {path.resolve(): name for name, path in inputs.items() if path is not None}
    for name, path in outputs.given.items():
        other = seen.setdefault(path.resolve(), name)
        if other != name:
            raise UsageError(f"{name} {path}: {other} has the same name; give each its own.")
    if outputs.plot is not None:
        from auroral_stats.figure_files import check_figure_name

        check_figure_name(outputs.plot)
    for path in outputs.given.values():
        check_target(path)


def write_outputs(result: xr.Dataset, outputs: Outputs) -> list[Path]:
    """Write the files asked for, before anything is printed that a closed pipe could cut off."""
    from auroral_stats import tables

    writers = {
        "--csv": tables.write_csv,
        "--json": tables.write_json,
        "--nc": tables.write_netcdf,
        "--plot": _write_figure,
    }
    return [writers[name](result, path) for name, path in outputs.given.items()]


def _write_figure(result: xr.Dataset, path: str | Path) -> Path:
    from auroral_stats import plots

    return plots.save_figure(plots.figure(result), path)


def write_effects(result: xr.Dataset, outputs: Outputs) -> list[Path]:
    """Write the files asked for, before anything is printed that a closed pipe could cut off."""
    from auroral_stats import effect_tables

    def write_figure(result: xr.Dataset, path: Path) -> Path:
        from auroral_stats.effect_plots import figure
        from auroral_stats.figure_files import save_figure

        return save_figure(figure(result), path)

    writers: dict[str, Callable[[xr.Dataset, Path], Path]] = {
        "--csv": effect_tables.write_csv,
        "--json": effect_tables.write_json,
        "--nc": effect_tables.write_netcdf,
        "--plot": write_figure,
    }
    return [writers[name](result, path) for name, path in outputs.given.items()]


def show(outputs: Outputs, written: Sequence[Path], *parts: RenderableType) -> None:
    """Print the result; where a file is the standard output, beside it."""
    terminal = console(stderr=outputs.on_stdout)
    for part in parts:
        terminal.print(part)
    for path in written:
        terminal.print(f"wrote {path}", markup=False, soft_wrap=True)
