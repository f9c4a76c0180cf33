"""
Clusters of pictures
====================

How many clusters pictures have by their representations, whether the clusters hold for other nights,
and what they show, as in figures 4 and 5 of Johnson et al. (2021), with a map of all pictures as
figure 5 of Kvammen et al. (2020). ``--data`` is an OATH-shaped set, by default a small one that is
**simulated** now; ``--model`` is a checkpoint whose encoder is taken, by default the bundled one,
which learnt from simulated pictures alone.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from auroral_stats.analysis import Analysis
from auroral_stats.errors import AuroralStatsError
from auroral_stats.labels import CLASSES
from classifier.cluster_plots import plot_clusters, plot_map, plot_mosaic, plot_numbers
from classifier.cluster_tables import cluster_classes, cluster_nights, typical_pictures
from classifier.clusters import compare_numbers, k_means
from classifier.represented_sets import represented_set
from classifier.tsne import tsne_map


def main(arguments=None):
    """Make ``clusters_numbers``, ``_classes``, ``_pictures`` and ``_map``, each with its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("=\n\n")[2])
    parser.add_argument("--data", type=Path, metavar="DIR", help="OATH-shaped set")
    parser.add_argument("--model", type=Path, metavar="CHECKPOINT", help="default: bundled")
    parser.add_argument("--clusters", type=int, metavar="K", help="default: best between nights")
    parser.add_argument("--pictures", type=int, default=900, metavar="N", help="at most (900)")
    parser.add_argument("--perplexity", type=float, default=30, help="of the map (30)")
    parser.add_argument("--out", type=Path, default=Path("output/analyses"), metavar="DIR")
    parser.add_argument("--figure", choices=["png", "pdf", "svg"], default="png")
    given = parser.parse_args(arguments)
    try:
        tell = {"progress": lambda text: print(text, file=sys.stderr)}
        of = represented_set(given.data, given.model, limit=given.pictures, **tell)
        print(write(Analysis("clusters", given, None), of))
    except AuroralStatsError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")


def write(run, of):
    """Draw and write everything; return the table of numbers of clusters."""
    h, y, g, images = of.features, of.images.label, of.images.night, of.images.images
    flag = {"simulated": of.images.simulated}

    def save(part, figure, table):
        table.attrs.update(of.attrs)
        run.write(figure, table, part=part)

    numbers = compare_numbers(h, y, g, starts=3, repeats=3, **flag)
    save("numbers", plot_numbers(numbers, of.attrs), numbers)
    means = numbers[numbers["partition"] == "k-means"].set_index("k")
    found = k_means(h, run.given.clusters or int(means["silhouette_apart"].idxmax()))
    counts = cluster_classes(found.cluster, y, **flag)
    nights = cluster_nights(found.cluster, y, g, of.images.night_names, **flag)
    save("classes", plot_clusters(counts, nights, of.attrs), counts)
    rows = typical_pictures(h, found, 10, g)
    beside = zip(*(nights[n] for n in ("cluster", "pictures", "station_nights")), strict=True)
    names = [f"cluster {c}\n{n} pictures\n{m} nights" for c, n, m in beside]
    save("pictures", plot_mosaic(images, rows, y, of.attrs, names=names), nights)
    xy = tsne_map(h, perplexity=run.given.perplexity)
    table = {"picture": of.images.picture, "class": np.array(CLASSES)[y], "cluster": found.cluster}
    table = pd.DataFrame(table | {"x": xy[:, 0], "y": xy[:, 1]} | flag)
    on_map = {"images": images, "shown": [row[0] for row in rows], "cluster": found.cluster}
    save("map", plot_map(xy, y, of.attrs, perplexity=run.given.perplexity, **on_map), table)
    return numbers.drop(columns=["pictures", "station_nights", "simulated"]).round(3).to_string()


if __name__ == "__main__":
    main()
