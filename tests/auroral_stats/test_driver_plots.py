"""Drivers side by side: what is drawn is what the results hold, and it can be read."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from auroral_stats.driver_plots import plot_drivers
from auroral_stats.errors import DataError, UsageError
from auroral_stats.gate import Gate
from auroral_stats.occurrence import occurrence
from auroral_stats.plots import CLASS_STYLE

GATE = Gate(min_nights=8, min_hours=3, min_winters=1, min_sites=1)
LOOSER = Gate(min_nights=4, min_hours=1, min_winters=1, min_sites=1)
BZ = [-2.0, -1.0, 0.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def data(joined_maker):
    made = joined_maker(nights=20, hours=5, seed=3, sites=("gill", "fsmi"))
    made["Bz"][20_000:23_000] = np.nan
    return made


@pytest.fixture(scope="module")
def results(data):
    return [
        occurrence(data, "Bz", bins=[BZ], gate=GATE),
        occurrence(data, "Kp", gate=LOOSER),
        occurrence(data, "month", gate=LOOSER),
    ]


@pytest.fixture(scope="module")
def panels(results):
    return plot_drivers(results, "this and that")


def figure_of(panels):
    return next(iter(panels.values())).figure


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def test_points_are_the_rates_of_the_result(panels, results):
    for result in results:
        driver = result.attrs["driver"]
        for label in result["label"].values:
            drawn = []
            for container in panels[label, driver].containers:
                colour = to_hex(container.lines[0].get_color())
                masked = str(container.get_label()).startswith("_")
                assert colour == to_hex("0.6" if masked else CLASS_STYLE[label][0])
                part = result.sel(label=label)
                keep = (part["masked"] == masked) & part["rate"].notnull()
                if driver != "month":
                    keep &= np.isfinite(part["lower"]) & np.isfinite(part["upper"])
                expected = 100 * part["rate"].values[keep.values]
                np.testing.assert_allclose(container.lines[0].get_ydata(), expected)
                drawn.append(masked)
            assert False in drawn
    assert any(bool(result["masked"].any()) for result in results)


def test_a_class_has_one_scale_for_all_drivers(panels):
    for label in ("arc", "diffuse", "discrete", "clear"):
        assert len({panels[label, d].get_ylim() for d in ("Bz", "Kp", "month")}) == 1
    assert len({panels["exposure", d].get_ylim() for d in ("Bz", "Kp", "month")}) == 1


def test_the_page_says_what_it_shows(panels, results):
    said = " | ".join(" ".join(t.get_text().split()) for t in texts(figure_of(panels)))
    assert "Occurrence of auroral forms by this and that: SIMULATED DATA" in said
    assert "IMF Bz (GSM, nT)" in said
    assert "Kp index" in said
    assert "a) lag 10 min, window 60 min; b) lag 0 min, window 0 min." in said
    assert "Usable hours not on an axis: a) " in said
    # One note for each gate, with its own numbers.
    first = results[0]
    inner = first.isel(bin=np.flatnonzero(np.isfinite(first["lower"] + first["upper"])))
    there = inner["rate"].notnull()
    hidden = int((inner["masked"] & there).sum())
    assert f"(8 nights, 3 h, 1 winter, 1 site where pooled): {hidden} of {int(there.sum())}" in said
    assert "(4 nights, 1 h, 1 winter, 1 site where pooled)" in said
    legend = [text.get_text() for text in figure_of(panels).legends[0].get_texts()]
    assert len(set(legend)) == len(legend)
    assert {"rate, 95 % interval", "below the gate", "nights"} <= set(legend)


def test_without_a_title_the_drivers_are_named(results):
    def title(chosen):
        return " ".join(figure_of(plot_drivers(chosen)).get_suptitle().split())

    assert "by IMF Bz (GSM), Kp index and month" in title(results)
    assert "by Kp index: SIMULATED" in title(results[1:2])


def test_letters_are_on_the_page_and_apart(panels):
    figure = figure_of(panels)
    assert figure.get_figwidth() * 25.4 == pytest.approx(178)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    page = figure.bbox
    boxes = {}
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        # Tick labels outside the limits are there, but are not drawn.
        if text.get_gid() or text in {*figure.texts, *figure.legends[0].get_texts()}:
            boxes[text.get_text()] = box
    for ax in figure.axes:
        boxes[f"x {id(ax)}"] = ax.xaxis.label.get_window_extent(renderer)
        boxes[f"y {id(ax)}"] = ax.yaxis.label.get_window_extent(renderer)
        boxes[f"panel {id(ax)}"] = ax.get_window_extent(renderer)
    for name, box in boxes.items():
        assert page.x0 - 1 <= box.x0, name
        assert box.x1 <= page.x1 + 1, name
        assert page.y0 - 1 <= box.y0, name
        assert box.y1 <= page.y1 + 1, name
    filled = [(name, box.shrunk(0.98, 0.9)) for name, box in boxes.items() if box.width > 1]
    for place, (name, box) in enumerate(filled):
        for other, second in filled[place + 1 :]:
            assert not box.overlaps(second), (name, other)


def test_results_that_do_not_belong_together_are_refused(data, results):
    with pytest.raises(UsageError, match="expected one result or more"):
        plot_drivers([])
    with pytest.raises(UsageError, match="a driver comes twice"):
        plot_drivers([results[0], results[0]])
    with pytest.raises(UsageError, match="differ in label"):
        plot_drivers([results[0], occurrence(data, "Kp", labels=["arc"])])
    with pytest.raises(UsageError, match="differ in moon"):
        plot_drivers([results[0], occurrence(data, "Kp", moon="any")])
    with pytest.raises(UsageError, match="by 2 drivers"):
        plot_drivers([occurrence(data, ["By", "Bz"], bins=[BZ, BZ])])
    real = results[1].copy()
    real.attrs["simulated"] = "false"
    with pytest.raises(DataError, match="simulated and real"):
        plot_drivers([results[0], real])
