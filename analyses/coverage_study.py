"""How often the intervals cover a known truth: the tables of docs/explanation/coverage.md.

Everything is SIMULATED. ``--write docs/explanation/coverage.md`` puts the tables into that page.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from auroral_stats import uncertainty
from auroral_stats.errors import DataError
from auroral_stats.intervals import INTERVALS, rate_interval
from auroral_stats.nights import winter_of
from auroral_stats.occurrence import Gate
from auroral_stats.simulation.worlds import SCENARIOS, simulate_worlds
from auroral_stats.uncertainty import by_cluster, jackknife_se, kish, leave_one_out

MARKERS = ("% coverage_study.py: begin", "% coverage_study.py: end")
# Cells that pass the gate in a smaller share of the worlds are too few to be measured one by one.
MEASURED = 0.3


def by_night(worlds):
    """Return events and exposure as (night, world, bin)."""
    return np.moveaxis(worlds.events, 1, 0), np.moveaxis(worlds.exposure, 1, 0)


def reported(worlds):
    """Return which cells, (world, bin), the default gate of ``occurrence`` lets through."""
    gate, (events, exposure) = Gate(), by_night(worlds)
    winters = (by_cluster(exposure, winter_of(worlds.night)) > 0).sum(axis=0)
    enough = ((exposure > 0).sum(axis=0) >= gate.min_nights) & (winters >= gate.min_winters)
    enough &= (kish(exposure) >= gate.min_nights / 2) & (
        (events > 0).sum(axis=0) >= gate.min_nights / 4
    )
    return enough & (exposure.sum(axis=0) / (20 * 60) >= gate.min_hours)  # 20 frames a minute


def coverage(worlds, method="jackknife", truth=None, seed=0):
    """Return how often the reported intervals of ``method`` hold the truth, and their widths."""
    low, high = rate_interval(*by_night(worlds), worlds.night, method=method, seed=seed)
    truth = worlds.truth if truth is None else truth
    shown = reported(worlds) & np.isfinite(high)
    held = shown & (low <= truth) & (truth <= high)
    mean = leave_one_out(held.sum(axis=1), shown.sum(axis=1))
    often, width = shown.mean(axis=0) >= MEASURED, (high - low)[shown]
    return {
        "mean": float(mean.value),
        "error": float(jackknife_se(mean)),  # Monte Carlo; worlds are the clusters
        "lowest": (held.sum(axis=0) / shown.sum(axis=0).clip(1))[often].min(initial=1.0),
        "cells": int(often.sum()),
        "width": float(np.median(width)),
        "wide": float(np.mean(width > 0.9)),
        "held": held.sum(axis=0),
        "shown": shown.sum(axis=0),
    }


def table(title, header, rows):
    """Return a Markdown table; columns of numbers to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def percent(shares, digits=1):
    """Return the mean of some shares as a number of per cent."""
    return f"{100 * np.mean(shares):.{digits}f}"


def by_method(made):
    """Return coverage and width of every interval, by world and number of nights."""
    methods = [name for name in INTERVALS if name != "climatological"]
    held, widths, default = [], [], []
    for (name, nights), worlds in made.items():
        found = [coverage(worlds, method, seed=nights) for method in methods]
        held.append([name, nights, *(percent(one["mean"]) for one in found)])
        widths.append([name, nights, *(f"{one['width']:.3f}" for one in found)])
        figures = (percent(found[0][key]) for key in ("mean", "error", "lowest"))
        default.append([name, nights, *figures, found[0]["cells"]])
    mean = np.array([row[2:] for row in held], dtype=float).mean(axis=0)
    held.append(["mean", "", *(f"{value:.1f}" for value in mean)])
    title, header = "Coverage of the rate in the winters observed, %", ["world", "nights"]
    more = [*header, "coverage", "error", "lowest cell", "cells"]
    return "\n\n".join(
        [
            table(title, [*header, *methods], held),
            table("Median width", [*header, *methods], widths),
            table("Coverage by the default in more detail, %", more, default),
        ]
    )


def by_floor(made):
    """Return what the least number of degrees of freedom of blocks does to the default."""
    rows, usual = [], uncertainty.MIN_BLOCK_DF
    try:
        for floor in (1, 2, 3, 4):
            uncertainty.MIN_BLOCK_DF = float(floor)
            found = [coverage(worlds) for worlds in made.values()]
            mean, wide, width = ([one[key] for one in found] for key in ("mean", "wide", "width"))
            lowest = min(one["lowest"] for one in found)
            rows.append([floor, percent(mean), percent(lowest), percent(wide, 2)])
            rows[-1].append(f"{np.mean(width):.4f}")
    finally:
        uncertainty.MIN_BLOCK_DF = usual
    header = ["MIN_BLOCK_DF", "coverage", "lowest cell", "wider than 0.9", "median width"]
    return table("The default by its least number of degrees of freedom of blocks, %", header, rows)


def by_coherence(number, seed):
    """Return what a recurrence that never fades does to the default, over long winters."""
    rows = []
    for winters, length in ((3, 50), (4, 150)):
        rows.append([SCENARIOS[2].name, f"{winters} x {length}"])
        for coherence in (SCENARIOS[2].coherence, 1e6):
            scenario = replace(SCENARIOS[2], coherence=coherence)
            made = {"nights": winters * length, "winters": winters}
            found = coverage(simulate_worlds(scenario, worlds=number, seed=(seed, length), **made))
            rows[-1] += [percent(found["mean"]), percent(found["lowest"])]
    header = ["world", "nights", "coverage", "lowest cell", "never fades: coverage", "lowest cell"]
    return table("The default where the recurrence never fades, %", header, rows)


def by_winters(number, seed):
    """Return what intervals by night and by winter say of winters that were not observed."""
    rows, methods = [], ("jackknife", "climatological")
    for winters, length in ((4, 60), (6, 25), (6, 60)):
        for k, scenario in enumerate(SCENARIOS):
            made = {"nights": winters * length, "winters": winters}
            worlds = simulate_worlds(
                scenario, worlds=number, seed=(seed, winters, length, k), **made
            )
            rows.append([scenario.name, f"{winters} x {length}"])
            for method in methods:
                truths = (worlds.truth, worlds.climate, worlds.other_truth)
                found = [coverage(worlds, method, truth) for truth in truths]
                rows[-1] += [percent(one["mean"]) for one in found]
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
    rest = [by_floor(made), by_coherence(number, seed), by_winters(number, seed)]
    return "\n\n".join([head, by_method(made), *rest])


def write(page, text):
    """Put the tables between the markers of a page, all or nothing."""
    before, begin, rest = page.read_text().partition(MARKERS[0])
    _, end, after = rest.partition(MARKERS[1])
    if not (begin and end):
        raise DataError(f"{page}: expected the lines {MARKERS[0]!r} and {MARKERS[1]!r}; add them.")
    new = page.with_name(f".{page.name}.new")
    try:
        new.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
        new.replace(page)
    finally:
        new.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000, help="in each row (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page that holds the markers")
    given = parser.parse_args()
    text = tables(given.worlds, given.seed)
    print(text)
    if given.write:
        write(given.write, text)
