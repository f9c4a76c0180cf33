"""
What a classifier makes of real pictures
========================================

A sheet of camera frames and pictures as the encoder gets them, each with the probabilities of the
six classes, and a table of all frames. ``--frames`` takes raw camera files (PGM, CDF), of which the
middle frame is drawn; ``--pictures`` those of the OATH set (PNG), and ``--labels`` its
``classifications.csv``, for what is known of them.

Without ``--model`` it is the classifier of this package, which was trained on simulated pictures
alone: what it says of real ones shows how far it can be trusted, and is no measurement.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from auroral_stats.errors import UsageError
from auroral_stats.figure_files import save_figure
from auroral_stats.geometry import site_geometry
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from auroral_stats.provenance import combine_simulated, describe
from auroral_stats.whole_file import write_whole
from classifier.checkpoint import load_model
from classifier.comparison_script import one_message
from classifier.frame_selection import read_usable
from classifier.preprocess import preprocess
from classifier.probability_plots import plot_probabilities
from classifier.single_pictures import load_pictures

MOST = 28  # files drawn
P, SKY = list(PROBABILITY_COLUMNS), ["sun_elevation", "moon_elevation"]


def look(model, given):
    """Yield rows of the table, the picture to draw, and what to write above it, file by file."""
    size = model.header.size
    for path in given.frames:
        found, skipped = read_usable(path)
        [print(f"left out: {each.what}: {each.reason}") for each in skipped]
        if not len(found.time):
            continue
        rows = pd.DataFrame({"file": path.name, "time": found.time, "site": found.site or ""})
        rows[P], half = model.probabilities(found.images), len(rows) // 2
        name = f"{found.site or path.name} {rows['time'][half]:%Y-%m-%d %H:%M}"
        if found.site:
            sky = site_geometry(found.time, found.site, quantities=SKY)
            rows[SKY] = np.column_stack([sky[key].to_numpy()[:, 0] for key in SKY])
            name += "\nSun {:.0f}°, Moon {:.0f}°".format(*rows.loc[half, SKY])
        ready = preprocess(found.images[half][None], model.header.preprocess, size)
        yield rows.assign(true="", simulated=found.simulated), ready[0, 0].numpy(), name
    found = load_pictures(given.pictures, given.labels, size)
    for path, ready, code in zip(given.pictures, found.images, found.label, strict=True):
        known = CLASSES[code] if code >= 0 else ""
        rows = pd.DataFrame({"file": [path.name], "time": np.datetime64("NaT"), "true": known})
        rows[P] = model.probabilities_of_prepared(ready[None])
        name = f"{path.name}\n{f'labelled {known}' if known else 'no label'}"
        yield rows.assign(simulated=found.simulated), ready[0].numpy(), name


def main(given):
    """Write the figure and the table, and print the means by file."""
    model = load_model(given.model, "cpu")
    found = list(look(model, given))
    if not found:
        raise UsageError("not one picture; name files with --frames or --pictures.")
    kinds = {rows["file"].iloc[0]: bool(rows["simulated"].iloc[0]) for rows, *_ in found}
    simulated, trained = combine_simulated(kinds), model.header.model_trained_on
    alone = all("simulated" in part for part in trained.split(" and "))
    shown = [found[k] for k in np.unique(np.linspace(0, len(found) - 1, MOST).astype(int))]
    part = f" ({len(shown)} of {len(found)} files)" if len(shown) < len(found) else ""
    learnt = "simulated pictures alone" if alone else trained
    title = f"Model {model.sha256[:12]}, trained on {learnt}: "
    title += f"what it says of {'SIMULATED' if simulated else 'REAL'} pictures{part}"
    said = {"model_sha256": model.sha256, "model_trained_on": trained}
    said |= {name: getattr(model.header, name) for name in ("preprocess", "temperature")}
    middle = [rows[P].iloc[len(rows) // 2] for rows, *_ in shown]
    figure = plot_probabilities([s[1] for s in shown], [s[2] for s in shown], middle, title)
    figure.provenance = describe(title, parameters=said, simulated=simulated or alone)
    said["software"] = figure.provenance["software"]
    table = pd.concat([rows for rows, *_ in found], ignore_index=True)
    table = table.assign(**said, label=np.array(CLASSES)[table[P].to_numpy().argmax(1)])
    order = ["file", "time", "site", *SKY, "true", "label", *P, *said, "simulated"]
    table, path = table.reindex(columns=order), given.out / "bundled_on_real.csv"
    write_whole(path, lambda file: table.to_csv(file, index=False, float_format="%.5g"))
    print(save_figure(figure, path.with_suffix(".png")), f"\n{title}; means by file:")
    means = table.groupby(["file", "true"], sort=False)[P].mean()
    print(means.to_string(float_format="{:.2f}".format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], metavar="PNG")
    parser.add_argument("--labels", type=Path, metavar="CSV")
    parser.add_argument("--model", type=Path, metavar="FILE", help="default: that of the package")
    parser.add_argument("--out", type=Path, default=Path("output/analyses"), metavar="DIR")
    with one_message(parser):
        main(parser.parse_args())
