"""Rates from labelled frames of the demo world, held against the truth.

Frames are drawn as the labels of the world say, labelled by the classifier that comes with the
package, and counted like any label store. Their rates by IMF Bz stand beside those of the same
frames with the labels of the world, and beside the rates that the world was made with. Everything
is SIMULATED. ``--nights`` keeps whole nights of all stations, spread evenly. What is printed is, for
each class, in per cent: how many of its frames are found, how many of those found are of it, and its
rate by either labels; the bins in which an interval holds the truth; and the rate at Bz of -4 to -2
nT divided by that at 2 to 4 nT.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from auroral_stats.errors import AuroralStatsError
from auroral_stats.figure_files import save_figure
from auroral_stats.gate import Gate
from auroral_stats.join import join
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS, open_labels, write_labels
from auroral_stats.occurrence import HEADLINE_LABELS, occurrence
from auroral_stats.simulation.demo import build_demo, default_demo_root
from auroral_stats.simulation.pages import table
from auroral_stats.simulation.truth_comparison import TRUTH, beside_truth, truth_held
from auroral_stats.simulation.truth_plots import plot_beside_truth
from auroral_stats.whole_file import write_whole
from classifier.demo_nights import choose_nights, label_nights
from classifier.label_identity import store_info

COLUMNS = {"true labels": "true", "classifier": "label"}
HEADER = ["class", "recall", "precision", *COLUMNS, *(f"held: {name}" for name in COLUMNS)]
HEADER += [f"ratio: {name}" for name in (TRUTH, *COLUMNS)]
SOUTH, NORTH = "[-4, -2)", "[2, 4)"


def tell(began, done, nights, frames):
    """Say on stderr how far it is, now and then."""
    if done % 20 == 0 or done == nights:
        passed = time.monotonic() - began
        left = f"{frames / passed:.0f}/s, {passed * (nights / done - 1) / 60:.0f} min left"
        print(f"{done} of {nights} station-nights, {frames:,} frames, {left}", file=sys.stderr)


def rates(frames, column, info, store, every):
    """Return rates by Bz from one of the columns of labels, by way of a label store."""
    p = frames[list(PROBABILITY_COLUMNS)].to_numpy(np.uint8) if column == "label" else None
    write_labels(store, frames["site"], frames["time"], frames[column], p, info=info)
    # A frame stands for the minutes up to the next, and the gate counts minutes with frames.
    gate = Gate(min_hours=Gate().min_hours / every)
    return occurrence(join(store, drivers=["Bz"], offline=True), "Bz", gate=gate)


def outcome(frames, results, tidy):
    """Yield the rows of the table that is printed."""
    held = truth_held(tidy).set_index(["label", "source"])
    rate = tidy.set_index(["label", "source", "bin"])["rate"].replace(0, np.nan)
    for label in HEADLINE_LABELS:
        true, found = (frames[column] == CLASSES.index(label) for column in COLUMNS.values())
        shares = [(true & found).sum() / max(of.sum(), 1) for of in (true, found)]
        shares += [float(result["overall_rate"].sel(label=label)) for result in results.values()]
        ratios = [rate[label, n, SOUTH] / rate[label, n, NORTH] for n in (TRUTH, *COLUMNS)]
        counts = [held.loc[(label, name)] for name in COLUMNS]
        row = [label, *(f"{100 * share:.1f}" for share in shares)]
        row += [f"{count['held']:.0f} of {count['bins']:.0f}" for count in counts]
        yield [*row, *(f"{ratio:.2f}" for ratio in ratios)]


def main(given):
    """Draw, label and count; write what came of it, and print how far the rates can be trusted."""
    from classifier.checkpoint import load_model  # brings torch, which processes that draw lack

    world, model = build_demo(default_demo_root()), load_model(device="cpu")
    store = open_labels(world.labels)
    nights = choose_nights(store, every=given.every, sites=given.stations, nights=given.nights)
    say = partial(tell, time.monotonic())
    frames = label_nights(nights, model, given.seed, workers=given.workers, progress=say)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        info = replace(store_info(model, Path(folder, "_"), world.spedas), simulated=True)
        for name, column in COLUMNS.items():
            own = info if column == "label" else replace(store.info, archive=info.archive)
            results[name] = rates(frames, column, own, Path(folder, column), given.every)
    tidy = beside_truth(results, world.truth_rates)
    if given.stations is not None:  # the truth is that of all stations together
        tidy.loc[tidy["source"] == TRUTH, ["rate", "ci_low", "ci_high"]] = np.nan
    of = f"{len(nights)} station-nights in {len({night.night for night in nights})} nights"
    title = f"rates from {len(frames):,} labelled frames, one every {given.every} min of {of}"
    options = {**vars(given), "out": str(given.out)}
    about = {"title": title, "options": options, **{n: r.attrs for n, r in results.items()}}
    path = given.out / "frames_to_rates"
    save_figure(plot_beside_truth(tidy, title), path.with_suffix(".png"))
    write_whole(path.with_suffix(".csv"), lambda file: tidy.to_csv(file, index=False))
    named = frames.replace({column: dict(enumerate(CLASSES)) for column in COLUMNS.values()})
    write_whole(f"{path}_labels.csv", lambda file: named.to_csv(file, index=False))
    write_whole(
        path.with_suffix(".json"), lambda file: file.write_text(json.dumps(about, indent=1))
    )
    print(table(f"SIMULATED DATA: {title}", HEADER, outcome(frames, results, tidy)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=15, metavar="MINUTES", help="(15)")
    parser.add_argument("--stations", nargs="+", metavar="SITE", help="all by default")
    parser.add_argument("--nights", type=int, metavar="N", help="whole nights; all by default")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (2)")
    parser.add_argument("--seed", type=int, default=1, help="of the skies (1)")
    parser.add_argument("--out", type=Path, default=Path("output/analyses"), metavar="DIR")
    try:
        main(parser.parse_args())
    except AuroralStatsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
