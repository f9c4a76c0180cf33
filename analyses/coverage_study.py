"""How often the intervals cover a known truth.

Prints the tables of docs/explanation/coverage.md, and ``--write docs/explanation/coverage.md`` puts
them into that page. Everything is SIMULATED.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from auroral_stats.intervals import INTERVALS
from auroral_stats.simulation.coverage import coverage, setting
from auroral_stats.simulation.pages import table, write_between
from auroral_stats.simulation.worlds import SCENARIOS, simulate_worlds

MARKERS = ("% coverage_study.py: begin", "% coverage_study.py: end")


def percent(shares, digits=1):
    """Return the mean of some shares as a number of per cent."""
    return f"{100 * np.mean(shares):.{digits}f}"


def by_method(made):
    """Return coverage and width of every interval, by world and number of nights."""
    methods = [name for name in INTERVALS if name != "climatological"]
    held, widths, default = [], [], []
    for row, worlds in made.items():
        found = [coverage(worlds, method, seed=row[1]) for method in methods]
        held.append([*row, *(percent(one.mean) for one in found)])
        widths.append([*row, *(f"{one.width:.3f}" for one in found)])
        figures = (percent(share) for share in (found[0].mean, found[0].error, found[0].lowest))
        default.append([*row, *figures, found[0].cells])
    mean = np.array([row[2:] for row in held], dtype=float).mean(axis=0)
    held.append(["mean", "", *(f"{value:.1f}" for value in mean)])
    title, header = "Coverage of the rate in the winters observed, %", ["world", "nights"]
    more = [*header, "coverage", "error", "lowest cell", "cells"]
    yield table(title, [*header, *methods], held)
    yield table("Median width", [*header, *methods], widths)
    yield table("Coverage by the default in more detail, %", more, default)


def by_floor(made):
    """Return what the least number of degrees of freedom of blocks does to the default."""
    rows = []
    for floor in (1, 2, 3, 4):
        with setting("MIN_BLOCK_DF", float(floor)):
            found = [coverage(worlds) for worlds in made.values()]
        lowest, width = min(one.lowest for one in found), np.mean([one.width for one in found])
        mean, wide = [one.mean for one in found], [one.wide for one in found]
        rows.append([floor, percent(mean), percent(lowest), percent(wide, 2), f"{width:.4f}"])
    header = ["MIN_BLOCK_DF", "coverage", "lowest cell", "wider than 0.9", "median width"]
    return table("The default by its least number of degrees of freedom of blocks, %", header, rows)


def by_length(number, seed):
    """Return what long winters and blocks of 27 nights do to the default."""
    rows = []
    for winters, length in ((3, 50), (3, 120), (3, 150), (4, 150), (6, 150)):
        for k, scenario in enumerate(SCENARIOS):
            size = {"worlds": number, "nights": winters * length, "winters": winters}
            worlds = simulate_worlds(scenario, seed=(seed, winters, length, k), **size)
            found = [coverage(worlds)]
            with setting("BLOCKS", {9: 3}):
                found.append(coverage(worlds))
            kept = replace(scenario, coherence=1e6)
            found.append(coverage(simulate_worlds(kept, seed=(seed, winters, length, k), **size)))
            figures = [percent(share) for one in found for share in (one.mean, one.lowest)]
            rows.append([scenario.name, f"{winters} x {length}", *figures])
    header = ["world", "nights", "coverage", "lowest cell", "without blocks of 27: coverage"]
    header += ["lowest cell", "never fades: coverage", "lowest cell"]
    return table("The default in long winters, %", header, rows)


def by_winters(number, seed):
    """Return what intervals by night and by winter say of winters that were not observed."""
    rows, methods = [], ("jackknife", "climatological")
    for winters, length in ((4, 60), (6, 25), (6, 60)):
        for k, scenario in enumerate(SCENARIOS):
            size = {"worlds": number, "nights": winters * length, "winters": winters}
            worlds = simulate_worlds(scenario, seed=(seed, winters, length, k), **size)
            truths = (worlds.truth, worlds.climate, worlds.other_truth)
            found = [coverage(worlds, name, truth) for name in methods for truth in truths]
            rows.append([scenario.name, f"{winters} x {length}", *(percent(f.mean) for f in found)])
    header = ["world", "nights"]
    for method in methods:
        header += [f"{method}: observed", "all", "one more"]
    title = "Coverage of the rate in the winters observed, in all winters, in one more, %"
    return table(title, header, rows)


def tables(number, seed):
    """Return all tables as Markdown, from ``number`` worlds in each row."""
    made = {
        (scenario.name, nights): simulate_worlds(
            scenario, worlds=number, nights=nights, seed=(seed, nights, k)
        )
        for nights in (45, 90, 150)
        for k, scenario in enumerate(SCENARIOS)
    }
    head = f"SIMULATED: {number:,} worlds in each row, seed {seed}."
    rest = [by_floor(made), by_length(number, seed), by_winters(number, seed)]
    return "\n\n".join([head, *by_method(made), *rest])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000, help="in each row (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page that holds the markers")
    given = parser.parse_args()
    text = tables(given.worlds, given.seed)
    print(text)
    if given.write:
        write_between(given.write, MARKERS, text)
