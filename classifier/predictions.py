"""Out-of-fold predictions: what a classifier said of pictures that did not train it.

One row for each picture, method, split and run, with the station-night: a correction of rates for
misclassification resamples these rows by station-night. Scores, confusion matrices and calibration
all follow from this table and from nothing else, so that a saved table can be scored again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from auroral_stats.whole_file import write_whole
from classifier.calibrate import softmax

if TYPE_CHECKING:
    import pandas as pd

    from classifier.oath import Oath
    from classifier.oath_folds import Fold

__all__ = [
    "COLUMNS",
    "class_codes",
    "prediction_table",
    "probabilities",
    "read_predictions",
    "station_night_codes",
    "write_predictions",
]

#: ``method``, ``split``, ``fold`` (text) and ``run`` say who predicted; ``picture``, ``site`` and
#: ``night`` (the date on which it began) which picture; ``true``, ``predicted`` are names of
#: classes; ``p_arc`` ... ``p_clear`` are calibrated by ``temperature``.
COLUMNS = (
    "method",
    "split",
    "run",
    "fold",
    "picture",
    "site",
    "night",
    "true",
    "predicted",
    *PROBABILITY_COLUMNS,
    "temperature",
    "simulated",
)

_TEXT = ("method", "split", "fold", "site", "night", "true", "predicted")
_KEY = b"auroral_classifier"


def prediction_table(
    oath: Oath,
    fold: Fold,
    logits: ArrayLike,
    temperature: float,
    *,
    method: str,
    split: str,
    run: int,
) -> pd.DataFrame:
    """Return the rows of one test fold.

    Parameters
    ----------
    oath : Oath
        The whole set.
    fold : Fold
        Its ``test`` says which pictures the logits are of.
    logits : array_like, (k, class)
    temperature : float
    method, split : str
    run : int

    Returns
    -------
    pandas.DataFrame
        With the columns :data:`COLUMNS`.

    Raises
    ------
    DataError
        If the logits are not those of the fold, or hold NaN.
    """
    import pandas as pd

    from classifier.oath import station_nights

    if np.shape(logits) != (fold.test.size, len(CLASSES)):
        raise DataError(
            f"{fold.name}: logits have the shape {np.shape(logits)}; expected "
            f"{(fold.test.size, len(CLASSES))}."
        )
    p = softmax(logits, temperature)
    group, names = station_nights(oath.site, oath.time)
    origin = [names[number].split(" ", 1) for number in group[fold.test]]
    table = pd.DataFrame(
        {
            "method": method,
            "split": split,
            "run": np.int32(run),
            "fold": fold.name,
            "picture": oath.picture[fold.test],
            "site": [site for site, _ in origin],
            "night": [night for _, night in origin],
            "true": np.array(CLASSES)[oath.label[fold.test]],
            "predicted": np.array(CLASSES)[p.argmax(1)],
            **dict(zip(PROBABILITY_COLUMNS, p.T, strict=True)),
            "temperature": float(temperature),
            "simulated": oath.simulated,
        }
    )
    return table.loc[:, list(COLUMNS)]


def probabilities(table: pd.DataFrame, *, raw: bool = False) -> NDArray[np.float64]:
    """Return the probabilities of a table, (n, class).

    Parameters
    ----------
    table : pandas.DataFrame
    raw : bool
        Undo the temperature: what the classifier said before it was calibrated,
        proportional to p to the power of the temperature.

    Returns
    -------
    ndarray of float64, (n, class)
    """
    p = table[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
    if raw and len(p):
        p = (p / p.max(1, keepdims=True)) ** table["temperature"].to_numpy()[:, None]
        p /= p.sum(1, keepdims=True)
    return p


def class_codes(names: pd.Series) -> NDArray[np.int64]:
    """Return the codes of the classes named in a column, (n,)."""
    codes = names.map({name: code for code, name in enumerate(CLASSES)})
    return np.asarray(codes, dtype=np.int64)


def station_night_codes(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for the station-night of each row, (n,)."""
    names = table["site"].astype(str) + " " + table["night"].astype(str)
    return np.unique(names.to_numpy(str), return_inverse=True)[1].astype(np.int64)


def write_predictions(table: pd.DataFrame, path: str | Path, attrs: Mapping[str, Any]) -> Path:
    """Write predictions as Parquet, which pandas, DuckDB and Polars read.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns :data:`COLUMNS`.
    path : path
    attrs : mapping
        What made them; kept as JSON under the key ``auroral_classifier``.

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        name: pa.array(table[name]).dictionary_encode() if name in _TEXT else pa.array(table[name])
        for name in COLUMNS
    }
    text = json.dumps(dict(attrs), default=str)
    arrow = pa.table(columns).replace_schema_metadata({_KEY: text.encode()})
    return write_whole(path, lambda file: pq.write_table(arrow, file, compression="zstd"))


def read_predictions(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read what :func:`write_predictions` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    table : pandas.DataFrame
    attrs : dict
        What made them.

    Raises
    ------
    ArchiveError
        If there is no such file.
    DataError
        If it holds no predictions.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise ArchiveError(
            f"{path}: no such file; expected predictions.parquet from auroral_classifier evaluate."
        )
    try:
        arrow = pq.read_table(path)
        attrs = json.loads((arrow.schema.metadata or {})[_KEY])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: holds no predictions; expected predictions.parquet from auroral_classifier "
            "evaluate."
        ) from error
    missing = [name for name in COLUMNS if name not in arrow.column_names]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}; evaluate again.")
    table = arrow.to_pandas()
    for name in _TEXT:
        table[name] = table[name].astype(str)
    return table.loc[:, list(COLUMNS)], attrs
