"""
Occurrence by geomagnetic activity
==================================

How often each auroral form is seen at different values of the geomagnetic indices of the same
minute: Kp for the globe, SYM-H for the ring current, AE and AL for the auroral electrojets. The
indices answer to the aurora as much as it answers to them, so these rates describe and explain
nothing; AE and AL come partly from stations below the cameras.

Only sites at magnetic latitudes of 62 to 70 degrees are used (``--mlat``): in storms the oval
leaves sites further north.
"""

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.driver_plots import plot_drivers
from auroral_stats.occurrence import occurrence

INDICES = ("Kp", "SYM_H", "AE", "AL")


def main(arguments=None):
    """Make ``occurrence_indices.png``, ``.csv`` and ``.json``."""
    parser = analysis_parser(__doc__, mlat="62:70")
    with analysis("occurrence_indices", parser, arguments) as run:
        data = run.joined(INDICES)
        results = [occurrence(data, index) for index in INDICES]
        panels = plot_drivers(results, "geomagnetic activity")
        run.write(panels["arc", INDICES[0]].figure, *results)


if __name__ == "__main__":
    main()
