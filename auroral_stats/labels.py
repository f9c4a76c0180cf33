"""The label store: one label a frame, in Parquet files that any tool can read.

A store is a folder with one file for each site and month,
``site=gill/year=2014/month=03/labels.parquet``, with the columns

``time``
    start of exposure, timestamp[ms, UTC]; sorted, unique within a site
``label``
    uint8, 0 to 5 in the order of :data:`CLASSES`
``p_arc`` ... ``p_clear``
    uint8, calibrated probability x 255, the six summing to 255; null where the source gives none

Source, model and the simulated flag are in the metadata of every file and in ``_store.json``.
Everything that is not a partition has a name that begins with ``_`` and does not end with
``.parquet``, so that other tools read the folder with no code of ours::

    pandas.read_parquet("STORE")
    duckdb.sql("FROM read_parquet('STORE/**/*.parquet', hive_partitioning=true)")
    polars.scan_parquet("STORE/**/*.parquet", hive_partitioning=True)

Columns are matched by name, never by position.

Examples
--------
>>> import tempfile
>>> import numpy as np
>>> folder = tempfile.TemporaryDirectory()
>>> time = np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:03"], "M8[ms]")
>>> write_labels(folder.name, "gill", time, ["arc", "moon"], info=StoreInfo("human", False))
WriteCounts(written=2, duplicate=0, conflicting=0)
>>> store = validate_labels(folder.name)
>>> store.sites, store.info.source
(('gill',), 'human')
>>> for partition in iter_partitions(store, sites=["gill"], start="2014-03", end="2014-04"):
...     rows = read_partition(partition, ("time", "label"), info=store.info)
...     print([CLASSES[number] for number in rows["label"]])
['arc', 'moon']
>>> folder.cleanup()
"""

from auroral_stats.label_partition import SCHEMA_VERSION, Partition, StoreInfo
from auroral_stats.label_rows import CLASSES, PROBABILITY_COLUMNS, quantise_probabilities
from auroral_stats.label_store import (
    LabelStore,
    iter_partitions,
    open_labels,
    read_partition,
    store_span,
    utc_instant,
    validate_labels,
)
from auroral_stats.label_writing import WriteCounts, write_labels

__all__ = [
    "AURORAL",
    "CLASSES",
    "PROBABILITY_COLUMNS",
    "SCHEMA_VERSION",
    "USABLE",
    "USABLE_INDEX",
    "LabelStore",
    "Partition",
    "StoreInfo",
    "WriteCounts",
    "iter_partitions",
    "open_labels",
    "quantise_probabilities",
    "read_partition",
    "store_span",
    "utc_instant",
    "validate_labels",
    "write_labels",
]

#: Classes that say what the sky shows: the usual denominator of an occurrence rate.
USABLE = ("arc", "diffuse", "discrete", "clear")
#: Where the usable classes stand among all.
USABLE_INDEX = [CLASSES.index(name) for name in USABLE]
#: Classes with aurora in view.
AURORAL = ("arc", "diffuse", "discrete")
