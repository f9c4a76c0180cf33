"""Sphinx configuration. Builds without network, warnings as errors: `make docs`."""

import sys
from importlib.util import find_spec
from pathlib import Path

import auroral_stats

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import gallery
import reference_pages

project = "auroral_stats"
author = "The auroral_stats developers"
copyright = f"2026, {author}"
version = release = auroral_stats.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "reference_pages",
    "demo_output",
    "gallery",
]

root_doc = "index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# What reference_pages writes is included by other pages, except the API pages.
exclude_patterns = ["_build", "reference/generated"]
nitpicky = True
# No inventories of other projects are fetched, so only names of our own can be checked.
nitpick_ignore_regex = [(r"py:.*", r"(?!auroral_stats|classifier).*")]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist", "smartquotes"]
myst_heading_anchors = 3
# In docstrings quotes stand around strings of code; prose has MyST's own smart quotes.
smartquotes = False
myst_links_external_new_tab = False

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_mock_imports = [name for name in reference_pages.OPTIONAL if find_spec(name) is None]
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
sphinx_gallery_conf = gallery.CONFIGURATION

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"auroral_stats {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "auroral_stats"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "back_to_top_button": False,
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {"index": []}
