"""Figures: what they say, what they draw and that a file is whole or not there."""

import json
import re
import subprocess
import sys
import threading
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from auroral_stats import plots
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.occurrence import Gate, occurrence
from auroral_stats.plots import plot_map, plot_occurrence, save_figure

#: Mask some rows of every driver, so that figures hold both kinds of rates.
GATE = Gate(min_nights=8, min_hours=3, min_winters=1, min_sites=1)
LOOSER = Gate(min_nights=6, min_hours=1, min_winters=1, min_sites=1)
STRICTER = Gate(min_nights=10, min_hours=1, min_winters=1, min_sites=1)
BZ = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]
BY = [-1.0, -0.5, 0.0, 0.5, 1.0]


@pytest.fixture(scope="module")
def data(joined_maker) -> xr.Dataset:
    """Twenty nights at three sites in two latitude bands, with a gap in the solar wind."""
    made = joined_maker(nights=20, hours=5, seed=3)
    for name in ("By", "Bz"):
        made[name][20_000:23_000] = np.nan
    return made


@pytest.fixture(scope="module")
def one_band(data) -> xr.Dataset:
    return data.sel(site=["gill", "fsmi"])


@pytest.fixture(scope="module")
def results(data, one_band) -> dict[str, xr.Dataset]:
    field = [BY, [-3.0, -1.0, 0.0, 1.0, 3.0]]
    made = {
        "Bz": occurrence(one_band, "Bz", bins=[BZ], gate=GATE),
        "Bz, bands": occurrence(data, "Bz", bins=[BZ], gate=GATE),
        "Kp": occurrence(one_band, "Kp", gate=Gate(4, 1, 1, 1)),
        "mlt": occurrence(one_band, "mlt", gate=STRICTER),
        "clock_angle": occurrence(one_band, "clock_angle", gate=GATE),
        "newell": occurrence(one_band, "newell", gate=LOOSER),
        "site": occurrence(data, "site", gate=GATE),
        "month": occurrence(one_band, "month", gate=LOOSER),
        "standardised": occurrence(data, "Bz", bins=[BZ], gate=GATE, standardise=["site"]),
        "all classes": occurrence(
            one_band, "Bz", bins=[BZ], gate=GATE, labels=CLASSES, denominator="all", moon="any"
        ),
        "below the gate": occurrence(one_band, "Bz", bins=[BZ]),
        "arc": occurrence(one_band, "month", gate=LOOSER, labels=["arc"]),
        "By and Bz": occurrence(one_band, ["By", "Bz"], bins=field, gate=LOOSER),
        "By and Bz, bands": occurrence(data, ["By", "Bz"], bins=field, gate=LOOSER),
        "mlt and mlat": occurrence(data, ["mlt", "mlat"], gate=STRICTER),
    }
    for name in ("Bz", "By and Bz"):
        masked = made[name]["masked"].isel(label=0)
        there = made[name]["rate"].isel(label=0).notnull()
        assert 0 < int((masked & there).sum()) < int(there.sum()), name
    return made


#: Result and arguments of every kind of figure.
KINDS = [
    ("Bz", {}),
    ("Bz, bands", {}),
    ("Bz, bands", {"band": ">70"}),
    ("mlt", {"projection": "polar"}),
    ("clock_angle", {"projection": "polar"}),
    ("newell", {}),
    ("site", {}),
    ("arc", {}),
    ("all classes", {}),
    ("below the gate", {}),
    ("By and Bz", {}),
    ("By and Bz", {"label": "arc"}),
    ("By and Bz, bands", {}),
    ("mlt and mlat", {}),
    ("mlt and mlat", {"projection": "polar"}),
]


def draw(result, **kwargs) -> dict[tuple[str, str], Axes]:
    return (plot_map if "bin2" in result.dims else plot_occurrence)(result, **kwargs)


def figure_of(panels) -> Figure:
    return next(iter(panels.values())).figure


def render(figure: Figure) -> RendererAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def lettering(figure: Figure, gid: str) -> Text:
    (found,) = [text for text in figure.texts if text.get_gid() == gid]
    return found


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def words(figure: Figure) -> str:
    """All texts of a figure, lines joined."""
    return " | ".join(" ".join(t.get_text().split()) for t in texts(figure))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def points(ax: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    (container,) = [c for c in ax.containers if c.get_label() == label]
    x, y = container.lines[0].get_data()
    return np.asarray(x), np.asarray(y)


def inner(result, name, label):
    """Values of the rows with two edges, in percent where they are rates."""
    keep = np.isfinite(result["lower"].to_numpy()) & np.isfinite(result["upper"].to_numpy())
    return result[name].sel(label=label).to_numpy()[keep]


@pytest.mark.parametrize(("name", "kwargs"), KINDS)
def test_every_figure_is_readable_and_whole(results, name, kwargs):
    figure = figure_of(draw(results[name], **kwargs))
    renderer = render(figure)
    width = figure.get_figwidth() * 25.4
    assert width == pytest.approx(86) or width == pytest.approx(178)
    assert figure.get_figheight() * 25.4 < 230
    page = figure.bbox.padded(1)
    ticks = {
        id(text)
        for ax in figure.axes
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
    # Ticks beyond the limits are not drawn, so that only the whole tells where they end.
    for ax in figure.axes:
        assert page.containsx(ax.get_tightbbox(renderer).x1)
    # The lettering around the panels leaves them alone.
    panels = [ax.get_tightbbox(renderer) for ax in figure.axes]
    top, bottom = max(box.y1 for box in panels), min(box.y0 for box in panels)
    box_of = {
        name: text.get_window_extent(renderer)
        for name, text in (
            ("title", figure._suptitle),
            ("subtitle", lettering(figure, "subtitle")),
            ("axis", figure._supxlabel),
            ("legend", figure.legends[0]),
            ("notes", lettering(figure, "notes")),
        )
    }
    assert box_of["title"].y0 >= box_of["subtitle"].y1 - 1
    assert box_of["subtitle"].y0 >= top - 1
    assert bottom >= box_of["axis"].y1 - 1
    assert box_of["axis"].y0 >= box_of["legend"].y1 - 1
    assert box_of["legend"].y0 >= box_of["notes"].y1 - 1 or not box_of["notes"].height


@pytest.mark.parametrize("name", ["arc", "By and Bz"])
def test_the_title_says_what_is_simulated(results, name):
    given = results[name]
    flags = {"simulated": "false", "model_trained_on": "simulated"}
    for attrs, says in (
        ({"simulated": "true"}, "SIMULATED DATA"),
        (flags, "labels by a model trained on simulated data"),
        ({"simulated": "false", "model_trained_on": "OATH"}, None),
    ):
        title = plots.figure(given.assign_attrs(attrs))._suptitle.get_text()
        flat = title.replace("\n", " ")
        assert flat.startswith("Occurrence of auroral forms by ")
        assert says in flat if says else "simulated" not in flat.lower()
        # Two words that must not be torn apart.
        assert "SIMULATED\n" not in title


def test_given_axes_carry_the_mark_too(results):
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_occurrence(results["Bz, bands"], left)
    plot_map(results["By and Bz"], "arc", right)
    renderer = render(figure)
    for ax in (left, right):
        assert "SIMULATED DATA" in ax.get_title(loc="left")
        box = ax._left_title.get_window_extent(renderer)
        assert box.x1 <= figure.bbox.x1
    assert "all bands (mixes latitudes)" in left.get_title(loc="left")


def test_the_second_line_says_how(results):
    figure = plots.figure(results["Bz"])
    line = " ".join(lettering(figure, "subtitle").get_text().split())
    for part in (
        "2013-12-01 to 2013-12-20, 2 sites",
        "labels: test",
        "MLAT 62–70°",
        "lag 10 min, window 60 min",
        "Moon down or < 30 % lit",
        "Sun at or below −12°",
        f"up to {int(results['Bz']['nights'].max())} nights a bin",
        "95 % jackknife by nights, within the winters observed",
    ):
        assert part in line
    assert "Occurrence rate (% of usable frames)" in words(figure)
    dark = plots.figure(results["all classes"])
    assert "moonlit minutes included" in words(dark)
    assert "Occurrence rate (% of dark frames)" in words(dark)


@pytest.mark.parametrize("label", ["arc", "clear"])
def test_points_bars_and_bins_are_those_of_the_result(results, label):
    result = results["Bz"]
    ax = plot_occurrence(result)[label, "all"]
    masked = inner(result, "masked", label)
    for shown, name in ((~masked, label), (masked, f"_{label} below gate")):
        x, y = points(ax, name)
        centre = (np.array(BZ)[:-1] + np.array(BZ)[1:]) / 2
        np.testing.assert_allclose(x, centre[shown])
        np.testing.assert_allclose(y, 100 * inner(result, "rate", label)[shown])
        (container,) = [c for c in ax.containers if c.get_label() == name]
        for segment, low, high in zip(
            container.lines[2][0].get_segments(),
            inner(result, "ci_low", label)[shown],
            inner(result, "ci_high", label)[shown],
            strict=True,
        ):
            np.testing.assert_allclose(segment[:, 1], [100 * low, 100 * high])
    widths = np.concatenate([c.get_segments() for c in ax.collections if c.get_linewidth() == 0.6])
    spans = sorted(tuple(s[:, 0]) for s in widths if s[0, 1] == s[1, 1])
    assert set(spans) == set(pairwise(BZ))


def test_rates_below_the_gate_are_grey_and_open(results):
    ax = plot_occurrence(results["Bz"])["discrete", "all"]
    by_name = {c.get_label(): c.lines[0] for c in ax.containers}
    colour, marker = plots.CLASS_STYLE["discrete"]
    passed, below = by_name["discrete"], by_name["_discrete below gate"]
    assert (to_hex(passed.get_color()), passed.get_marker()) == (colour.lower(), marker)
    red, green, blue, _ = mpl.colors.to_rgba(below.get_color())
    assert red == green == blue > 0.5
    assert to_hex(below.get_markerfacecolor()) == "#ffffff"
    assert below.get_marker() == marker


def test_each_class_has_a_colour_and_a_marker_of_its_own():
    assert tuple(plots.CLASS_STYLE) == CLASSES
    for values in zip(*plots.CLASS_STYLE.values(), strict=True):
        assert len(set(values)) == len(CLASSES)


def test_the_legend_names_what_is_drawn_and_nothing_else(results):
    pooled = ["rate, 95 % interval", "below the gate"]
    counted = ["usable hours", "nights"]
    assert legend(plots.figure(results["Bz"])) == [
        *pooled,
        "standardised to site, mlt",
        "moonlit minutes included",
        *counted,
    ]
    assert legend(plots.figure(results["Bz, bands"])) == [
        *pooled,
        "all bands (mixes latitudes)",
        "all bands, standardised to site, mlt",
        *counted,
    ]
    assert legend(plots.figure(results["below the gate"])) == ["below the gate", *counted]
    alone = figure_of(plot_occurrence(results["standardised"], band="all"))
    assert "not standardised" in legend(alone)
    assert "rates standardised to site" in words(alone)
    assert legend(plots.figure(results["By and Bz"])) == ["below the gate: hidden", "no frames"]


def test_secondary_marks_are_those_of_the_result(results):
    result = results["Bz"]
    ax = plot_occurrence(result)["arc", "all"]
    (cross,) = [line for line in ax.lines if line.get_marker() == "x"]
    shown = np.where(inner(result, "masked", "arc"), np.nan, inner(result, "rate_moon_any", "arc"))
    np.testing.assert_allclose(cross.get_ydata(), 100 * shown)
    (dashed,) = [p for p in ax.patches if p.get_label() == "_standardised to site, mlt"]
    values, edges, _ = dashed.get_data()
    np.testing.assert_allclose(edges, BZ)
    expected = inner(result, "rate_standardised", "arc")
    np.testing.assert_allclose(
        values, 100 * np.where(inner(result, "masked", "arc"), np.nan, expected)
    )


def test_bands_have_columns_and_the_pooled_curve_is_only_a_grey_line(results):
    result = results["Bz, bands"]
    panels = plot_occurrence(result)
    assert {band for _, band in panels} == {"62-70", ">70"}
    assert [panels["arc", b].get_title() for b in ("62-70", ">70")] == [
        "MLAT 62–70°",
        "MLAT > 70°",
    ]
    for band in ("62-70", ">70"):
        ax = panels["arc", band]
        part = result.sel(band=band)
        _, y = points(ax, "arc")
        rate = inner(part, "band_rate", "arc")[~inner(part, "band_masked", "arc")]
        np.testing.assert_allclose(y, 100 * rate)
        (line,) = [p for p in ax.patches if p.get_label() == "_all bands (mixes latitudes)"]
        red, green, blue, _ = line.get_edgecolor()
        assert red == green == blue
        masked = inner(result, "masked", "arc")
        pooled = np.where(masked, np.nan, inner(result, "rate", "arc"))
        np.testing.assert_allclose(line.get_data().values, 100 * pooled)
        assert panels["exposure", band].get_ylim() == panels["exposure", "62-70"].get_ylim()
    assert panels["arc", "62-70"].get_ylim() == panels["arc", ">70"].get_ylim()


def test_exposure_nights_and_availability_stand_below(results):
    result = results["Bz"]
    panels = plot_occurrence(result)
    keep = np.isin(result["bin"], [f"[{a:g}, {b:g})" for a, b in pairwise(BZ)])
    drawn = {p.get_label(): p.get_data().values for p in panels["exposure", "all"].patches}
    np.testing.assert_allclose(drawn["_exposure"], result["usable_hours"].to_numpy()[keep])
    np.testing.assert_allclose(drawn["_nights"], result["nights"].to_numpy()[keep])
    (line,) = panels["availability", "all"].patches
    np.testing.assert_allclose(line.get_data().values, 100 * result["availability"][keep])
    assert panels["exposure", "all"].get_ylabel() == "hours,\nnights"


def test_bands_show_hours_and_availability_where_the_result_has_them(results):
    result = results["Bz, bands"]
    share = result["band_exposure"].isel(label=0) / result["exposure"].isel(label=0)
    fuller = result.assign(
        band_usable_hours=result["usable_hours"] * share,
        band_availability=share.copy(data=np.full(share.shape, 0.7)),
    )
    panels = plot_occurrence(fuller)
    assert panels["exposure", ">70"].get_ylabel() == ""
    assert panels["exposure", "62-70"].get_ylabel() == "hours,\nnights"
    assert ("availability", ">70") in panels
    bare = result.drop_vars(["band_usable_hours", "band_availability"])
    assert ("availability", ">70") not in plot_occurrence(bare)
    assert "usable frames" in legend(plots.figure(bare))


def test_rows_that_are_not_on_the_axis_are_told_with_their_share(results):
    result = results["Bz"]
    hours = result["usable_hours"]
    text = words(plots.figure(result))
    for name, row in (
        ("below −2", "below"),
        ("from 2 up", "above"),
        ("without a value", "missing"),
    ):
        share = float(hours.sel(bin=row) / hours.sum())
        assert share > 0
        assert f"{name}: {100 * share:.1f} %" in text
    there = result["rate"].notnull() & ~result["bin"].isin(["below", "above", "missing"])
    hidden = int((result["masked"] & there).sum())
    gate = "(8 nights, 3 h, 1 winter, 1 site where pooled)"
    assert f"Grey, below the gate {gate}: {hidden} of {int(there.sum())} rates." in text


def test_axes_carry_names_and_units(results):
    chosen = ("Bz", "newell", "clock_angle", "mlt", "Kp", "By and Bz")
    figures = {name: plots.figure(results[name]) for name in chosen}
    names = {name: figure._supxlabel.get_text() for name, figure in figures.items()}
    assert names["Bz"] == "IMF Bz (GSM, nT)"
    assert names["newell"] == "Newell coupling ((km/s)$^{4/3}$ nT$^{2/3}$)"
    assert names["clock_angle"] == "IMF clock angle (°)"
    assert names["mlt"] == "Magnetic local time (h)"
    assert names["Kp"] == "Kp index"
    assert names["By and Bz"] == "IMF By (GSM, nT)"
    assert figures["By and Bz"]._supylabel.get_text() == "IMF Bz (GSM, nT)"


def test_midnight_is_in_the_middle(results):
    result = results["mlt"]
    panels = plot_occurrence(result)
    ax = panels["arc", "all"]
    assert ax.get_xlim() == (12, 36)
    ticks = panels["availability", "all"].get_xticklabels()
    assert [t.get_text() for t in ticks if 12 <= t.get_position()[0] <= 36] == [
        "12", "15", "18", "21", "0", "3", "6", "9", "12",
    ]  # fmt: skip
    for name in ("arc", "_arc below gate"):
        for x, y in zip(*points(ax, name), strict=True):
            hour = int(np.floor(x)) % 24
            row = result.sel(bin=f"[{hour}, {hour + 1})", label="arc")
            assert y == pytest.approx(100 * float(row["rate"]))


@pytest.mark.parametrize(
    ("name", "zero", "direction", "period"),
    [("mlt", -np.pi / 2, 1, 24.0), ("clock_angle", np.pi / 2, -1, 360.0)],
)
def test_dials_turn_as_clocks_do(results, name, zero, direction, period):
    result = results[name]
    ax = plot_occurrence(result, projection="polar")["diffuse", "all"]
    assert np.cos(ax.get_theta_offset() - zero) == pytest.approx(1)
    assert ax.get_theta_direction() == direction
    drawn = {
        (round(p.get_x() * period / (2 * np.pi), 6), round(p.get_height(), 6)) for p in ax.patches
    }
    part = result.sel(label="diffuse")
    part = part.isel(bin=np.flatnonzero(part["rate"].notnull() & np.isfinite(part["lower"])))
    starts = part["lower"].to_numpy()
    starts = np.where(starts < 12, starts + 24, starts) if name == "mlt" else starts
    expected = zip(starts, 100 * part["rate"].to_numpy(), strict=True)
    turned = {(a % period, b) for a, b in drawn}
    assert turned == {(round(a % period, 6), round(b, 6)) for a, b in expected}


def test_uneven_bins_are_spread_out_with_ticks_at_edges(results):
    result = results["newell"]
    panels = plot_occurrence(result)
    ax = panels["availability", "all"]
    assert ax.get_xscale() == "asinh"
    edges = set(result["lower"].to_numpy()) | set(result["upper"].to_numpy())
    assert 4 <= len(ax.get_xticks()) <= 12
    assert set(ax.get_xticks()) <= edges
    x, _ = points(panels["arc", "all"], "arc")
    lower = ax.transData.transform(np.stack([result["lower"][1:-2], 0 * result["lower"][1:-2]], 1))
    upper = ax.transData.transform(np.stack([result["upper"][1:-2], 0 * result["lower"][1:-2]], 1))
    passed = ~inner(result, "masked", "arc")
    seen = ax.transData.transform(np.stack([x, 0 * x], 1))[:, 0]
    np.testing.assert_allclose(seen, (lower[passed, 0] + upper[passed, 0]) / 2, atol=0.01)


def test_an_axis_ends_where_the_frames_do(results):
    """Kp reaches 6 in these data; half a page of Kp that no one saw would be wasted."""
    result = results["Kp"]
    seen = np.flatnonzero(result["nights"].to_numpy())
    assert seen.size < result.sizes["bin"] - 3
    ax = plot_occurrence(result)["arc", "all"]
    assert ax.get_xlim() == (float(result["lower"][seen[0]]), float(result["upper"][seen[-1]]))
    x, y = points(ax, "arc")
    for kp, rate in zip(x, y, strict=True):
        row = result.sel(label="arc").isel(bin=result["lower"].to_numpy() == kp - 0.5)
        assert rate == pytest.approx(100 * float(row["rate"].item()))


def test_the_clock_has_a_bin_for_each_direction(results):
    """Purely southward IMF is the middle of one bin, so the axis does not begin within it."""
    ax = plot_occurrence(results["clock_angle"])["arc", "all"]
    assert ax.get_xlim() == (-157.5, 202.5)
    x = np.concatenate([points(ax, name)[0] for name in ("arc", "_arc below gate")])
    assert {-90.0, 0.0, 90.0, 180.0} <= set(x)


def test_a_standardised_rate_of_another_mix_is_not_drawn(results):
    result = results["Bz"].copy()
    name = "_standardised to site, mlt"
    weight = result["standardised_weight"].to_numpy().copy()
    keep = np.flatnonzero(~result["masked"].sel(label="arc").to_numpy())
    weight[1:] = 1.0
    weight[keep[0]] = 0.79
    result["standardised_weight"] = ("bin", weight)
    (line,) = [p for p in plot_occurrence(result)["arc", "all"].patches if p.get_label() == name]
    drawn = np.isfinite(line.get_data().values)
    assert not drawn[keep[0] - 1]
    assert drawn[keep[1:] - 1].all()
    result["standardised_weight"] = ("bin", np.full(weight.size, 0.79))
    assert "standardised to site, mlt" not in legend(plots.figure(result))


@pytest.mark.parametrize(("name", "projection"), [("Bz", None), ("clock_angle", "polar")])
def test_rates_without_any_interval_are_drawn(results, name, projection):
    result = results[name].copy()
    for end in ("ci_low", "ci_high"):
        result[end] = xr.full_like(result[end], np.nan)
    ax = plot_occurrence(result, projection=projection)["arc", "all"]
    assert ax.containers
    if projection is None:
        x, _ = points(ax, "arc")
        assert x.size == int((~inner(result, "masked", "arc")).sum())


def test_hours_below_a_half_stand_on_the_axis(results):
    """Labels of a few frames: the bars rise from below the shortest one."""
    result = results["Bz"].copy()
    result["usable_hours"] = result["usable_hours"] * 0.01
    ax = plot_occurrence(result)["exposure", "all"]
    (bars,) = [patch for patch in ax.patches if patch.get_label() == "_exposure"]
    data = bars.get_data()
    assert (data.values[np.isfinite(data.values)] >= data.baseline).all()
    assert ax.get_ylim()[0] <= data.baseline < 0.5


def test_sites_stand_in_the_order_of_their_latitude(results):
    result = results["site"].drop_vars("mlat", errors="ignore")
    plain = plot_occurrence(result)["availability", "all"]
    assert [t.get_text() for t in plain.get_xticklabels()] == ["fsmi", "gill", "rank"]
    known = result.assign_coords(mlat=("bin", [67.3, 66.0, 72.3, np.nan]))
    panels = plot_occurrence(known)
    names = [t.get_text() for t in panels["availability", "all"].get_xticklabels()]
    assert names == ["gill 66°", "fsmi 67°", "rank 72°"]
    x, y = points(panels["arc", "all"], "arc")
    for place, site in enumerate(("gill", "fsmi", "rank")):
        rate = float(result["rate"].sel(bin=site, label="arc"))
        assert y[x == place] == pytest.approx(100 * rate)


def test_a_wild_rate_below_the_gate_does_not_flatten_the_others(results):
    result = results["Bz"].copy(deep=True)
    masked = result["masked"].sel(label="arc")
    first = result["bin"].to_numpy()[1]
    assert bool(masked.sel(bin=first))
    result["rate"].loc[{"bin": first, "label": "arc"}] = 0.97
    ax = plot_occurrence(result)["arc", "all"]
    assert ax.get_ylim()[1] < 70
    (text,) = ax.texts
    assert text.get_text() == "97↑"
    assert text.get_position()[0] == pytest.approx(-1.5)


def test_a_map_shows_rates_and_hides_what_is_below_the_gate(results):
    result = results["By and Bz"]
    panels = plot_map(result)
    inside = {d: ~result[d].isin(["below", "above", "missing"]) for d in ("bin", "bin2")}
    scales = set()
    for label in ("arc", "diffuse", "discrete", "clear"):
        ax = panels[label, "all"]
        part = result.sel(label=label).isel({d: np.flatnonzero(k) for d, k in inside.items()})
        grey, mesh = ax.collections[:2]
        shown = part["rate"].where(~part["masked"]).transpose("bin2", "bin")
        np.testing.assert_allclose(mesh.get_array().filled(np.nan), 100 * shown)
        scales.add((mesh.norm.vmin, mesh.norm.vmax))
        there = part["rate"].notnull()
        hidden, full = int((part["masked"] & there).sum()), int(there.sum())
        assert 0 < hidden < full
        assert ax.get_title(loc="left") == f"{label}: {hidden} of {full} hidden"
        assert grey.get_hatch()
        assert len(grey.get_paths()) == hidden
        assert ax.get_aspect() == 1
    passed = result["rate"].where(~result["masked"])
    passed = passed.isel({d: np.flatnonzero(k) for d, k in inside.items()})
    ((low, high),) = scales
    assert low == 0
    assert high == pytest.approx(100 * float(passed.max()))
    note = words(figure_of(panels))
    hours = result["usable_hours"]
    outside = 1 - float(
        hours.isel({d: np.flatnonzero(k) for d, k in inside.items()}).sum()
    ) / float(hours.sum())
    assert f"without a driver value: {100 * outside:.1f} % of usable hours" in note
    alone = plot_map(result, "arc")["arc", "all"]
    assert alone.get_title(loc="left").endswith("cells hidden")


def test_by_lies_along_x_however_it_is_asked_for(one_band, results):
    bins = [[-3.0, -1.0, 0.0, 1.0, 3.0], BY]
    turned = occurrence(one_band, ["Bz", "By"], bins=bins, gate=LOOSER)
    ours, theirs = (
        plot_map(r, "arc")["arc", "all"].collections[1].get_array()
        for r in (turned, results["By and Bz"])
    )
    np.testing.assert_allclose(ours.filled(np.nan), theirs.filled(np.nan))
    assert plots.figure(turned)._supxlabel.get_text() == "IMF By (GSM, nT)"


def test_maps_have_a_row_for_each_band(results):
    panels = plot_map(results["By and Bz, bands"])
    assert set(panels) == {
        (label, band)
        for label in ("arc", "diffuse", "discrete", "clear")
        for band in ("62-70", ">70")
    }
    assert panels["arc", ">70"].get_ylabel() == "MLAT > 70°"
    pooled = plot_map(results["By and Bz, bands"], band="all")
    assert {band for _, band in pooled} == {"all"}
    assert "all bands (mixes latitudes)" in words(figure_of(pooled))


def test_the_pole_is_in_the_middle_of_a_dial_of_latitudes(results):
    ax = plot_map(results["mlt and mlat"], "arc", projection="polar")["arc", "all"]
    mesh = ax.collections[1]
    radii = mesh.get_coordinates()[..., 1]
    assert radii.min() == 90 - 80
    assert radii.max() == 90 - 56


def test_arguments_are_passed_through(results):
    ax = plot_occurrence(results["Bz"], markersize=9, capsize=3)["arc", "all"]
    (container,) = [c for c in ax.containers if c.get_label() == "arc"]
    assert container.lines[0].get_markersize() == 9
    assert len(container.lines[1]) == 2
    mesh = plot_map(results["By and Bz"], "arc", vmax=50, cmap="cividis")["arc", "all"].collections[
        1
    ]
    assert (mesh.norm.vmax, mesh.cmap.name) == (50, "cividis")


def test_given_axes_hold_all_classes_side_by_side(results):
    ax = Figure().subplots()
    panels = plot_occurrence(results["Bz"], ax)
    assert set(panels.values()) == {ax}
    places = [points(ax, label)[0][0] for label in ("arc", "diffuse", "discrete", "clear")]
    assert places == sorted(places)
    assert len(set(places)) == 4
    assert ax.get_xlabel() == "IMF Bz (GSM, nT)"
    assert ax.get_ylabel() == "Occurrence rate (% of usable frames)"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "arc",
        "diffuse",
        "discrete",
        "clear",
    ]


@pytest.mark.parametrize(
    ("name", "draw_it", "match"),
    [
        ("By and Bz", plot_occurrence, "by 2 drivers; draw it with plot_map"),
        ("Bz", plot_map, "by 1 driver; draw it with plot_occurrence"),
        ("Bz", lambda r: plot_occurrence(r, band="55-60"), "'55-60': this result holds all"),
        ("Bz, bands", lambda r: plot_occurrence(r, band="x"), "holds 62-70, >70, all"),
        ("Bz", lambda r: plot_occurrence(r, projection="polar"), "mlt, hour, clock_angle.*got Bz"),
        ("mlt", lambda r: plot_occurrence(r, projection="3d"), "'3d': expected 'polar'"),
        ("By and Bz", lambda r: plot_map(r, "fog"), "fog: this result holds arc, diffuse"),
        ("By and Bz", lambda r: plot_map(r, []), "label nothing"),
        (
            "mlt",
            lambda r: plot_occurrence(r, Figure().subplots(), projection="polar"),
            "leave out ax",
        ),
        (
            "mlt and mlat",
            lambda r: plot_map(r, "arc", Figure().subplots(), projection="polar"),
            "'rectilinear', but projection='polar'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(results, name, draw_it, match):
    with pytest.raises(UsageError, match=match):
        draw_it(results[name])


def test_something_else_than_a_result_is_told():
    with pytest.raises(UsageError, match=r"expected a result of .* got the variables counts"):
        plots.figure(xr.Dataset({"counts": ("bin", [1, 2])}))


def test_a_result_from_a_file_gives_the_same_figure(results, tmp_path):
    from auroral_stats.tables import write_netcdf

    for name in ("arc", "By and Bz"):
        path = write_netcdf(results[name], tmp_path / f"{name}.nc")
        with xr.open_dataset(path) as opened:
            again = plots.figure(opened.load())
        assert words(again) == words(plots.figure(results[name]))
        pictures = []
        for figure in (again, plots.figure(results[name])):
            pictures.append(np.asarray(render(figure).buffer_rgba()))
        np.testing.assert_array_equal(*pictures)


def test_files_say_which_figure_they_are(results, tmp_path):
    figure = plots.figure(results["Bz"])
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    for suffix, magic in starts.items():
        path = save_figure(figure, tmp_path / "deep" / f"Bz{suffix}")
        assert path.read_bytes().startswith(magic)
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["Bz.pdf", "Bz.png", "Bz.svg"]
    with Image.open(tmp_path / "deep" / "Bz.png") as picture:
        assert picture.info["dpi"][0] >= 200
        assert "SIMULATED DATA" in picture.info["Title"]
        assert picture.info["Software"] == results["Bz"].attrs["software"]
        assert results["Bz"].attrs["parameters"] in picture.info["Description"]
    content = (tmp_path / "deep" / "Bz.pdf").read_bytes()
    assert b"SIMULATED DATA" in content
    # Type 3 fonts are what journals send back.
    assert b"/Type3" not in content
    assert "SIMULATED DATA" in (tmp_path / "deep" / "Bz.svg").read_text()


@pytest.mark.parametrize("name", ["Bz.jpg", "Bz", "Bz.png.txt"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    told = re.escape(f"--plot {tmp_path / name}: expected a name that ends in .png, .pdf or .svg.")
    with pytest.raises(UsageError, match=f"^{told}$"):
        save_figure(Figure(), tmp_path / name)
    with pytest.raises(UsageError, match=f"^{told}$"):
        plots.check_figure_name(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_figure_is_checked_without_matplotlib():
    code = (
        "import sys; from pathlib import Path\n"
        "from auroral_stats.figure_files import check_figure_name\n"
        "for name in ('Bz.png', 'Bz.PDF', 'deep/Bz.svg'): check_figure_name(Path(name))\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unwritable_place_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ArchiveError, match=r"Bz\.png: cannot be written"):
        save_figure(Figure(), blocked / "Bz.png")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


class Unfinished(Artist):
    """Something that cannot be drawn to its end."""

    def draw(self, renderer):
        raise RuntimeError("half way")


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_a_failing_figure_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"figure{suffix}"
    path.write_text("the one before")
    figure = Figure()
    figure.add_artist(Unfinished())
    with pytest.raises(RuntimeError, match="half way"):
        save_figure(figure, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "the one before"


def test_settings_and_pyplot_stay_untouched_in_threads(results, tmp_path):
    before = dict(mpl.rcParams)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for suffix in (".pdf", ".png"):
                save_figure(plots.figure(results["arc"]), tmp_path / f"{number}{suffix}")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    assert len({p.read_bytes() for p in tmp_path.glob("*.png")}) == 1


def test_parameters_of_the_result_are_not_needed(results):
    """Results of other hands may lack what only the lettering uses."""
    bare = results["Bz"].copy()
    kept = ("driver", "driver_label", "simulated")
    bare.attrs = {key: bare.attrs[key] for key in kept}
    assert json.loads(results["Bz"].attrs["parameters"])["moon"] == "down"
    figure = plots.figure(bare)
    assert "nights a bin" in words(figure)
    assert "Moon" not in words(figure)
