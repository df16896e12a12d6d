"""Sphinx's settings; `make site` runs it on what `sources.py` has written."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import terms
from places import SITE, repository

import pg_edu

project = "pg_edu"
author = "the pg_edu authors"
copyright = "the pg_edu authors, MIT license"
version = release = pg_edu.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]

# Notebooks are shown as they were executed.
nb_execution_mode = "off"
nb_render_text_lexer = "text"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["amsmath", "attrs_block", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
pygments_style = "default"

html_theme = "pydata_sphinx_theme"
html_title = "pg_edu: REINFORCE, proved by running it"
html_static_path = [str(SITE / "static")]
templates_path = [str(SITE / "templates")]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = str(SITE / "static" / "favicon.svg")
html_copy_source = False
html_show_sourcelink = False
html_theme_options: dict[str, Any] = {
    "logo": {"text": "pg_edu"},
    "navbar_align": "left",
    "navbar_persistent": ["search-field-button"],
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
}
# These pages have no pages below them.
html_sidebars: dict[str, list[str]] = {
    page: [] for page in ("index", "exercises", "museum", "docs/GLOSSARY", "search", "genindex")
}
html_context = {"default_mode": "auto"}
if repository():
    html_theme_options["github_url"] = repository()

mathjax_path = "mathjax/tex-chtml-full.js"
mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
    "options": {"enableMenu": False},
    "chtml": {"mtextInheritFont": True},
}


def setup(app: Any) -> None:
    """Read docstrings as plain text, before napoleon does, and link the terms of the glossary."""
    app.connect("autodoc-process-docstring", docstrings.prepare, priority=400)
    app.connect("doctree-resolved", terms.link_terms)
    app.connect("html-page-context", make_accessible)


def make_accessible(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mend what a screen reader would read wrongly.

    MyST-NB's folds have labels that say less than the text that one sees. Sphinx writes a signature
    of several lines as a list of definitions without terms.
    """
    if "body" in context:
        body = context["body"].replace(' aria-label="Toggle hidden content"', "")
        signature = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
        context["body"] = signature.sub(lambda found: _without_lists(found[0]), body)


def _without_lists(signature: str) -> str:
    plain = re.sub(r"<dl>", '<div class="parameters">', signature)
    return re.sub(r"<dd>", "<div>", plain).replace("</dl>", "</div>").replace("</dd>", "</div>")
