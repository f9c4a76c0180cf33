"""What the simulated sky looks like.

A sheet of frames by class, and film strips of its motion; everything is SIMULATED. Frames are
stretched as in the papers: the outer 15 % of the radius cropped, then (x - p1) / p99 inside the
disc.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from auroral_stats.figure_files import check_figure_name, save_figure
from auroral_stats.labels import CLASSES
from classifier.sky import moon_is_up, simulate_frames

SITES = ("gill", "gako", "fsim", "rank", "snkq", "atha", "inuv", "fykn")
SECOND = np.timedelta64(1, "s")


def stretched(image):
    """Return a frame from 0 to 1, NaN outside the cropped disc."""
    rows, columns = np.mgrid[:256, :256]
    disc = np.hypot(rows - 127.5, columns - 127.5) < 0.85 * 127.5
    low = np.percentile(image[disc], 1)
    shifted = image - low
    shown = np.clip(shifted / max(np.percentile(shifted[disc], 99), 1.0), 0.0, 1.0)
    return np.where(disc, shown, np.nan)[18:238, 18:238]


def frame_of(site, label, rng, seed):
    """Return one frame of a class, from a random dark hour of the winter 2010/11."""
    while True:
        time = np.datetime64("2010-11-10T06:00:00") + int(rng.integers(70 * 24 * 60)) * 60 * SECOND
        if (label == "moon") != moon_is_up(site, time)[0]:
            continue
        if 5 <= time.astype("datetime64[h]").astype(int) % 24 <= 11:
            return simulate_frames(site, time, label, seed=seed).images[0]


def strip(label, seconds, seed):
    """Return frames of Gillam, ``seconds`` apart."""
    time = np.datetime64("2011-01-06T06:00:00") + np.arange(len(SITES)) * seconds * SECOND
    return simulate_frames("gill", time, label, seed=seed).images


def sheet(rows, title):
    """Draw rows of frames, each under a name, and return the figure."""
    figure = Figure(figsize=(7.2, 0.87 * len(rows) + 0.3), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    axes = figure.subplots(len(rows), len(SITES))
    for (name, images), line in zip(rows, axes, strict=True):
        for image, panel in zip(images, line, strict=True):
            panel.imshow(stretched(image.astype(float)), cmap="gray", vmin=0, vmax=1)
            panel.set_xticks([])
            panel.set_yticks([])
            panel.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=8)
    figure.suptitle(f"SIMULATED DATA: {title}", fontsize=9)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--classes", type=Path, default=Path("sky_classes.png"), metavar="FIGURE")
    parser.add_argument("--strips", type=Path, default=Path("sky_strips.png"), metavar="FIGURE")
    given = parser.parse_args()
    check_figure_name(given.classes, "--classes")
    check_figure_name(given.strips, "--strips")
    rng = np.random.default_rng(given.seed)
    by_class = [
        (label, [frame_of(site, label, rng, given.seed) for site in SITES]) for label in CLASSES
    ]
    print(save_figure(sheet(by_class, "frames by class"), given.classes))
    forms = [(form, step) for form in ("arc", "diffuse", "discrete") for step in (3, 30)]
    strips = [(f"{form}, {step} s", strip(form, step, given.seed)) for form, step in forms]
    print(save_figure(sheet(strips, "consecutive frames at Gillam"), given.strips))
