"""Figures of effects and epochs: readable, whole, and drawn from the numbers of the result."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from auroral_stats import effect_plots
from auroral_stats.effect_plots import plot_balance, plot_epochs, plot_exceedance, plot_forest
from auroral_stats.epochs import epochs
from auroral_stats.errors import UsageError
from auroral_stats.gate import Gate
from auroral_stats.geoeffectiveness import geoeffectiveness
from auroral_stats.onsets import onsets_from_labels
from auroral_stats.plots import CLASS_STYLE, save_figure
from auroral_stats.screen_effects import ratio_text

LOOSE = Gate(min_nights=6, min_hours=1, min_winters=1, min_sites=1)


@pytest.fixture(scope="module")
def data(ground_data) -> xr.Dataset:
    return ground_data


@pytest.fixture(scope="module")
def results(data) -> dict[str, xr.Dataset]:
    few = ("site", "mlt", "newell")
    made = {
        "dB": geoeffectiveness(data, "dB", match=few, gate=LOOSE),
        "clear": geoeffectiveness(data, control="clear", gate=LOOSE),
        "all four": geoeffectiveness(
            data, "positive_bay", labels=("diffuse", "discrete", "clear"), control="arc", match=few
        ),
        "nothing passes": geoeffectiveness(data, labels=("arc",)),
        "mediator": geoeffectiveness(data, match=("newell",), mediator="AE", gate=LOOSE),
        "whole": geoeffectiveness(data, "dB", thresholds=(40.0,), match=("site",), gate=LOOSE),
        "bay": geoeffectiveness(data, "bay", match=("site",), gate=LOOSE, moon="any"),
    }
    assert 0 < int(made["dB"]["masked"].sum()) < made["dB"]["masked"].size
    return made


KINDS = ("dB", "clear", "all four", "nothing passes", "mediator", "bay")


@pytest.fixture(scope="module")
def superposed(data) -> dict[str, xr.Dataset]:
    onsets = onsets_from_labels(data)
    span = {"before": 20, "after": 30}
    return {
        "two": epochs(data, onsets, ("dBdt", "SYM_H"), resamples=40, **span),
        "one": epochs(data, onsets_from_labels(data, "arc"), ("dB",), resamples=0, **span),
    }


def render(figure: Figure) -> RendererAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def words(figure: Figure) -> str:
    return " | ".join(" ".join(t.get_text().split()) for t in texts(figure))


def lettering(figure: Figure, gid: str) -> Text:
    (found,) = [text for text in figure.texts if text.get_gid() == gid]
    return found


def check_page(figure: Figure) -> None:
    renderer = render(figure)
    width = figure.get_figwidth() * 25.4
    assert width == pytest.approx(86) or width == pytest.approx(178)
    assert figure.get_figheight() * 25.4 < 230
    page = figure.bbox.padded(1)
    axes = figure.findobj(Axes)
    ticks = {
        id(text)
        for ax in axes
        for axis in (ax.xaxis, ax.yaxis)
        for text in (*axis.get_ticklabels(), *axis.get_ticklabels(minor=True))
    }
    for text in texts(figure):
        assert text.get_fontsize() >= 7, text
        if id(text) not in ticks:
            box = text.get_window_extent(renderer)
            assert page.containsx(box.x0), text
            assert page.containsx(box.x1), text
            assert page.containsy(box.y0), text
            assert page.containsy(box.y1), text
    panels = [ax.get_tightbbox(renderer) for ax in axes]
    assert max(box.x1 for box in panels) <= figure.bbox.x1 + 1
    top, bottom = max(box.y1 for box in panels), min(box.y0 for box in panels)
    title, subtitle, legend, notes = (
        item.get_window_extent(renderer)
        for item in (
            figure._suptitle,
            lettering(figure, "subtitle"),
            figure.legends[0],
            lettering(figure, "notes"),
        )
    )
    assert title.y0 >= subtitle.y1 - 1
    assert subtitle.y0 >= top - 1
    assert bottom >= legend.y1 - 1
    assert legend.y0 >= notes.y1 - 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_figure_is_readable_and_whole(results, kind):
    check_page(effect_plots.figure(results[kind]))


@pytest.mark.parametrize("kind", ["dB", "nothing passes"])
def test_each_panel_alone_is_too(results, kind):
    for plot in (plot_forest, plot_exceedance, plot_balance):
        check_page(next(iter(plot(results[kind]).values())).figure)


@pytest.mark.parametrize("kind", ["one", "two"])
def test_epochs_are_readable_and_whole(superposed, kind):
    check_page(effect_plots.figure(superposed[kind]))


def lines(ax: Axes, label: str) -> list:
    return [line for line in ax.lines if line.get_label() == label]


def test_ratios_are_drawn_where_they_are(results):
    result = results["clear"]
    ax = plot_forest(result)["forest"]
    assert ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    assert any(np.allclose(line.get_xdata(), 1.0) for line in ax.lines)
    for label, (colour, marker) in CLASS_STYLE.items():
        if label not in result["label"]:
            continue
        part = result.sel(label=label)
        value = part["risk_ratio"].to_numpy()
        drawn = {float(line.get_xdata()[0]): line for line in lines(ax, f"_{label}")}
        assert sorted(drawn) == sorted(value[value > 0])
        for ratio, masked in zip(value, part["masked"].to_numpy(), strict=True):
            if not ratio > 0:
                continue
            line = drawn[ratio]
            assert line.get_marker() == marker
            if masked:
                red, green, blue, _ = mpl.colors.to_rgba(line.get_color())
                assert red == green == blue
                assert to_hex(line.get_markerfacecolor()) == "#ffffff"
            else:
                assert to_hex(line.get_color()) == colour.lower()
    crude = sorted(float(line.get_xdata()[0]) for line in lines(ax, "_crude"))
    known = result["crude_risk_ratio"].to_numpy()
    np.testing.assert_allclose(crude, np.sort(known[known > 0]))
    spans = sorted(tuple(line.get_xdata()) for line in lines(ax, "_interval"))
    wanted = []
    for name in ("risk_ratio", "crude_risk_ratio"):
        ends = [result[f"{name}{end}"].to_numpy().ravel() for end in ("_low", "_high")]
        point = result[name].to_numpy().ravel()
        there = np.isfinite(ends[0])
        ends = [np.where(there, end, point) for end in ends]
        wanted += [tuple(np.clip(e, low, high)) for e in zip(*ends, strict=True) if e[0] > 0]
    np.testing.assert_allclose(spans, sorted(wanted))


def test_an_interval_that_goes_on_ends_in_an_arrow(results):
    result = results["dB"].copy(deep=True)
    assert not bool(result["masked"].sel(label="arc")[0])
    row = {"label": "arc", "threshold": 50.0}

    def arrows_of_row(ax: Axes) -> set[tuple[str, float]]:
        found = lines(ax, "_beyond")
        return {
            (line.get_marker(), float(line.get_xdata()[0]))
            for line in found
            if line.get_ydata()[0] == pytest.approx(1 - 0.16)
        }

    assert arrows_of_row(plot_forest(result)["forest"]) == set()
    result["risk_ratio_high"].loc[row], result["risk_ratio_low"].loc[row] = 1e5, 1e-6
    ax = plot_forest(result)["forest"]
    low, high = ax.get_xlim()
    assert arrows_of_row(ax) == {("<", low), (">", high)}
    assert high < 200


def test_numbers_stand_beside(results):
    result = results["dB"]
    figure = effect_plots.figure(result)
    found = [text.get_text() for text in texts(figure)]
    for label in result["label"].to_numpy():
        for threshold in result["threshold"].to_numpy():
            cell = result.sel(label=label, threshold=threshold)
            for name in ("risk_ratio", "crude_risk_ratio"):
                three = [float(cell[f"{name}{end}"]) for end in ("", "_low", "_high")]
                text, limits = ratio_text(*three)
                assert (f"({text})" if cell["masked"] else f"{text} {limits}".strip()) in found
    bare = plot_forest(result, numbers=False)["forest"]
    assert not any("[" in text.get_text() for text in bare.texts)


def test_headings_say_what_each_class_rests_on(results):
    result = results["dB"]
    said = words(effect_plots.figure(result))
    for label in ("arc", "diffuse", "discrete"):
        one = result.sel(label=label)
        assert (
            f"{100 * float(one['share_retained']):.0f} % of {int(one['minutes']):,} min matched, "
            f"{int(one['strata']):,} strata, {int(one['nights'])} nights: overlap population"
        ) in said
    assert "; overlap population: SIMULATED DATA" in said
    assert "Overlap population: fewer than 80 %" in said
    some = result.copy(deep=True)
    some["population"][0] = "class"
    title = effect_plots.figure(some)._suptitle.get_text().replace("\n", " ")
    assert "overlap population of diffuse, discrete: SIMULATED DATA" in title
    assert "verlap population" not in words(effect_plots.figure(results["whole"]))


def test_titles_and_notes_say_what_it_is(results):
    figure = effect_plots.figure(results["dB"])
    line = " ".join(lettering(figure, "subtitle").get_text().split())
    for part in (
        "3 sites; labels: demo; control: other auroral forms",
        "matched by site, mlt, newell (averages end 10 min before the run of the form starts)",
        "X at minute m, of 1 min means; running baseline",
        "Moon down or < 30 % lit; Sun at or below −12°",
        "95 % jackknife by nights, within the winters observed",
    ):
        assert part in line
    said = words(figure)
    assert "An association: minutes of a form" in said
    hidden, every = int(results["dB"]["masked"].sum()), results["dB"]["masked"].size
    assert f": {hidden} of {every} rows." in said
    assert "moonlit minutes included" in words(effect_plots.figure(results["bay"]))
    mediator = effect_plots.figure(results["mediator"])
    assert mediator._suptitle.get_text().startswith("Mediator analysis (AE of the same minute")
    assert "A mediator analysis: AE of the same minute is part" in words(mediator)


@pytest.mark.parametrize("kind", ["effects", "epochs"])
def test_simulated_is_said_and_real_is_not(results, superposed, kind):
    made = results["whole"] if kind == "effects" else superposed["one"]
    assert "SIMULATED DATA" in effect_plots.figure(made)._suptitle.get_text()
    real = made.assign_attrs(simulated="false")
    assert "simul" not in words(effect_plots.figure(real)).lower()
    learnt = real.assign_attrs(model_trained_on="simulated")
    title = effect_plots.figure(learnt)._suptitle.get_text().replace("\n", " ")
    assert "labels by a model trained on simulated data" in title


def test_exceedance_is_that_of_the_result(results):
    result = results["clear"]
    panels = plot_exceedance(result)
    assert list(panels) == ["arc", "diffuse", "discrete"]
    for label, ax in panels.items():
        one = result.sel(label=label)
        assert ax.get_yscale() == "log"
        for name, text in (("curve", label), ("control_curve", f"control of {label}")):
            (line,) = lines(ax, text)
            values = one[name].to_numpy()
            np.testing.assert_array_equal(line.get_xdata(), result["x"])
            np.testing.assert_allclose(line.get_ydata(), np.where(values > 0, values, np.nan))
        for name in ("exceedance", "control_exceedance"):
            bars = [c for c in ax.containers if c.get_label() == f"_{name} of {label}"]
            at = np.concatenate([c.lines[0].get_ydata() for c in bars])
            values = one[name].to_numpy()
            np.testing.assert_allclose(np.sort(at), np.sort(values[values > 0]))
        assert ax.get_ylim() == panels["arc"].get_ylim()


def test_balance_is_that_of_the_result(results):
    result = results["dB"]
    ax = plot_balance(result)["balance"]
    for label in result["label"].to_numpy():
        for when in ("before", "after"):
            (line,) = lines(ax, f"_{label} {when}")
            found = abs(result["balance"].sel(label=label, when=when))
            np.testing.assert_allclose(line.get_xdata(), found)
    assert any(np.allclose(line.get_xdata(), 0.1) for line in ax.lines)
    names = [text.get_text() for text in ax.get_yticklabels()]
    apart = [f"{name}\nunmatched" for name in ("dB_before", "AE_before")]
    assert names == ["site", "mlt", "newell", *apart]


def test_epochs_are_those_of_the_result(superposed):
    result = superposed["two"]
    panels = plot_epochs(result, linewidth=2.5)
    assert list(panels) == ["dBdt", "SYM_H", "number"]
    for name in ("dBdt", "SYM_H"):
        one, ax = result.sel(of=name), panels[name]
        for text, variable in ((name, "mean"), ("_median", "median"), ("_random mean", None)):
            (line,) = lines(ax, text)
            np.testing.assert_allclose(line.get_ydata(), one[variable or "random_mean"])
        (mean,) = lines(ax, name)
        assert mean.get_linewidth() == 2.5
        assert to_hex(mean.get_color()) == CLASS_STYLE["discrete"][0].lower()
        shown = {c.get_label(): c.get_paths()[0].vertices[:, 1] for c in ax.collections}
        for text, low, high in (
            ("_interval", "mean_low", "mean_high"),
            ("_band", "band_low", "band_high"),
        ):
            assert shown[text].min() == pytest.approx(float(one[low].min()))
            assert shown[text].max() == pytest.approx(float(one[high].max()))
        (number,) = lines(panels["number"], name)
        np.testing.assert_array_equal(number.get_ydata(), one["number"])
    alone = plot_epochs(superposed["one"])
    assert "_band" not in {c.get_label() for c in alone["dB"].collections}
    assert "random" not in words(alone["dB"].figure)
    assert panels["dBdt"].get_ylabel() == "|dB$_\\mathrm{h}$/dt| of 1-min means\n(nT/s)"


def test_given_axes_are_used_and_say_what_is_simulated(results, superposed):
    figure = Figure(figsize=(12, 8), layout="constrained")
    grid = figure.subplots(2, 2)
    forest = plot_forest(results["dB"], grid[0, 0], label="arc", color="black", numbers=False)
    curves = plot_exceedance(results["dB"], grid[0, 1], label=["arc", "diffuse"], linewidth=3)
    plot_balance(results["dB"], grid[1, 0])
    plot_epochs(superposed["two"], grid[1, 1], of="SYM_H")
    assert forest == {"forest": grid[0, 0]}
    assert curves == {"arc": grid[0, 1], "diffuse": grid[0, 1]}
    assert all(line.get_color() == "black" for line in lines(grid[0, 0], "_arc"))
    assert [line.get_linewidth() for line in lines(grid[0, 1], "arc")] == [3]
    labels = grid[0, 1].get_legend_handles_labels()[1]
    assert labels == ["control of arc", "arc", "control of diffuse", "diffuse"]
    render(figure)
    for ax in grid.ravel():
        assert "SIMULATED DATA" in ax.get_title(loc="left").replace("\n", " ")
    assert len(figure.axes) == 4


def test_what_does_not_fit_is_refused(results, superposed):
    with pytest.raises(UsageError, match=r"expected a result of .*geoeffectiveness; this is none"):
        effect_plots.figure(xr.Dataset())
    with pytest.raises(UsageError, match=r"expected a result of auroral_stats\.epochs\.epochs"):
        plot_epochs(results["dB"])
    for plot in (plot_forest, plot_exceedance, plot_balance):
        with pytest.raises(UsageError, match="label clear: this result holds arc, diffuse, disc"):
            plot(results["dB"], label="clear")
        with pytest.raises(UsageError, match="label nothing"):
            plot(results["dB"], label=[])
    with pytest.raises(UsageError, match="of AE: this result holds dBdt, SYM_H"):
        plot_epochs(superposed["two"], of="AE")
    with pytest.raises(UsageError, match="ax= holds one quantity"):
        plot_epochs(superposed["two"], Figure().subplots())


def test_files_say_what_they_are(results, superposed, tmp_path):
    for name, made in (("effects.svg", results["whole"]), ("epochs.svg", superposed["one"])):
        text = save_figure(effect_plots.figure(made), tmp_path / name).read_text()
        assert "auroral_stats" in text
        assert "Parameters: {" in text


def test_pyplot_is_not_used():
    code = "import auroral_stats.effect_plots, sys; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
