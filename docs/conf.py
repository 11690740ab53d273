"""Configuration of the documentation site: `make docs` builds it into `build/docs`.

The site uses no asset from elsewhere, so it can be read offline and from a folder (`file://`).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import vifex  # noqa: E402

project = "Vifex"
author = "The Vifex authors"
copyright = "2026, The Vifex authors"
version = release = vifex.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Pages are Markdown that also reads well on a code host: links name files, and headings have anchors.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_fence_as_directive: list[str] = []

# Docstrings are in Google's style; a word in single backticks is code.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Source", "notes_style")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False

# Every link to a page, a heading or a file must resolve. Types are not links: most are of other projects,
# whose inventories would have to be fetched.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = f"Vifex {release}"
html_static_path = ["_static"]
html_css_files = ["vifex.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c5c", "color-brand-content": "#0b6e6e"},
    "dark_css_variables": {"color-brand-primary": "#6fd0c8", "color-brand-content": "#7fd8d0"},
}


_plain: dict[str, list[str]] = {}


def _divider(code: re.Match[str]) -> str:
    """Give what ends a literal in front of a letter."""
    return "\\ " if code.string[code.end() : code.end() + 1].isalnum() else ""


def _before_napoleon(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn single backticks into reStructuredText's literals; keep what an attribute says."""
    code = re.compile(r"``\s?(.+?)\s?``|`([^`]+)`", re.DOTALL)
    text = code.sub(lambda m: f"``{m[1] or m[2]}``" + _divider(m), "\n".join(lines))
    lines[:] = text.split("\n")
    if what in ("attribute", "property"):
        _plain[name] = list(lines)
    if what == "module":
        lines.clear()  # the page itself says what the package is


def _after_napoleon(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Undo that Napoleon takes the words before a colon for the type of an attribute."""
    if what in ("attribute", "property"):
        lines[:] = _plain.pop(name)


def setup(app: Sphinx) -> None:
    """Register what this configuration adds."""
    app.connect("autodoc-process-docstring", _before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=600)
