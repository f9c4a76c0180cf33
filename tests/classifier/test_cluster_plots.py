"""Figures of clusters: what is drawn is what the tables say, and simulated data say so."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from matplotlib.offsetbox import AnnotationBbox
from matplotlib.text import Text

from auroral_stats.labels import CLASSES
from auroral_stats.plots import CLASS_STYLE as STATISTICS_STYLE
from classifier._page import CLASS_STYLE
from classifier.cluster_plots import plot_clusters, plot_map, plot_mosaic, plot_numbers
from classifier.cluster_tables import cluster_classes, cluster_nights, typical_pictures
from classifier.clusters import compare_numbers, k_means

ATTRS = {"simulated": "true", "pictures": 240, "station_nights": 8}


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    label, night = np.arange(240) % 6, np.arange(240) // 30
    h = rng.normal(size=(240, 6)) + 8 * np.eye(6)[label]
    h[night == 7] += 60  # one night apart from all others
    found = k_means(h, 7)
    table = compare_numbers(h, label, night, range(3, 9), repeats=2, starts=2, simulated=True)
    counts = cluster_classes(found.cluster, label, simulated=True)
    nights = cluster_nights(found.cluster, label, night, [f"gill {n}" for n in range(8)])
    images = rng.integers(0, 255, (240, 1, 16, 16)).astype(np.uint8)
    rows = typical_pictures(h, found, 5, night)
    names = [f"cluster {n}" for n in range(7)]
    return {
        "table": table, "counts": counts, "nights": nights, "label": label, "images": images,
        "rows": rows, "cluster": found.cluster, "h": h,
        "figures": {
            "numbers": plot_numbers(table, ATTRS),
            "clusters": plot_clusters(counts, nights, ATTRS),
            "mosaic": plot_mosaic(images, rows, label, ATTRS, names=names),
            "map": plot_map(h[:, :2], label, ATTRS, perplexity=30, images=images, shown=[3, 11],
                            cluster=found.cluster),
        },
    }  # fmt: skip


def test_all_say_simulated_and_stay_on_the_page(drawn):
    for name, figure in drawn["figures"].items():
        assert "SIMULATED DATA" in figure.get_suptitle(), name
        assert "240 pictures of 8 station-nights" in figure.get_suptitle()
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        box = figure.get_tightbbox()
        assert box.x0 > -0.02
        assert box.y0 > -0.02
        assert box.x1 < width + 0.02, name
        assert box.y1 < height + 0.02, name
        assert width <= 7.05
        shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        assert min(t.get_fontsize() for t in shown) >= 7


def test_real_pictures_do_not_say_simulated(drawn):
    real = plot_numbers(drawn["table"], {"pictures": 240, "station_nights": 8})
    assert "imulated" not in real.get_suptitle()
    trained = plot_numbers(drawn["table"], {"model_trained_on": "simulated sky"})
    assert "encoder trained on simulated data" in trained.get_suptitle()


def test_curves_are_those_of_the_table(drawn):
    left, right = drawn["figures"]["numbers"].axes
    part = drawn["table"].query("partition == 'k-means'")
    curves = {line.get_label(): line.get_ydata() for line in [*left.lines, *right.lines]}
    assert curves["all pictures"] == pytest.approx(part["silhouette"].to_numpy())
    assert curves["other station-nights only"] == pytest.approx(part["silhouette_apart"].to_numpy())
    assert curves["one half of the nights with the other"] == pytest.approx(
        part["night_agreement"].to_numpy()
    )
    dotted = [line.get_ydata() for line in left.lines if line.get_linestyle() == ":"]
    assert drawn["table"]["silhouette"].iloc[0] in [y[0] for y in dotted if len(y)]
    best, apart = (part.loc[part[c].idxmax(), "k"] for c in ("silhouette", "silhouette_apart"))
    title = drawn["figures"]["numbers"].get_suptitle()
    assert f"at k = {best}, of other station-nights at k = {apart}" in title


def test_a_cluster_of_one_night_is_marked(drawn):
    left, right = drawn["figures"]["clusters"].axes
    alone = drawn["nights"].query("largest_share > 0.5")["cluster"].to_list()
    assert len(alone) == 1
    bold = [t.get_position()[1] for t in right.texts if t.get_fontweight() == "bold"]
    assert bold == alone
    shares = drawn["counts"].pivot(index="cluster", columns="class", values="share_of_cluster")
    assert np.asarray(left.images[0].get_array()) == pytest.approx(shares[list(CLASSES)].to_numpy())
    cells = {t.get_position()[::-1]: t.get_text() for t in left.texts}
    for row in drawn["counts"].itertuples():
        expected = str(row.pictures) if row.pictures else None
        assert cells.get((row.cluster, CLASSES.index(row._2))) == expected


def test_a_mosaic_has_the_pictures_under_their_class(drawn):
    axes = drawn["figures"]["mosaic"].axes
    columns = max(len(row) for row in drawn["rows"])
    for number, row in enumerate(drawn["rows"]):
        for column, i in enumerate(row):
            ax = axes[number * columns + column]
            assert (np.asarray(ax.images[0].get_array()) == drawn["images"][i, 0]).all()
            assert ax.get_title() == CLASSES[drawn["label"][i]]


def test_many_clusters_stay_on_one_page(drawn):
    rows = [np.arange(n, n + 10) for n in range(20)]
    figure = plot_mosaic(drawn["images"], rows, drawn["label"], ATTRS, names=["x"] * 20)
    assert figure.get_size_inches()[1] * 25.4 <= 240


def test_rows_without_pictures_are_left_out(drawn):
    figure = plot_mosaic(
        drawn["images"], [np.array([], int), np.array([4])], drawn["label"], ATTRS,
        names=["none", "one"],
    )  # fmt: skip
    assert len(figure.axes) == 1
    assert [t.get_text() for t in figure.axes[0].texts] == ["one"]


def test_a_map_has_all_pictures_and_those_to_be_shown(drawn):
    (ax,) = drawn["figures"]["map"].axes
    places = {found.get_label(): found.get_offsets() for found in ax.collections}
    assert list(places) == list(CLASSES)
    mine = drawn["h"][drawn["label"] == 2, :2]
    assert np.sort(np.asarray(places["discrete"]), axis=0) == pytest.approx(np.sort(mine, axis=0))
    boxes = [found for found in ax.artists if isinstance(found, AnnotationBbox)]
    assert [tuple(box.xy) for box in boxes] == [tuple(drawn["h"][i, :2]) for i in (3, 11)]
    assert [t.get_text() for t in ax.texts] == [str(n) for n in range(7)]


def test_classes_have_one_colour_and_marker_in_both_packages():
    assert CLASS_STYLE == STATISTICS_STYLE
