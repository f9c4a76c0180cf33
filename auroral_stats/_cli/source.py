"""Where the data of a command come from, and what is selected of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auroral_stats._cli.arguments import Cadence, mag_stations, site_codes
from auroral_stats._cli.joining import join_store, with_magnetometers
from auroral_stats._cli.world import demo_labels
from auroral_stats.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

    from auroral_stats.drivers import Driver


class Source:
    """Joined data: from a file, from a label store, or from the demo world."""

    def __init__(
        self,
        labels: Path | None,
        data: Path | None,
        omni: Cadence | None,
        mag_station: Sequence[str] | None,
        start: str | None,
        end: str | None,
        sites: str | None,
        mlat: str | None,
        offline: bool,
    ) -> None:
        from auroral_stats.joined import check_times
        from auroral_stats.latitude import parse_mlat

        given = {"--labels": labels, "--omni": omni, "--mag-station": mag_station}
        with_data = [name for name, value in given.items() if value is not None]
        if data is not None and with_data:
            raise UsageError(
                f"--data {data} already holds its labels, solar wind and magnetometers; leave "
                f"out {' and '.join(with_data)}, or --data."
            )
        check_times(start, end)
        self.labels, self.data, self.offline = labels, data, offline
        self.omni = omni or Cadence.one
        self.stations = mag_stations(mag_station)
        self.times = {"start": start, "end": end}
        self.sites = site_codes(sites)
        self.mlat = None if mlat is None else parse_mlat(mlat)

    @property
    def inputs(self) -> dict[str, Path | None]:
        """What is read, by option."""
        return {"--data": self.data, "--labels": self.labels}

    def joined(
        self, drivers: Iterable[Driver], report: Callable[[str], None], *, mag: bool
    ) -> xr.Dataset:
        """Return the joined data, with magnetometers where they are made here and asked for."""
        from auroral_stats.drivers import find_driver
        from auroral_stats.joined import open_joined, select_frames
        from auroral_stats.omni_variables import omni_variables

        if self.data is not None:
            opened = open_joined(self.data)
            return select_frames(opened, **self.times, sites=self.sites, mlat=self.mlat)
        labels = self.labels or demo_labels()
        needed = list(drivers)
        omni_variables(self.omni.value, [n for d in needed if d.origin == "omni" for n in d.inputs])
        data = join_store(
            labels,
            self.omni,
            # The join takes none for all.
            [*needed, find_driver("mlt")],
            report,
            **self.times,
            sites=self.sites,
            offline=self.offline,
        )
        if self.mlat is not None:
            data = select_frames(data, mlat=self.mlat)
        if not mag:
            return data
        return with_magnetometers(
            data, labels, report, stations=self.stations, offline=self.offline
        )
