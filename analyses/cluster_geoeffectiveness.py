"""
Geoeffectiveness of clusters within a class
===========================================

Are finer clusters of auroral pictures geoeffective in different ways, as Johnson et al. (2021)
supposed? Each cluster within a class has the risk ratio of its minutes to the other minutes of that
class at the same station, local time and month and under the same driver before, and each class a
test of whether its clusters differ at all. Without ``--frames`` (a table with time, site and kind),
frames of the **simulated** demo world are drawn and clustered by K-means. Its ground knows the class
of the aurora and nothing finer: no difference is what should be found there.
"""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.errors import UsageError
from auroral_stats.finer_forms import finer_effects
from auroral_stats.finer_plots import figure
from auroral_stats.forms import forms
from auroral_stats.labels import AURORAL, CLASSES, open_labels
from auroral_stats.simulation.demo import build_demo, default_demo_root
from auroral_stats.whole_file import write_whole


def demo_frames(data, every, k):
    """Draw an auroral frame every so many minutes; return time, site and cluster of each."""
    from classifier.clusters import k_means
    from classifier.demo_nights import choose_nights
    from classifier.demo_representations import represent_nights
    from classifier.representations import load_encoder

    def tell(done, of, frames):
        if done % 50 == 0 or done == of:
            print(f"{done} of {of} station-nights, {frames:,} frames", file=sys.stderr)

    found, nights = forms(data)["form"].to_pandas(), []
    for night in choose_nights(open_labels(build_demo(default_demo_root()).labels), every=every):
        minute = pd.DatetimeIndex(night.time).floor("min")
        form = found[night.site].reindex(minute, fill_value=-1).to_numpy()
        # dark minutes whose class is that of the frame
        chosen = night.chosen[(form == night.label) & (night.label < len(AURORAL))]
        nights += [replace(night, chosen=chosen)] * bool(chosen.size)
    frames, features = represent_nights(nights, load_encoder(), workers=2, progress=tell)
    names = np.array(CLASSES)[frames.pop("true")]
    frames.insert(2, "label", names)
    frames.insert(3, "kind", k_means(features, k).cluster)
    return frames


def main(arguments=None):
    """Make ``cluster_geoeffectiveness`` and, of the demo world, the table of its frames."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--frames", metavar="CSV", help="time, site and kind of each frame")
    parser.add_argument("--clusters", type=int, default=6, metavar="K", help="of the demo (6)")
    parser.add_argument("--every", type=int, default=30, metavar="MIN", help="of the demo (30)")
    with analysis("cluster_geoeffectiveness", parser, arguments) as run:
        given, data = run.given, run.joined(["newell"], mag=True)
        if given.frames is not None:
            frames = pd.read_csv(given.frames, parse_dates=["time"])
        elif run.own_data:
            raise UsageError("--frames is needed with data of your own: time, site and kind.")
        else:
            frames = demo_frames(data, given.every, given.clusters)
            path = given.out / "cluster_geoeffectiveness_frames.csv"
            write_whole(path, lambda file: frames.to_csv(file, index=False))
        table = finer_effects(data, frames)
        run.write(figure(table, kind="cluster"), table)
        for label, part in table.groupby("label", sort=False):
            p, compared = part["p_adjusted"].iloc[0], part["kinds_compared"].iloc[0]
            said = "they differ" if p <= 0.05 else "no difference is found"
            said = "too few to be compared" if np.isnan(p) else f"{said} (adjusted p {p:.2g})"
            print(f"{label}: {compared} of {len(part)} clusters compared; {said}")


if __name__ == "__main__":
    main()
