"""
Occurrence by month, season and winter
======================================

How often each auroral form is seen in each month and season, and in each winter (July to June).
The mix of stations and magnetic local times changes with the length of the night, so rates are
standardised to one mix of them; dashes are the rates without that. A month or season that was seen
in one winter alone is grey. Bars are 95 % intervals by nights: they say nothing of winters that
were not observed.

Only sites at magnetic latitudes of 62 to 70 degrees are used (``--mlat``).
"""

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.driver_plots import plot_drivers
from auroral_stats.drivers import Driver
from auroral_stats.gate import Gate
from auroral_stats.nights import night_of, winter_of
from auroral_stats.occurrence import occurrence

# A driver of one's own: a variable of the joined data over time, a number for each category.
WINTER = Driver("winter", "winter", "", "time", "frames", ("winter",), source="July to June")


def main(arguments=None):
    """Make ``seasons.png``, ``.csv`` and ``.json``."""
    parser = analysis_parser(__doc__, mlat="62:70")
    with analysis("seasons", parser, arguments) as run:
        data = run.joined()
        data["winter"] = ("time", winter_of(night_of(data["time"].to_numpy())))
        gates = {"month": Gate(), "season": Gate(), WINTER: Gate(min_winters=1)}
        results = [
            occurrence(data, by, gate=gate, standardise=("site", "mlt"))
            for by, gate in gates.items()
        ]
        panels = plot_drivers(results)
        run.write(panels["arc", "month"].figure, *results)


if __name__ == "__main__":
    main()
