"""Clusters of blobs whose number is known, and of nights that pass for clusters."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.metrics import silhouette_samples

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.cluster_tables import cluster_classes, cluster_nights, typical_pictures
from classifier.clusters import (
    compare_numbers,
    k_means,
    night_agreement,
    seed_agreement,
)
from classifier.partition_scores import (
    adjusted_rand,
    contingency,
    mutual_information,
    purity,
    silhouette,
)
from classifier.tsne import tsne_map


def blobs(k, n=240, apart=12.0, seed=0, features=8):
    """Blobs at equal distances, all of them in each of 12 nights."""
    rng = np.random.default_rng(seed)
    blob = rng.permutation(np.arange(n) % k)
    h = rng.normal(size=(n, max(features, k)))
    h[:, :k] += apart * np.eye(k)[blob]
    return h, blob, np.arange(n) * 12 // n


@pytest.mark.parametrize("k", [3, 5, 8])
def test_the_silhouette_finds_the_number_of_blobs_and_their_partition(k):
    h, blob, night = blobs(k)
    table = compare_numbers(h, blob % 6, night, range(2, 11), repeats=2, starts=3)
    found = table[table["partition"] == "k-means"].set_index("k")
    assert found["silhouette"].idxmax() == k
    assert found["silhouette_apart"].idxmax() == k
    assert found.loc[k, "seed_agreement"] == found.loc[k, "night_agreement"] == 1
    assert adjusted_rand(k_means(h, k, seed=3).cluster, blob) == 1


def test_where_classes_are_the_blobs_the_partition_of_the_labels_scores_alike():
    h, blob, night = blobs(6)
    table = compare_numbers(h, blob, night, [6], repeats=2, starts=5, simulated=True)
    classes, means = table.to_dict("records")
    assert list(table.columns)[-1] == "simulated"
    assert table["simulated"].all()
    for name in ("silhouette", "silhouette_apart"):
        assert classes[name] == pytest.approx(means[name])
    assert means["adjusted_rand"] == means["mutual_information"] == means["purity"] == 1
    assert np.isnan(classes["seed_agreement"])


def test_classes_finer_than_the_labels_raise_the_silhouette_above_that_of_the_labels():
    h, blob, night = blobs(12, n=600)
    table = compare_numbers(h, blob // 2, night, [6, 12], repeats=1, starts=5)
    silhouettes = table["silhouette"].to_numpy()
    assert silhouettes[2] > 1.5 * silhouettes[0]
    assert table.loc[2, "purity"] == 1
    assert np.isnan(table.loc[2, "seed_agreement"])  # of one seed


@pytest.mark.parametrize("seed", [0, 1])
def test_silhouettes_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    h = rng.normal(size=(700, 5)) + 30  # more pictures than one slab, far from the origin
    cluster = rng.integers(0, 4, 700)
    cluster[0] = 4  # alone in its cluster
    assert silhouette(h, cluster) == pytest.approx(silhouette_samples(h, cluster), abs=1e-7)


def test_silhouettes_apart_by_brute_force():
    rng = np.random.default_rng(0)
    h, cluster, night = rng.normal(size=(60, 3)), rng.integers(0, 3, 60), rng.integers(0, 5, 60)
    night[cluster == 2] = 9  # a cluster that is one night
    expected = np.zeros(60)
    for i in range(60):
        means = [
            np.mean(distance) if len(distance) else np.nan
            for c in range(3)
            for distance in [
                [
                    np.linalg.norm(h[i] - h[j])
                    for j in range(60)
                    if cluster[j] == c and night[j] != night[i]
                ]
            ]
        ]
        a, b = means[cluster[i]], np.nanmin([m for c, m in enumerate(means) if c != cluster[i]])
        expected[i] = 0.0 if np.isnan(a) else (b - a) / max(a, b)
    found = silhouette(h, cluster, night)
    assert found == pytest.approx(expected)
    assert (found[cluster == 2] == 0).all()


def test_a_cluster_that_is_one_night_holds_for_no_other():
    # two kinds of sky in all nights, and a camera covered with snow in one of them
    h, blob, night = blobs(2, n=480)
    snow = night == 3
    h[snow, 4] += 40
    table = compare_numbers(h, blob, night, [2, 3], repeats=4, starts=5).set_index("k")
    three = table.loc[3]
    assert three["one_night"] == 1
    assert three["silhouette"] - three["silhouette_apart"] > 0.05
    assert three["seed_agreement"] == 1
    assert three["night_agreement"] < 0.8
    rows = cluster_nights(k_means(h, 3).cluster, blob, night, [f"gill {n}" for n in range(12)])
    alone = rows[rows["largest_share"] == 1]
    assert alone["largest_night"].to_list() == ["gill 3"]
    assert alone["effective_nights"].to_list() == [1]


def test_clusters_do_not_depend_on_anything_but_the_seed_and_are_numbered_by_size():
    h, _, _ = blobs(4, apart=2.0)
    one, two = k_means(h, 4, seed=5), k_means(h, 4, seed=5)
    assert (one.cluster == two.cluster).all()
    assert (one.centre == two.centre).all()
    size = np.bincount(one.cluster)
    assert (np.diff(size) <= 0).all()
    assert (one.assign(h) == one.cluster).all()
    for number in range(4):
        mine = h[one.cluster == number]
        assert one.centre[number] == pytest.approx(mine.mean(0))
    assert one.distances(h[:3])[:, 1] == pytest.approx(
        np.linalg.norm(h[:3] - one.centre[1], axis=1)
    )


def test_agreement_of_two_partitions():
    one = np.array([0, 0, 0, 1, 1, 1])
    other = np.array([7, 7, 4, 4, 4, 4])
    table = contingency(one, other)
    assert table.tolist() == [[1, 2], [3, 0]]
    # by its definition: pairs together in both, against what chance gives
    both, rows, columns, pairs = 1 + 3, 3 + 3, 6 + 1, 15
    chance = rows * columns / pairs
    expected = (both - chance) / ((rows + columns) / 2 - chance)
    assert adjusted_rand(one, other) == pytest.approx(expected)
    assert purity(one, other) == pytest.approx(5 / 6)
    p = table / 6
    information = sum(
        p[i, j] * np.log(p[i, j] / p[i].sum() / p[:, j].sum())
        for i in range(2)
        for j in range(2)
        if p[i, j]
    )
    entropy = [-sum(q * np.log(q)) for q in (p.sum(0), p.sum(1))]
    assert mutual_information(one, other) == pytest.approx(information / np.mean(entropy))
    assert np.isnan(seed_agreement([one]))
    assert seed_agreement([one, one, other]) == pytest.approx((1 + 2 * expected) / 3)


def test_halves_with_fewer_pictures_than_clusters_say_nothing():
    assert np.isnan(night_agreement(np.arange(6.0)[:, None], np.arange(6), 5))


def test_counts_of_classes_add_up_both_ways():
    rng = np.random.default_rng(0)
    cluster, label = rng.integers(0, 4, 200), rng.integers(0, 5, 200)  # nothing is clear
    table = cluster_classes(cluster, label, simulated=True)
    assert table["pictures"].sum() == 200
    assert table.groupby("cluster")["share_of_cluster"].sum().to_numpy() == pytest.approx(1)
    of_class = table.groupby("class")["share_of_class"].sum(min_count=1).reindex(CLASSES)
    assert of_class[:5].to_numpy() == pytest.approx(1)
    assert np.isnan(of_class["clear"])
    one = table.query("cluster == 2 and `class` == 'moon'").iloc[0]
    assert one["pictures"] == ((cluster == 2) & (label == 4)).sum()


def test_nights_of_a_cluster_are_weighed():
    names = ["gill 2014-01-01", "gill 2014-01-02", "rank 2014-01-01"]
    table = cluster_nights([0] * 6 + [1] * 2, [0, 0, 0, 0, 2, 2, 5, 5],
                           [0, 0, 0, 0, 1, 2, 2, 2], names)  # fmt: skip
    first, second = table.to_dict("records")
    assert first["effective_nights"] == pytest.approx(36 / 18)
    assert (first["station_nights"], first["stations"], first["commonest"]) == (3, 2, "arc")
    assert first["purity"] == first["largest_share"] == pytest.approx(4 / 6)
    assert (second["largest_night"], second["largest_share"]) == (names[2], 1)


def test_typical_pictures_are_of_other_nights_first():
    h, _, night = blobs(3)
    found = k_means(h, 3)
    rows = typical_pictures(h, found, 12, night)
    distance = found.distances(h)
    for number, chosen in enumerate(rows):
        assert (found.cluster[chosen] == number).all()
        assert np.unique(night[chosen]).size == 12  # there are as many
        assert (np.diff(distance[chosen, number]) >= 0).all()
        nearest = np.flatnonzero(found.cluster == number)
        assert chosen[0] == nearest[distance[nearest, number].argmin()]
    some = typical_pictures(h, found, 500, night, among=night < 2)
    assert sum(chosen.size for chosen in some) == (night < 2).sum()


def test_a_map_keeps_neighbours_together():
    h, blob, _ = blobs(3, n=150)
    xy = tsne_map(h, perplexity=15)
    distance = np.linalg.norm(xy[:, None] - xy, axis=2) + 1e9 * np.eye(150)
    assert (blob[distance.argmin(1)] == blob).all()
    assert (tsne_map(h, perplexity=15) == xy).all()


def test_what_cannot_be_clustered_is_refused():
    h = np.zeros((5, 2))
    with pytest.raises(UsageError, match="k is 6; expected 2 to 5"):
        k_means(h, 6)
    with pytest.raises(DataError, match="NaN"):
        k_means([[0.0], [np.nan]], 2)
    with pytest.raises(DataError, match="one cluster"):
        silhouette(h, [0, 1])
    with pytest.raises(UsageError, match="perplexity is 5; expected 1 to less than 5"):
        tsne_map(h, perplexity=5)
    with pytest.raises(DataError, match="clusters from 0, labels 0 to 6"):
        cluster_classes([0, 1], [0, 6])
    with pytest.raises(DataError, match="3 station-nights for 2"):
        cluster_nights([0, 1], [0, 1], [0, 0, 0], ["gill 1"])
