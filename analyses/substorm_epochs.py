"""
Superposed epochs around onsets
===============================

What the ground, the electrojet and the solar wind do on average before and after discrete aurora
appears, and which forms come before and after it. Onsets are those of the labels (a minute of
discrete aurora and the next, after ten minutes of other forms), or a list of substorms with
``--onsets``. Shades are 95 % intervals by nights. The grey band holds 95 % of the means about random
times at the same site, magnetic hour and month: what stays inside belongs to such hours, and not to
the onset.
"""

from pathlib import Path

import matplotlib.pyplot as plt

from auroral_stats.analysis import analysis, analysis_parser
from auroral_stats.effect_plots import plot_epochs
from auroral_stats.epochs import epochs
from auroral_stats.form_epochs import form_epochs
from auroral_stats.onsets import onsets_from_labels, read_onsets
from auroral_stats.plots import CLASS_STYLE

QUANTITIES = ("dBdt", "dB", "AL", "Bz")
MINUTES = range(-60, 121, 30)
NOTES = """Shaded: 95 % interval of the mean by nights; dashed: median; grey: mean of random epochs, and
where 95 % of their means lie."""


def listed(path, data):
    """Return the onsets of a list that fall into the time and the sites of the data."""
    onsets = read_onsets(path)
    there = onsets["time"].between(*data["time"].values[[0, -1]])
    if "site" in onsets:
        there &= onsets["site"].isin(data["site"].values)
    return onsets[there].reset_index(drop=True)


def draw_forms(shares):
    """Return the figure of the forms before and after the onset."""
    figure, ax = plt.subplots(figsize=(3.4, 2.2))
    for label in shares["label"].values:
        part, colour = 100 * shares.sel(label=label), CLASS_STYLE[label][0]
        ax.fill_between("lag", "share_low", "share_high", data=part, color=colour, alpha=0.2, lw=0)
        ax.plot("lag", "share", data=part, color=colour, label=label)
    ax.set(xlabel="Time from onset (min)", ylabel="Share of minutes with a form (%)")
    ax.set(xlim=(MINUTES[0], MINUTES[-1]), ylim=(0, None), xticks=MINUTES)
    return figure


def main(arguments=None):
    """Make ``substorm_epochs`` and ``substorm_epochs_forms``, each with a table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--onset", default="discrete", help="form of the onsets (discrete)")
    parser.add_argument("--onsets", type=Path, metavar="CSV", help="or a list: time, site")
    with analysis("substorm_epochs", parser, arguments) as run:
        data, path, form = run.joined(["AL", "Bz"], mag=True), run.given.onsets, run.given.onset
        onsets = listed(path, data) if path else onsets_from_labels(data, form)
        span = {"before": -MINUTES[0], "after": MINUTES[-1]}
        result = epochs(data, onsets, QUANTITIES, **span)
        of = f"onsets of {path.stem if path else f'{form} aurora'}"
        nights, sites = int(result["nights"].max()), data.sizes["site"]
        about = f"{len(onsets):,} onsets in {nights} nights at {sites} sites"
        figure, axes = plt.subplots(2, 2, figsize=(7, 3.6), sharex=True)
        for ax, letter, name in zip(axes.flat, "abcd", QUANTITIES, strict=True):
            plot_epochs(result, ax, of=name, label="mean")
            ax.set_title(letter, loc="left")
            ax.set_xticks(MINUTES)
        axes[0, 0].set_xlabel("")
        axes[0, 1].set_xlabel("")
        run.write(figure, result, title=f"Superposed epochs about {of}", about=about, notes=NOTES)
        shares = form_epochs(data, onsets, **span)
        title = f"Forms about {of}"
        run.write(draw_forms(shares), shares, part="forms", title=title, about=about)


if __name__ == "__main__":
    main()
