"""
Occurrence by the interplanetary magnetic field
===============================================

How often each auroral form is seen under which direction of the interplanetary magnetic field:
maps over its By and Bz components (GSM) and dials of its clock angle, northward at the top. Fields
are averages over the hour that ends ten minutes before the frame. Cells that rest on too few
nights are hatched in the maps and grey in the dials, whose bars are 95 % intervals by nights.

Only sites at magnetic latitudes of 62 to 70 degrees are used (``--mlat``).
"""

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.occurrence import occurrence
from auroral_stats.plots import plot_map, plot_occurrence


def main(arguments=None):
    """Make ``occurrence_imf_map`` and ``occurrence_imf_clock_angle``, each with a table."""
    parser = analysis_parser(__doc__, mlat="62:70")
    with analysis("occurrence_imf", parser, arguments) as run:
        data = run.joined(["By", "Bz"])
        result = occurrence(data, ["By", "Bz"])
        panels = plot_map(result, band="all")
        run.write(panels["arc", "all"].figure, result, part="map")
        result = occurrence(data, "clock_angle")
        panels = plot_occurrence(result, band="all", projection="polar")
        run.write(panels["arc", "all"].figure, result, part="clock_angle")


if __name__ == "__main__":
    main()
