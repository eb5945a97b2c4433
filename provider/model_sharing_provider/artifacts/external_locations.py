"""External locations: folders of somebody else's whose models are shared in place, read and never written.

A location is spelled in one way, `scheme://bucket/path`, without escapes and without a slash at the end, so
that comparing and joining are plain work on text. The allow-list is looked at whenever something is opened:
a location that is taken off the list stops being served.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from obstore.store import LocalStore, ObjectStore

from model_sharing_protocol.errors import InvalidParameter, PermissionDenied
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.artifacts.store_urls import open_bucket

SETTING = "MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS"
_FILE = "file://"
_PARTS = re.compile(
    r"(?P<root>file://|(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<path>.*))?", re.DOTALL
)


def parse_location(url: str) -> str:
    """The one spelling of a location. Raises InvalidParameter, or UnsafePath for a path like `a/../b`.

    In `file:` URLs `%20` is a space, as everywhere; the keys of object stores are taken as they are written.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise InvalidParameter(
            f"{url!r} is no external location; write file:///folder, s3://bucket/folder, gs://bucket/folder "
            "or az://container/folder."
        )
    root, path = parts["root"], (parts["path"] or "").rstrip("/")
    if root == _FILE:
        path = unquote(path)
    return f"{root}/{check_relative_path(path)}" if path else root


class ExternalLocations:
    """What an administrator allowed to be shared in place; nothing unless told otherwise.

    Credentials for object stores are found where the cloud's own tools look: in the environment, or in the
    identity of the machine.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed` as `parse_location` spells them."""
        self.allowed = tuple(allowed)
        self._stores: dict[str, ObjectStore] = {}

    def check(self, location: str) -> None:
        """Raises PermissionDenied for what is not in an allowed location."""
        if not any(f"{location}/".startswith(f"{allowed}/") for allowed in self.allowed):
            raise PermissionDenied(
                "These files lie outside the external locations that this provider may read; "
                f"its administrator allows them with {SETTING}."
            )

    async def open(self, location: str) -> tuple[ObjectStore, str]:
        """The store that holds a file or folder, and its path there. Raises PermissionDenied."""
        self.check(location)
        root, path = _split(location)
        if root == _FILE:
            await asyncio.to_thread(self._check_links, path)
        if root not in self._stores:
            self._stores[root] = LocalStore("/") if root == _FILE else open_bucket(root)
        return self._stores[root], path

    def _check_links(self, path: str) -> None:
        """A symbolic link may lead to another allowed folder, and nowhere else."""
        real = Path("/", path).resolve()
        roots = (_split(allowed) for allowed in self.allowed)
        if not any(root == _FILE and real.is_relative_to(Path("/", top).resolve()) for root, top in roots):
            raise PermissionDenied(
                f"{Path(path).name!r} is a symbolic link, or lies behind one, that leads out of the external "
                "locations that this provider may read."
            )


def _split(location: str) -> tuple[str, str]:
    parts = _PARTS.fullmatch(location)
    if parts is None:
        raise InvalidParameter(f"{location!r} is no external location.")
    return parts["root"], parts["path"] or ""
