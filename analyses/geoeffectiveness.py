"""
Geoeffectiveness of auroral forms
=================================

How much likelier the ground is disturbed under an auroral form than under the other auroral forms,
at the same station, local time and month and under the same solar wind before the form began. The
disturbance is that of the magnetometer beside the camera: the first figure has its rate of change,
with the share of minutes that exceed each threshold and how alike the compared minutes are; the
second has the risk ratios of other measures. Bars are 95 % intervals by nights, and what rests on
too few of them is grey.
"""

import matplotlib.pyplot as plt
import numpy as np

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.effect_plots import figure
from auroral_stats.effect_tables import effect_table
from auroral_stats.geoeffectiveness import geoeffectiveness
from auroral_stats.measures import find_measure
from auroral_stats.plots import CLASS_STYLE

OTHERS = ("dB", "bay", "positive_bay", "pi2")
MATCHED_BY = ("site", "mlt", "month", "newell")


def draw(results):
    """Return the figure of risk ratios: a panel a measure, thresholds from left to right."""
    drawn, panels = plt.subplots(1, len(results), figsize=(7, 2.3), sharey=True)
    for panel, letter, result in zip(panels, "abcd", results, strict=True):
        table = effect_table(result)
        for k, label in enumerate(result["label"].values):
            colour, marker = CLASS_STYLE[label]
            rows = table[table["label"] == label]
            rows = rows.assign(place=np.arange(len(rows)) + 0.22 * (k - 1))
            for masked, part in rows.groupby("masked"):
                ratio = part["risk_ratio"]
                style = {"color": "0.6", "mfc": "white"} if masked else {"color": colour}
                limits = np.abs(part[["rr_low", "rr_high"]].to_numpy().T - ratio.to_numpy())
                panel.errorbar(part["place"], ratio, limits, fmt=marker, **style)
            panel.plot(rows["place"] + 0.08, rows["crude_risk_ratio"], "x", color="0.3", ms=3)
            panel.plot([], [], marker, color=colour, label=label)
        panel.plot([], [], "x", color="0.3", ms=3, label="crude")
        panel.plot([], [], "o", color="0.6", mfc="white", label="below the gate")
        measure = find_measure(result.attrs["measure"])
        panel.axhline(1, color="0.3", lw=0.6)
        name, unit = measure.long_name.partition(" within")[0], measure.units.replace("^2", "²")
        panel.set_title(f"{letter}  {name}", loc="left")
        panel.set(xlabel=f"threshold ({unit})", yscale="log", ylim=(0.09, 11))
        panel.set_xticks(range(result.sizes["threshold"]), [f"{t:g}" for t in result["threshold"]])
        panel.set_yticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
        panel.minorticks_off()
    panels[0].set_ylabel("risk ratio to other auroral forms")
    return drawn


def main(arguments=None):
    """Make ``geoeffectiveness_dBdt`` and ``geoeffectiveness_others``, each with a table."""
    with analysis("geoeffectiveness", analysis_parser(__doc__), arguments) as run:
        data = run.joined(["newell"], mag=True)
        result = geoeffectiveness(data, "dBdt", match=MATCHED_BY)
        run.write(figure(result), result, part="dBdt")
        results = [geoeffectiveness(data, name, match=MATCHED_BY) for name in OTHERS]
        nights = [f"{label} {int(n)}" for label, n in result["nights"].to_series().items()]
        title = "Ground disturbance by auroral form, against matched minutes of other forms"
        about = f"matched by {', '.join(MATCHED_BY)}; nights: {', '.join(nights)}; intervals: 95 % by nights"
        run.write(draw(results), *results, part="others", title=title, about=about)


if __name__ == "__main__":
    main()
