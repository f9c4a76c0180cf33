"""
Occurrence by the solar wind
============================

How often each auroral form is seen at different speeds, densities, pressures and fields of the
solar wind, and under how strong a coupling of it to the magnetosphere. Each column is a driver,
averaged over the hour that ends ten minutes before the frame; each row is a form on a scale of
its own. Bars are 95 % intervals by nights, and rates that rest on too few nights are grey.

Only sites at magnetic latitudes of 62 to 70 degrees are used, since sites further out see the
oval at other times (``--mlat`` changes that).
"""

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.driver_plots import plot_drivers
from auroral_stats.occurrence import occurrence

DRIVERS = ("flow_speed", "proton_density", "pressure", "B", "E", "newell")


def main(arguments=None):
    """Make ``occurrence_solar_wind.png``, ``.csv`` and ``.json``."""
    parser = analysis_parser(__doc__, mlat="62:70")
    with analysis("occurrence_solar_wind", parser, arguments) as run:
        data = run.joined(DRIVERS)
        results = [occurrence(data, driver) for driver in DRIVERS]
        panels = plot_drivers(results, "the solar wind")
        run.write(panels["arc", DRIVERS[0]].figure, *results)


if __name__ == "__main__":
    main()
