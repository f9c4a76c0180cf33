"""
Rates from human labels, and how far a model agrees
===================================================

What labels by people say, which are few: occurrence by magnetic local time and Kp, with the same
intervals and the same gate as for millions of labels, so that many rates are grey; and, where there
is the store of a model (``--model``), how far the two agree on the frames that both have labelled.
``--labels`` is a table with a row for each frame and columns for time (UTC), site and class.

Without a table the people are simulated: they look at a frame in five minutes of one
station-night in three of the demo world, and mistake one class for another in one frame of ten.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from auroral_stats.agreement import agreement
from auroral_stats.agreement_plots import figure
from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.driver_plots import plot_drivers
from auroral_stats.label_import import import_table
from auroral_stats.labels import (
    CLASSES,
    StoreInfo,
    iter_partitions,
    open_labels,
    read_partition,
    write_labels,
)
from auroral_stats.nights import night_of
from auroral_stats.occurrence import occurrence
from auroral_stats.simulation.demo import build_demo, default_demo_root

MISTAKEN_FOR = ("discrete", "clear", "arc", "moon", "cloudy", "diffuse")  # in order of CLASSES
MLT = (0, 3, 6, 9, 12, 15, 18, 21, 24)  # h


def simulate_people(store, world, seed=0):
    """Write the labels of people who look at few frames and are wrong about some of them."""
    rng, info = np.random.default_rng(seed), StoreInfo("human", True, archive=str(world.spedas))
    labels = open_labels(world.labels)
    for partition in iter_partitions(labels):
        rows = read_partition(partition, ("time", "label"), info=labels.info)
        minute = rows["time"].astype("M8[m]")
        nights, of_night = np.unique(night_of(minute), return_inverse=True)
        first = np.diff(minute.astype(int) // 5, prepend=-1) > 0
        looked = first & (rng.random(nights.size) < 1 / 3)[of_night]
        label = np.where(
            rng.random(minute.size) < 0.1,
            np.array(MISTAKEN_FOR)[rows["label"]],
            np.array(CLASSES)[rows["label"]],
        )
        if looked.any():
            write_labels(store, partition.site, rows["time"][looked], label[looked], info=info)


def main(arguments=None):
    """Make ``human_labels_rates`` and, with a model, ``human_labels_agreement``."""
    parser = analysis_parser(__doc__, mlat="62:70")
    for name in ("time", "site", "label"):
        parser.add_argument(f"--{name}", default=name, metavar="COLUMN", help=f"({name})")
    parser.add_argument("--model", metavar="STORE", help="label store of a model")
    with analysis("human_labels", parser, arguments) as run, TemporaryDirectory() as folder:
        given, model, store = run.given, run.given.model, Path(folder) / "labels"
        if given.data is None and given.labels is None:
            world = build_demo(default_demo_root())
            simulate_people(store, world)
            model = model or world.labels
        elif given.data is None:
            columns = {name: getattr(given, name) for name in ("time", "site", "label")}
            done = import_table(given.labels, store, **columns, source="human")
            print(f"{done.written:,} of {done.read:,} rows are labels")
            [print(f"{number:,} refused: {why}") for why, number in done.rejected.items()]
        data = run.joined(["Kp"], labels=None if given.data else store)
        results = [occurrence(data, "mlt", bins=[MLT]), occurrence(data, "Kp")]
        panels = plot_drivers(results)
        run.write(panels["arc", "mlt"].figure, *results, part="rates")
        if model and not given.data:
            result = agreement(store, model, tolerance=1.5)
            run.write(figure(result), result, part="agreement")


if __name__ == "__main__":
    main()
