"""Simulated frames held against real ones.

A figure and a table of what a camera measures.

``python analyses/sky_realism.py --real FILES... [--out DIR]`` takes raw camera files (PGM, CDF).
Each file and each class gives 20 consecutive frames; the last column of the table says which is
simulated.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from auroral_stats.figure_files import save_figure
from auroral_stats.labels import CLASSES
from auroral_stats.whole_file import write_whole
from classifier.camera_measures import background_level, photon_transfer, radial_profile
from classifier.frame_selection import read_usable
from classifier.frame_statistics import MEASURES, measure_frames
from classifier.preprocess import preprocess
from classifier.sky import simulate_frames
from classifier.sky_measures import sky_spectrum

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#56B4E9", "#E69F00", "#CC79A7"]  # one a class
NAMES = [
    ("mean above background (counts)", "variance (counts²)"),
    ("distance from the centre (pixels)", "median above background (counts)"),
    ("wavenumber (cycles per pixel)", "power relative to the mean (pixels²)"),
]


def groups(paths, number):
    """Yield (name, simulated, frames), the real ones first."""
    for path in paths:
        frames, _ = read_usable(path)
        if frames.simulated or len(frames.images) < 2:
            raise SystemExit(f"{path}: two or more real frames were expected")
        yield f"{frames.site} {frames.time[0].astype('M8[m]')}", False, frames.images[:number]
    for label in CLASSES:
        start = "2014-03-10T06:00" if label == "moon" else "2014-03-05T06:00"
        time = np.datetime64(start) + np.arange(number) * np.timedelta64(3, "s")
        yield f"gill, {label}", True, simulate_frames("gill", time, label, seed=1).images


def draw(found):
    """Return the figure: three measures above, the frames as an encoder gets them below."""
    plt.rcParams.update({"font.size": 7, "axes.titlesize": 7, "lines.linewidth": 1})
    figure = plt.figure(figsize=(7.0, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    axes, columns = above.subplots(1, 3), -(-len(found) // 2)
    for k, (name, simulated, frames) in enumerate(found):
        colour = COLOURS[k - len(found)] if simulated else str(0.15 + 0.3 * (k % 3))
        kind = "SIMULATED" if simulated else "real"
        style = {"color": colour, "ls": "-" * (1 + simulated), "label": f"{kind} {name}"}
        level, noise = background_level(frames)[0], photon_transfer(frames)
        axes[0].loglog(noise.mean[1:] - level, noise.variance[1:], **style)
        radius, light = radial_profile(frames)
        axes[1].semilogy(radius, np.maximum(light - level, 1), **style)
        axes[2].loglog(*sky_spectrum(frames), **style)
        about = {"title": f"{kind}\n{name}", "xticks": [], "yticks": []}
        picture = below.add_subplot(2, columns, k + 1, **about)
        picture.imshow(preprocess(frames[:1], size=217)[0, 0], cmap="gray", vmin=0, vmax=1)
    [ax.set(xlabel=x, ylabel=y) for ax, (x, y) in zip(axes, NAMES, strict=True)]
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    above.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("Camera frames: real (solid) and SIMULATED (dashed)", fontsize=8)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path())
    given = parser.parse_args()
    found = list(groups(given.real, 20))
    rows = [{"source": n, **measure_frames(f), "simulated": s} for n, s, f in found]
    table = pd.DataFrame(rows).rename(columns={k: f"{k} ({u})" for k, (u, _) in MEASURES.items()})
    write_whole(given.out / "sky_realism.csv", lambda path: table.to_csv(path, index=False))
    save_figure(draw(found), given.out / "sky_realism.png")
    print(table.set_index("source").T.to_string(float_format="{:.3g}".format))
