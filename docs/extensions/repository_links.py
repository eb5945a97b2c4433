"""Links from a page to files of the repository that are not pages, such as examples and CONTRIBUTING.md.

In the repository they are relative paths; in the site they become addresses of the repository's host.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

_LINK = re.compile(r"\]\((?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")
_log = logging.getLogger(__name__)


def link_to_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace each relative link that leads out of the documentation's folder."""
    docs = Path(app.srcdir)
    folder = (docs / page).parent
    address = repository(docs.parent)

    def replaced(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        if not target.exists():
            _log.warning("%s is not in the repository", link["path"], location=page)
        path = target.relative_to(docs.parent).as_posix()
        return f"]({address}/blob/main/{path}{link['anchor'] or ''})"

    source[0] = _LINK.sub(replaced, source[0])


def repository(top: Path) -> str:
    """The address of the repository, as `pyproject.toml` has it."""
    project = tomllib.loads((top / "pyproject.toml").read_text())["project"]
    return str(project["urls"]["Repository"])


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", link_to_repository)
    return {"version": "1", "parallel_read_safe": True}
