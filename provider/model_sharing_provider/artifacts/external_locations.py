"""External locations: folders whose models are shared in place, read and never written.

The allow-list is checked whenever a file is opened: a location removed from it is no longer served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_provider.artifacts.backends.backend import StoreBackend
from model_sharing_provider.artifacts.backends.local import LocalBackend
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.domain.locations import FILE_SCHEME, split_location

SETTING = "MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS"


class ExternalLocations:
    """External locations that an administrator allowed; none by default.

    Credentials for object stores are found as by the cloud's own tools: in the environment, or from the
    identity of the machine.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed` are locations in the canonical form of `parse_location`."""
        self.allowed = tuple(allowed)
        self._backends: dict[str, StoreBackend] = {}

    def check(self, location: str) -> None:
        """Check that a location is allowed. Raises PermissionDenied."""
        if not any(f"{location}/".startswith(f"{allowed}/") for allowed in self.allowed):
            raise PermissionDenied(
                "These files are outside the external locations that this provider may read; "
                f"its administrator allows them with {SETTING}."
            )

    async def open(self, location: str) -> tuple[StoreBackend, str]:
        """Open the back end of a file or folder; return it with the path there. Raises PermissionDenied."""
        self.check(location)
        root, path = split_location(location)
        if root == FILE_SCHEME:
            await asyncio.to_thread(self._check_links, path)
        if root not in self._backends:
            self._backends[root] = LocalBackend(Path("/")) if root == FILE_SCHEME else open_bucket(root)
        return self._backends[root], path

    def _check_links(self, path: str) -> None:
        """Check that symbolic links lead only to allowed folders. Raises PermissionDenied."""
        real = Path("/", path).resolve()
        roots = (split_location(allowed) for allowed in self.allowed)
        if not any(
            root == FILE_SCHEME and real.is_relative_to(Path("/", top).resolve()) for root, top in roots
        ):
            raise PermissionDenied(
                f"{Path(path).name!r} is a symbolic link, or behind one, that leads out of the external "
                "locations that this provider may read."
            )
