"""Pictures and whose labels they have: by hand, or pseudo-labels; never without saying which.

Pictures are told from each other by station and time.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from classifier.oath import station_nights
from classifier.self_training_rounds import NO_LABEL, SelfTrained
from classifier.training_images import LabelledImages, TrainingImages

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "HUMAN",
    "PSEUDO",
    "learnt_from",
    "night_names",
    "picture_keys",
    "pictures_table",
    "with_pseudolabels",
]

#: What the column ``source`` says.
HUMAN, PSEUDO = "human", "pseudo-label"


def pictures_table(
    images: LabelledImages,
    rows: NDArray[np.int64],
    night: NDArray[np.str_],
    unlabelled: TrainingImages,
    new: NDArray[np.int64],
    new_night: NDArray[np.str_],
    found: SelfTrained,
) -> pd.DataFrame:
    """Return what a classifier learnt from, and by whose labels.

    Parameters
    ----------
    images : LabelledImages
    rows : ndarray of int64, (n,)
        Which of them took part.
    night : ndarray of str, (n,)
        Their station-nights.
    unlabelled : TrainingImages
    new : ndarray of int64, (m,)
        Which of them took part.
    new_night : ndarray of str, (m,)
    found : SelfTrained
        Over these m pictures.

    Returns
    -------
    pandas.DataFrame
        Columns source, site, time, picture (number in an OATH-shaped set, else missing), night,
        label, round (0 for labels by hand), probability (missing for these), simulated.
    """
    import pandas as pd

    kept = found.kept
    taken = new[kept]
    number = np.full(taken.size, NO_LABEL)
    if isinstance(unlabelled, LabelledImages):
        number = unlabelled.picture[taken]
    pseudo = {
        "source": PSEUDO,
        "site": unlabelled.station[taken],
        "time": unlabelled.time[taken],
        "picture": number,
        "night": new_night[kept],
        "label": np.array(CLASSES)[found.label[kept]],
        "round": found.round[kept],
        "probability": found.probability[kept],
        "simulated": unlabelled.simulated,
    }
    human = {
        "source": HUMAN,
        "site": images.station[rows],
        "time": images.time[rows],
        "picture": images.picture[rows],
        "night": night,
        "label": np.array(CLASSES)[images.label[rows]],
        "round": 0,
        "probability": np.nan,
        "simulated": images.simulated,
    }
    table = pd.concat([pd.DataFrame(human), pd.DataFrame(pseudo)], ignore_index=True)
    numbers = table["picture"].astype("Int64")
    return table.assign(picture=numbers.mask(numbers == NO_LABEL))


def with_pseudolabels(
    images: LabelledImages, unlabelled: TrainingImages, pictures: pd.DataFrame
) -> LabelledImages:
    """Put labelled pictures and pseudo-labelled ones together, for a training of all weights.

    Parameters
    ----------
    images : LabelledImages
    unlabelled : TrainingImages
    pictures : pandas.DataFrame
        As :func:`pseudolabel` gives it, or read from ``pictures.csv``.

    Returns
    -------
    LabelledImages
        For :func:`classifier.finetune.finetune`; what was trained on it says how many of the
        labels are pseudo-labels. Pictures of an archive have the number -1.

    Raises
    ------
    DataError
        If a pseudo-labelled picture is not among those without labels.
    """
    import pandas as pd

    table = pictures[pictures["source"] == PSEUDO]
    times = pd.to_datetime(table["time"]).to_numpy("M8[ms]")
    keys = [f"{site} {time}" for site, time in zip(table["site"], times, strict=True)]
    place = {key: i for i, key in enumerate(picture_keys(unlabelled).tolist())}
    lacking = [key for key in keys if key not in place]
    if lacking:
        raise DataError(
            f"{len(lacking)} pseudo-labelled pictures, {lacking[0]} first, are not among the "
            "pictures without labels; load the same ones as for the self-training."
        )
    rows = np.array([place[key] for key in keys], dtype=np.int64)
    label = table["label"].map({name: code for code, name in enumerate(CLASSES)}).to_numpy(np.int64)
    number = table["picture"].fillna(-1).to_numpy(np.int64)
    station = np.concatenate([images.station, unlabelled.station[rows]])
    time = np.concatenate([images.time, unlabelled.time[rows]])
    night, names = station_nights(station, time)
    digest = hashlib.sha256(f"{images.fingerprint} {unlabelled.fingerprint}".encode())
    digest.update(rows.tobytes() + label.tobytes())
    return replace(
        images,
        images=torch.cat([images.images, unlabelled.images[torch.from_numpy(rows)]]),
        station=station,
        time=time,
        label=np.concatenate([images.label, label]),
        night=night,
        night_names=names,
        picture=np.concatenate([images.picture, number]),
        trained_on=learnt_from(images, unlabelled, rows.size),
        fingerprint=digest.hexdigest(),
        simulated=images.simulated or (unlabelled.simulated and rows.size > 0),
    )


def picture_keys(images: TrainingImages) -> NDArray[np.str_]:
    """Return station and time of each picture as one text, (n,); empty where either is unknown."""
    known = (images.station != "") & ~np.isnat(images.time)
    pairs = zip(images.station, images.time.astype("M8[ms]"), known, strict=True)
    return np.array([f"{site} {time}" if there else "" for site, time, there in pairs], dtype=str)


def night_names(images: TrainingImages) -> NDArray[np.str_]:
    """Return the name of the station-night of each picture, (n,)."""
    night, names = station_nights(images.station, images.time)
    return np.array(names, dtype=str)[night]


def learnt_from(images: TrainingImages, unlabelled: TrainingImages, number: int) -> str:
    """Say what a model learnt from that was shown labels by hand and some pseudo-labels."""
    if not number:
        return images.trained_on
    return f"{images.trained_on} (labels by hand) and {number} pseudo-labels of {unlabelled.trained_on}"
