"""Tables of calibration, reliability and coverage, from the out-of-fold predictions.

Calibration is a property of held-out pictures pooled over the folds of one run; values are means
over runs. Two bands say what a perfectly calibrated classifier would show: one for as many
independent pictures, one for pictures that are right or wrong together within their station-nights
as far as these are. Frames seconds apart are not independent, so the second is the one to hold a
value against; the first is what is usually given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from classifier.calibration_error import MEASURES, measure, perfect_band, reliability, shared_chance
from classifier.predictions import class_codes, probabilities, station_night_codes
from classifier.selective import coverage_accuracy

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calibration", "coverages", "reliabilities"]

#: Measures that have bands.
_BANDED = ("ece", "adaptive_ece")
_COVERAGES = np.round(np.arange(0.05, 1.0001, 0.01), 2)


def calibration(predictions: pd.DataFrame, *, draws: int = 500, seed: int = 0) -> pd.DataFrame:
    """Return the measures of calibration, before and after the temperature.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From :mod:`classifier.predictions`.
    draws : int
        Sets of labels that are drawn for a band.
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns method, split, probabilities (``raw``, ``calibrated``), measure, value (mean over
        runs), sd; for the ECE of calibrated probabilities ``band_low``, ``band_high`` (95 %,
        independent pictures), ``night_low``, ``night_high`` (95 %, within station-nights) and
        ``shared`` (how much the pictures of a station-night go together, 0 to 1), means over runs;
        simulated.
    """
    import pandas as pd

    rows = []
    for method, split, runs in _runs(predictions):
        for kind in ("raw", "calibrated"):
            raw = kind == "raw"
            found = [measure(probabilities(run, raw=raw), class_codes(run["true"])) for run in runs]
            for name in MEASURES:
                values = np.array([each[name] for each in found])
                row = {
                    "method": method,
                    "split": split,
                    "probabilities": kind,
                    "measure": name,
                    "value": values.mean(),
                    "sd": values.std(ddof=1) if values.size > 1 else np.nan,
                }
                if name in _BANDED and not raw:
                    row |= _bands(runs, name, draws, seed)
                row["simulated"] = bool(runs[0]["simulated"].iloc[0])
                rows.append(row)
    columns = [
        "method", "split", "probabilities", "measure", "value", "sd", "band_low", "band_high",
        "night_low", "night_high", "shared", "simulated",
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)


def reliabilities(predictions: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return the bins of the reliability diagrams, all runs together.

    Parameters
    ----------
    predictions : pandas.DataFrame
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns method, split, probabilities, lower, upper (edges of a bin), pictures (mean over
        runs), confidence, accuracy, band_low, band_high (95 % range of the accuracy under perfect
        calibration, independent pictures of one run), simulated.
    """
    import pandas as pd

    rows = []
    for method, split, runs in _runs(predictions):
        for kind in ("raw", "calibrated"):
            each = []
            for number, run in enumerate(runs):
                p = probabilities(run, raw=kind == "raw")
                right = p.argmax(1) == class_codes(run["true"])
                each.append(reliability(p.max(1), right, draws=300, seed=seed + number))
            n = np.array([found.pictures for found in each])
            for b in range(n.shape[1]):
                if not n[:, b].any():
                    continue
                used = [found for found in each if found.pictures[b]]
                weight = [found.pictures[b] for found in used]
                rows.append(
                    {
                        "method": method,
                        "split": split,
                        "probabilities": kind,
                        "lower": each[0].lower[b],
                        "upper": each[0].upper[b],
                        "pictures": n[:, b].mean(),
                        "confidence": np.average([f.confidence[b] for f in used], weights=weight),
                        "accuracy": np.average([f.accuracy[b] for f in used], weights=weight),
                        "band_low": np.average([f.low[b] for f in used], weights=weight),
                        "band_high": np.average([f.high[b] for f in used], weights=weight),
                        "simulated": bool(runs[0]["simulated"].iloc[0]),
                    }
                )
    return pd.DataFrame(rows)


def coverages(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of the most confident share of the test pictures.

    Parameters
    ----------
    predictions : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Columns method, split, coverage, accuracy, sd, threshold (of confidence; means over runs),
        risk_area (mean share of wrong pictures over all coverages), simulated.
    """
    import pandas as pd

    rows = []
    for method, split, runs in _runs(predictions):
        curves = []
        for run in runs:
            p = probabilities(run)
            curves.append(coverage_accuracy(p.max(1), p.argmax(1) == class_codes(run["true"])))
        area = float(np.mean([curve.risk_area for curve in curves]))
        for coverage in _COVERAGES:
            at = [int(np.searchsorted(curve.coverage, coverage - 1e-12)) for curve in curves]
            values = np.array([curve.accuracy[i] for curve, i in zip(curves, at, strict=True)])
            rows.append(
                {
                    "method": method,
                    "split": split,
                    "coverage": coverage,
                    "accuracy": values.mean(),
                    "sd": values.std(ddof=1) if values.size > 1 else np.nan,
                    "threshold": np.mean(
                        [curve.threshold[i] for curve, i in zip(curves, at, strict=True)]
                    ),
                    "risk_area": area,
                    "simulated": bool(runs[0]["simulated"].iloc[0]),
                }
            )
    return pd.DataFrame(rows)


def _bands(runs: list[pd.DataFrame], name: str, draws: int, seed: int) -> dict[str, float]:
    found = []
    for run in runs:
        p, group = probabilities(run), station_night_codes(run)
        shared = shared_chance(p, class_codes(run["true"]), group)
        plain = perfect_band(p, name=name, draws=draws, seed=seed)
        night = perfect_band(p, name=name, group=group, chance=shared, draws=draws, seed=seed)
        found.append((plain.low, plain.high, night.low, night.high, shared))
    names = ("band_low", "band_high", "night_low", "night_high", "shared")
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def _runs(predictions: pd.DataFrame) -> Iterator[tuple[str, str, list[pd.DataFrame]]]:
    for (method, split), part in predictions.groupby(["method", "split"], sort=False):
        yield str(method), str(split), [run for _, run in part.groupby("run", sort=True)]
