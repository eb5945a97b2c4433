"""Locations of folders in object stores and on disks, in canonical form: `scheme://bucket/path`.

The form has no escapes and no trailing slash, so locations can be compared and joined as text.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.paths import check_relative_path

FILE_SCHEME = "file://"
_PARTS = re.compile(
    r"(?P<root>file://|(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<path>.*))?", re.DOTALL
)


def parse_location(url: str) -> str:
    """Parse a location to its canonical form. Raises InvalidParameter, or UnsafePath for `a/../b`.

    In `file:` URLs `%20` is a space, as usual; the keys of object stores are taken literally.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise InvalidParameter(
            f"{url!r} is not an external location; write it like file:///folder, s3://bucket/folder, "
            "gs://bucket/folder or az://container/folder."
        )
    root, path = parts["root"], (parts["path"] or "").rstrip("/")
    if root == FILE_SCHEME:
        path = unquote(path)
    return f"{root}/{check_relative_path(path)}" if path else root


def split_location(location: str) -> tuple[str, str]:
    """Root of a location, such as `s3://bucket`, and the path below it. Raises InvalidParameter."""
    parts = _PARTS.fullmatch(location)
    if parts is None:
        raise InvalidParameter(f"{location!r} is not an external location.")
    return parts["root"], parts["path"] or ""
