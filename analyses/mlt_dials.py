"""
Dials of magnetic local time and latitude
=========================================

Where each auroral form is seen: dials with midnight at the bottom and dawn to the right. In the
first figure colour is the rate in cells of magnetic local time and latitude; a cell is where a
station stands, and the camera sees some four degrees around it. The second figure has the rates by
local time with their 95 % intervals, a row for each band of latitude.
"""

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.gate import Gate
from auroral_stats.occurrence import occurrence
from auroral_stats.plots import plot_map, plot_occurrence

LATITUDES = (56, 60, 64, 68, 72, 76, 80)  # degrees
HOURS = range(0, 25, 2)


def main(arguments=None):
    """Make ``mlt_dials_map`` and ``mlt_dials_bands``, each with a table."""
    with analysis("mlt_dials", analysis_parser(__doc__), arguments) as run:
        data = run.joined()
        # A cell of latitude holds a station or two, so it cannot be asked for three.
        result = occurrence(data, ["mlt", "mlat"], bins=[None, LATITUDES], gate=Gate(min_sites=1))
        panels = plot_map(result, projection="polar")
        run.write(panels["arc", "all"].figure, result, part="map")
        result = occurrence(data, "mlt", bins=[HOURS])
        panels = plot_occurrence(result, projection="polar")
        run.write(next(iter(panels.values())).figure, result, part="bands")


if __name__ == "__main__":
    main()
