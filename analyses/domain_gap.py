"""
The gap between simulated and real skies, and cheap ideas against it
====================================================================

``--train`` is a simulated OATH-shaped set, ``--test`` another, which no model here has seen;
``--frames`` are real camera files without labels, and ``--pictures`` real pictures of the OATH set,
labelled by ``--labels`` (its ``classifications.csv``), which take no part in any adaptation. All is
cut short (a part of the pictures, a few epochs), to take a quarter of an hour of two cores: what
comes out says which idea is worth a real training, and no more.

Frames that are simulated may stand in for real ones, to try the script; it then says so.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from auroral_stats.errors import UsageError
from auroral_stats.figure_files import save_figure
from auroral_stats.provenance import describe
from auroral_stats.simulation.pages import table, write_between
from auroral_stats.whole_file import write_whole
from classifier.adaptation import pretrained_further, renormalised
from classifier.checkpoint import build_model, load_checkpoint
from classifier.comparison_script import one_message
from classifier.domain_distance import spaced_evenly
from classifier.domain_gap import gap_rows, gap_tables, other_pictures, seen
from classifier.domain_gap_plots import plot_gap
from classifier.head_training import FittedHead, fit_head
from classifier.loaded_model import bundled_path
from classifier.oath import TRUTH, open_oath
from classifier.restyling import restyle
from classifier.single_pictures import load_pictures
from classifier.sky import TEST_FAMILIES
from classifier.training_images import load_frames, load_images
from classifier.training_plan import TrainingPlan

MARKERS = ("% domain_gap.py: begin", "% domain_gap.py: end")


def simulated_sets(given, header):
    """Return pictures to learn from, others to test on, and which of those have a new style."""
    sets = [open_oath(path) for path in (given.train, given.test)]
    if not all(oath.simulated for oath in sets):
        raise UsageError("--train and --test are for simulated sets; real pictures: --pictures.")
    train, test = (load_images(oath, header.size) for oath in sets)
    if test.fingerprint in {train.fingerprint, header.data_fingerprint}:
        raise UsageError(
            f"{given.test}: a model here learnt from it; simulate one by another seed."
        )
    kept = [pd.read_csv(oath.root / TRUTH)["style"].isin(TEST_FAMILIES).to_numpy() for oath in sets]
    rows = np.flatnonzero(~kept[0])  # new heads see no style that is for nights for testing
    few = np.linspace(0, len(rows) - 1, min(given.few, len(rows))).astype(int)
    return train.take(rows[few]), test, kept[1]


def ideas(base, header, train, frames, given):
    """Yield name, encoder, and what its head learns from (None: the head that it has)."""
    rng = torch.Generator().manual_seed(given.seed)
    some = frames.images[torch.from_numpy(spaced_evenly(frames.station, 24))]
    plain, quarter = [train.images], renormalised(base, some, 0.25)
    styled = plain + [restyle(train.images, rng) for _ in range(given.passes)]
    yield "as it is", base, None
    yield "head anew", base, plain
    yield "statistics of real frames", renormalised(base, some), None
    yield "a quarter of them", quarter, None
    yield "head on many styles", base, styled
    yield "a quarter, and many styles", quarter, styled
    plan = TrainingPlan(
        architecture=header.architecture, size=header.size, view_size=max(32, header.size * 3 // 4),
        batch=min(128, len(train)), epochs=given.epochs, schedule="cosine", seed=given.seed,
        channels_last=True,
    )  # fmt: skip
    for name, more in (("simulated alone", []), ("real mixed in", [frames.images])):
        further, _ = pretrained_further(base, torch.cat(plain + more), plan, device="cpu")
        yield f"more epochs, {name}", further, plain
    yield "the same, and many styles", further, styled


def main(given):
    """Try the ideas, and write figure and table."""
    begun = time.monotonic()
    found = load_checkpoint(given.model or bundled_path(), kind="classifier")
    header, network = found.header, build_model(found.header, found.tensors)
    train, test, kept = simulated_sets(given, header)
    frames = load_frames(given.frames, header.size, cadence=given.cadence)
    pictures = load_pictures(given.pictures, given.labels, header.size)
    other, parts, rows = other_pictures(frames, pictures), {"new styles": kept}, []
    for idea, encoder, learnt in ideas(network.encoder, header, train, frames, given):
        heads, h = [FittedHead(network.head, header.temperature)], seen(encoder, train.images)
        if learnt is not None:
            many = np.concatenate([h, *(seen(encoder, images) for images in learnt[1:])])
            label, night = (np.tile(each, len(learnt)) for each in (train.label, train.night))
            heads = [fit_head(many, label, night, seed=given.seed + k) for k in range(given.heads)]
        told = gap_rows(encoder, heads, h, test, other, parts=parts, seed=given.seed)
        rows += [{"idea": idea, **row._asdict()} for row in told]
        print(
            f"{time.monotonic() - begun:5.0f} s, {time.process_time():.0f} s of processor: {idea}"
        )
    rows, kind = pd.DataFrame(rows), "SIMULATED stand-in" if frames.simulated else "REAL"
    title = f"{kind} pictures before model {found.sha256[:12]}"
    title += f", which was trained on: {header.model_trained_on}"
    nights, n = np.unique(test.night).size, int((other.label >= 0).sum())
    text = (
        f"{title}. New heads: {len(train)} SIMULATED pictures to learn from. Accuracy: {len(test)} of "
        f"{nights} other station-nights, {np.unique(test.night[kept]).size} of them in styles that no "
        f"new head has seen; {given.heads} heads each; {given.epochs} more epochs, the first of them "
        f"for the projection head; seed {given.seed}. {len(frames)} frames without labels; {n} "
        f"labelled pictures, {'too few for an accuracy' if n < 100 else 'of few nights'}."
    )
    names = ("Scores and distances", "Most probable class, with its mean probability")
    for name, one in zip(names, gap_tables(rows), strict=True):
        text += f"\n\n{table(name, list(one), one.to_numpy().tolist())}"
    print(f"\n{text}")
    path = given.out / "domain_gap.csv"
    told = rows.assign(model_sha256=found.sha256, seed=given.seed, simulated=True)
    write_whole(path, lambda file: told.to_csv(file, index=False, float_format="%.5g"))
    figure = plot_gap(rows, title, "SIMULATED", kind)
    figure.provenance = describe(title, parameters=vars(given), simulated=True)
    print(save_figure(figure, path.with_suffix(".png")))
    if given.write:
        write_between(given.write, MARKERS, text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True, metavar="DIR")
    parser.add_argument("--test", type=Path, required=True, metavar="DIR")
    parser.add_argument("--frames", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], metavar="PNG")
    parser.add_argument("--labels", type=Path, metavar="CSV")
    parser.add_argument("--model", type=Path, metavar="FILE", help="default: that of the package")
    parser.add_argument("--out", type=Path, default=Path("output/analyses"), metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page that holds the markers")
    parser.add_argument("--cadence", type=float, default=60.0, help="of frames, s (60)")
    parser.add_argument("--few", type=int, default=1500, help="pictures to learn from (1500)")
    parser.add_argument("--passes", type=int, default=2, help="styles of each picture (2)")
    parser.add_argument("--epochs", type=int, default=4, help="more, with one for the head (4)")
    parser.add_argument("--heads", type=int, default=3, help="of each idea, by seed (3)")
    parser.add_argument("--seed", type=int, default=0)
    with one_message(parser):
        main(parser.parse_args())
