"""The scripts in ``analyses/`` as a gallery, made by sphinx-gallery; quick ones are run.

Scripts that are not in :data:`RUN` need torch, data of one's own, or minutes. Their pages show the
code, and what to call it with.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx
from sphinx_gallery.scrapers import figure_rst

DOCS = Path(__file__).resolve().parent.parent

# Where what they write goes, and what their output calls it: the folder they take by default.
_OUT, _CALLED = DOCS / "_build" / "analyses", "output/analyses"
_SKY = _OUT / "sky_film_strips"

#: Run while the documentation is built, on the demo world, within seconds each and without torch;
#: the arguments of those that do not take the common ones.
RUN: dict[str, tuple[str, ...]] = {
    "occurrence_solar_wind": (),
    "occurrence_imf": (),
    "occurrence_indices": (),
    "mlt_dials": (),
    "seasons": (),
    "geoeffectiveness": (),
    "substorm_epochs": (),
    "human_labels": (),
    "sky_film_strips": ("--classes", f"{_SKY}/classes.png", "--strips", f"{_SKY}/strips.png"),
}


def arguments(_conf: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the command line of a script that is run."""
    return list(RUN.get(Path(script["src_file"]).stem, ())) or ["--out", str(_OUT)]


def saved_figures(_block: Any, script: dict[str, Any], conf: dict[str, Any]) -> str:
    """Show the figures of a script that hands none to pyplot: what it wrote in its own folder."""
    shown = []
    for path in sorted((_OUT / Path(script["src_file"]).stem).glob("*.png")):
        shown.append(next(script["image_path_iterator"]))
        with Image.open(path) as image:
            image.thumbnail((1400, 4000))
            image.convert("RGB").save(shown[-1], optimize=True)
    return figure_rst(shown, conf["src_dir"]) if shown else ""


class Order:
    """Scripts that are run come first, in the order of :data:`RUN`; then the others by name."""

    def __init__(self, _folder: str) -> None:
        pass

    def __call__(self, name: str) -> tuple[int, str]:
        place = {f"{stem}.py": number for number, stem in enumerate(RUN)}
        return place.get(name, len(RUN)), name


CONFIGURATION: dict[str, Any] = {
    "examples_dirs": "../analyses",
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/({'|'.join(RUN)})\.py$",
    "within_subsection_order": "gallery.Order",
    "reset_argv": "gallery.arguments",
    "image_scrapers": ("matplotlib", "gallery.saved_figures"),
    "notebook_extensions": set(),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 3600,
    "capture_repr": (),
    "image_srcset": ["2x"],
    "log_level": {"backreference_missing": "debug"},
}


def finish_page(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give a page the title that its script lacks, and call files what the reader's are called."""
    if not name.startswith("gallery/") or name == "gallery/index":
        return
    text = source[0].replace(str(_OUT), _CALLED).replace(str(Path.home()), "~")
    # What follows the label of the page is the docstring; a title in it is underlined.
    head = re.search(r"\.\. _sphx_glr_[^\n]+:\n\s*\n(?P<title>[^\n]+)\n(?P<rule>=*)", text)
    if head and not head["rule"]:
        title = head["title"].rstrip(".")
        text = (
            f"{text[: head.start('title')]}{title}\n{'=' * len(title)}{text[head.end('title') :]}"
        )
    source[0] = text


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", finish_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
