"""How far two label stores agree on the frames that both have labelled.

A model against people, people against each other, one model against another: the matrix of both
labels, the observed agreement, Cohen's kappa and the agreement on each class, for all frames and
parted by site and by time. The measures themselves are in :mod:`auroral_stats.kappa`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xarray as xr

from auroral_stats.agreement_counts import ALL, GROUPINGS, PairCounts, count_pairs
from auroral_stats.errors import DataError, UsageError
from auroral_stats.intervals import rate_interval
from auroral_stats.kappa import class_agreement, class_sums, kappa, kappa_interval
from auroral_stats.label_pairs import check_tolerance
from auroral_stats.label_store import Instant, LabelStore, StorePath, open_labels, store_span
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.provenance import combine_simulated, describe, fingerprint
from auroral_stats.uncertainty import kish

__all__ = [
    "CLASS_SETS",
    "GROUPINGS",
    "agreement",
    "check_agreement_options",
]

#: What ``classes`` takes: for each set its classes, and which of the six belong to each. Frames
#: with a class that belongs nowhere, by either label, are left out.
CLASS_SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "six": {name: (name,) for name in CLASSES},
    "two": {
        "aurora": AURORAL,
        "no aurora": tuple(name for name in CLASSES if name not in AURORAL),
    },
    "usable": {name: (name,) for name in USABLE},
}


def agreement(
    store_a: StorePath | LabelStore,
    store_b: StorePath | LabelStore,
    *,
    by: Sequence[str] = ("site", "month"),
    classes: str = "six",
    tolerance: float = 0.0,
    sites: Iterable[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
) -> xr.Dataset:
    """Compare the labels that two stores have of the same frames.

    Parameters
    ----------
    store_a, store_b : path or LabelStore
        Label stores. Which is which matters to the shares of the rows alone.
    by : sequence of str
        What to part the frames by beside the comparison of all: of :data:`GROUPINGS`; the UTC time
        is that of store A.
    classes : str
        A name in :data:`CLASS_SETS`.
    tolerance : float
        Seconds within which the nearest label is that of the same frame; 0 for equal times, to the
        millisecond. See :func:`auroral_stats.label_pairs.match_times`.
    sites : iterable of str, optional
        Site codes; by default all that either store holds.
    start, end : time, optional
        Only labels in [start, end), UTC.

    Returns
    -------
    Dataset
        Over ``group``, the first of which is ``all``, with the coordinates ``by`` and ``value``:
        ``counts(group, label_a, label_b)``, frames; ``share``, the same over the frames of the
        class in store A; ``frames``, ``nights`` and ``effective_nights`` (Kish);
        ``alone_a`` and ``alone_b``, frames in one store alone; ``left_out``, frames in both with a
        class outside the set; ``agreement``, ``chance``, ``kappa`` and, over ``label``,
        ``class_agreement``; those that have an interval of 95 % with ``_low`` and ``_high``.
        Attributes: provenance, and what each store is.

    Raises
    ------
    UsageError
        If a name in ``by`` or ``classes`` is unknown, both stores are the same one, a site is in
        neither, or the tolerance or the times cannot be used.
    DataError
        If one store is simulated and the other is not, no frame is in both, or a store cannot be
        trusted.

    Examples
    --------
    >>> import tempfile
    >>> from auroral_stats.labels import StoreInfo, write_labels
    >>> time = np.datetime64("2014-03-01T06:00", "ms") + np.arange(8) * np.timedelta64(1, "D")
    >>> given = {"a": ["arc"] * 4 + ["clear"] * 4, "b": ["arc"] * 3 + ["clear"] * 5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, labels in given.items():
    ...         info = StoreInfo(f"import:{name}", False)
    ...         _ = write_labels(f"{folder}/{name}", "gill", time, labels, info=info)
    ...     result = agreement(f"{folder}/a", f"{folder}/b")
    >>> result["group"].values.tolist()
    ['all', 'site gill', 'month 3']
    >>> float(result["agreement"][0]), round(float(result["kappa"][0]), 2)
    (0.875, 0.75)
    """
    names = check_agreement_options(by, classes, tolerance)
    a, b = (s if isinstance(s, LabelStore) else open_labels(s) for s in (store_a, store_b))
    if a.path.resolve() == b.path.resolve():
        raise UsageError(
            f"{a.path} is given twice; expected two stores, such as one of people's labels and "
            "one of a model's."
        )
    simulated = combine_simulated({str(a.path): a.info.simulated, str(b.path): b.info.simulated})
    members = CLASS_SETS[classes]
    chosen = None if sites is None else tuple(sites)
    counted = count_pairs(
        a,
        b,
        list(members.values()),
        by=names,
        sites=chosen,
        start=start,
        end=end,
        tolerance=tolerance,
    )
    if not counted[ALL].night.size:
        raise _nothing_error(a, b, counted[ALL], tolerance, classes)
    parts = [_measures(name, counts, list(members)) for name, counts in counted.items()]
    result = xr.concat(parts, "group", data_vars="minimal", coords="minimal")
    parameters = {
        "by": names,
        "classes": classes,
        "tolerance": float(tolerance),
        "sites": chosen,
        "start": start,
        "end": end,
        "interval": "jackknife",
    }
    return result.assign_attrs(_attributes(a, b, counted, simulated, parameters))


def check_agreement_options(
    by: str | Sequence[str], classes: str = "six", tolerance: float = 0.0
) -> list[str]:
    """Refuse options of :func:`agreement` that cannot be used, before anything is read.

    Parameters
    ----------
    by : str or sequence of str
    classes : str
    tolerance : float

    Returns
    -------
    list of str
        The groupings, each once.

    Raises
    ------
    UsageError
        If a name is unknown, or the tolerance is out of range.

    Examples
    --------
    >>> check_agreement_options(["month", "site", "month"])
    ['month', 'site']
    """
    names = [by] if isinstance(by, str) else list(by)
    unknown = [name for name in names if name not in GROUPINGS]
    if unknown:
        raise UsageError(f"--by {', '.join(unknown)}: expected any of {', '.join(GROUPINGS)}.")
    if classes not in CLASS_SETS:
        raise UsageError(f"--classes {classes}: expected one of {', '.join(CLASS_SETS)}.")
    check_tolerance(tolerance)
    return list(dict.fromkeys(names))


def _measures(by: str, counted: PairCounts, names: Sequence[str]) -> xr.Dataset:
    """Return every measure of the groups of one grouping, with its interval."""
    by_night = counted.counts.astype(float)
    frames = by_night.sum(axis=(-2, -1))
    total = by_night.sum(axis=0)
    observed, chance, value = kappa(total)
    same = np.trace(by_night, axis1=-2, axis2=-1)
    common, both = class_sums(by_night)
    limits = {
        "agreement": rate_interval(same, frames, counted.night),
        "kappa": kappa_interval(by_night, counted.night),
        "class_agreement": rate_interval(common, both, counted.night),
    }
    rows = total.sum(axis=-1, keepdims=True)
    matrix, groups = ("group", "label_a", "label_b"), len(counted.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(rows > 0, total / rows, np.nan)
    data = {
        "counts": (matrix, counted.counts.sum(axis=0), {"units": "frames"}),
        "share": (matrix, share, {"units": "1", "long_name": "share of the class in store A"}),
        "frames": ("group", frames.sum(axis=0).astype(np.int64), {"units": "frames"}),
        "nights": ("group", np.count_nonzero(frames, axis=0)),
        "effective_nights": ("group", kish(frames)),
        **{
            name: ("group", getattr(counted, name), {"units": "frames"})
            for name in ("alone_a", "alone_b", "left_out")
        },
        "agreement": ("group", observed, {"units": "1", "long_name": "observed agreement"}),
        "chance": ("group", chance, {"units": "1", "long_name": "agreement by chance"}),
        "kappa": ("group", value, {"units": "1", "long_name": "Cohen's kappa"}),
        "class_agreement": (
            ("group", "label"),
            class_agreement(total),
            {"units": "1", "long_name": "agreement on a class (F1)"},
        ),
    }
    for name, ends in limits.items():
        for end, values in zip(("low", "high"), ends, strict=True):
            data[f"{name}_{end}"] = (data[name][0], values, {"units": "1"})
    labels = list(names)
    return xr.Dataset(
        data,
        coords={
            "group": [f"{by} {name}".strip() for name in counted.values],
            "by": ("group", [by] * groups),
            "value": ("group", list(counted.values)),
            **dict.fromkeys(("label_a", "label_b", "label"), labels),
        },
    )


def _attributes(
    a: LabelStore,
    b: LabelStore,
    counted: Mapping[str, PairCounts],
    simulated: bool,
    parameters: Mapping[str, object],
) -> dict[str, str]:
    """Return what was compared, from what, and how."""
    pairs = counted[ALL]
    more: dict[str, str | None] = dict(zip(("name_a", "name_b"), _names(a, b), strict=True))
    for end, store in (("a", a), ("b", b)):
        more[f"store_{end}"] = str(store.path)
        more[f"labels_source_{end}"] = store.info.source
        for name in ("model_sha256", "model_trained_on", "preprocess"):
            more[f"{name}_{end}"] = getattr(store.info, name)
    trained = [store.info.model_trained_on for store in (a, b) if store.info.model_trained_on]
    return describe(
        "Agreement of two sets of labels",
        parameters=parameters,
        simulated=simulated,
        **more,
        # What figures and screens look at, whichever of the two was a model.
        model_trained_on="; ".join(dict.fromkeys(trained)) or None,
        first_night=pairs.night[0],
        last_night=pairs.night[-1],
        labels_fingerprint=fingerprint(
            part.tobytes() for part in (pairs.night.astype(np.int64), pairs.counts)
        ),
    )


def _names(a: LabelStore, b: LabelStore) -> tuple[str, str]:
    """Return short names by which a reader tells the two sets of labels apart."""
    told = []
    for store in (a, b):
        name = store.info.source.removeprefix("import:")
        sha = store.info.model_sha256
        told.append((f"{name} {sha[:8]}" if sha else name, store.path.resolve().name))
    for first, second in zip(*told, strict=True):
        if first != second:
            return first, second
    return str(a.path), str(b.path)


def _nothing_error(
    a: LabelStore, b: LabelStore, counted: PairCounts, tolerance: float, classes: str
) -> DataError:
    """Say why there is nothing to compare."""
    if counted.left_out.sum():
        return DataError(
            f"{a.path} and {b.path}: of {int(counted.left_out.sum()):,} frames in both, none has "
            f"labels that --classes {classes} compares; use --classes six."
        )
    spans = []
    for store in (a, b):
        span = store_span(store)
        held = (
            "no labels" if span is None else f"{', '.join(store.sites)} from {span[0]} to {span[1]}"
        )
        spans.append(f"{store.path} holds {held}")
    near = (
        "" if tolerance else " If times of a frame differ, --tolerance SECONDS takes the nearest."
    )
    return DataError(
        f"no frame is in both stores: {'; '.join(spans)} UTC. Compare labels of the same "
        f"frames.{near}"
    )
