"""Formulas as MathML, converted at build time, so that no page fetches a script from elsewhere."""

from html import escape

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)


def converted(node, **how):
    """Return a formula as MathML, or as it is written with a warning that names its place."""
    try:
        return tex2mathml(node.astext(), **how)
    except MathError as error:
        logger.warning("a formula cannot be shown: %s", error, location=node)
        return f"<code>{escape(node.astext())}</code>"


def visit_inline(translator, node):
    translator.body.append(converted(node))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append(converted(node, as_block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
