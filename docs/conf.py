"""Sphinx configuration of the documentation: `make docs` builds it into `build/docs`.

Nothing is fetched while it is built, and the pages call nothing outside: Furo ships its own styles and
scripts.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))
sys.path.insert(0, str(DOCS.parent / "tests"))  # where the privilege matrix is

project = "model-sharing"
author = "The model-sharing authors"
release = version = version_of("model-sharing")
html_title = f"{project} {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "generated_reference",
    "repository_links",
]
exclude_patterns = ["extensions"]
nitpicky = False  # docstrings name types of the standard library, whose index would have to be fetched

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_copy_source = False
highlight_language = "none"  # of blocks that name none, such as log lines
smartquotes = False  # command lines in help texts keep their dashes and quotes
html_show_sphinx = False
