"""Links from a page to files of the repository that are not pages, such as examples and CONTRIBUTING.md.

In the repository they are relative paths; in the site they become addresses of the repository's host.
"""

from __future__ import annotations

import re
from importlib.metadata import metadata
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

    def replaced(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        if not target.exists():
            _log.warning("%s is not in the repository", link["path"], location=page)
        path = target.relative_to(docs.parent).as_posix()
        return f"]({repository()}/blob/main/{path}{link['anchor'] or ''})"

    source[0] = _LINK.sub(replaced, source[0])


def repository() -> str:
    """The address of the repository, as the package's metadata has it."""
    urls = dict(entry.split(", ", 1) for entry in metadata("model-sharing").get_all("Project-URL") or [])
    return urls.get("Repository") or urls.get("Source") or "https://github.com/model-sharing/model-sharing"


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", link_to_repository)
    return {"version": "1", "parallel_read_safe": True}
