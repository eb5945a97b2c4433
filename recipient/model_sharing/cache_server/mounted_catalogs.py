"""Mounted catalogs that the cache server serves, each opened when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.mount_table import Mount, MountTable
from model_sharing.settings import Settings
from model_sharing_protocol.errors import NotFound


class MountedCatalogs:
    """Mounted catalogs as the mount table has them now, or those with these `names` alone."""

    def __init__(self, settings: Settings, names: Collection[str] = ()) -> None:
        """Serve the mounts of these names, or all. Raises NotFound for one that is not mounted."""
        self._settings = settings
        self._table = MountTable(settings.mounts)
        self._names = {self._table.get(name).name for name in names}
        self._open: dict[Mount, SharedCatalog] = {}

    def mounts(self) -> list[Mount]:
        """List the mounts that are served, by name."""
        return [mount for mount in self._table.all() if not self._names or mount.name in self._names]

    def all(self) -> list[SharedCatalog]:
        """List the catalogs, by name."""
        return [self._catalog(mount) for mount in self.mounts()]

    def get(self, name: str) -> SharedCatalog:
        """Get the catalog of this name. Raises NotFound."""
        found = next((mount for mount in self.mounts() if mount.name == name.lower()), None)
        if found is None:
            raise NotFound(f"No catalog {name[:100]!r} is served here; repositories are mount.schema/model.")
        return self._catalog(found)

    async def close(self) -> None:
        """Close all connections."""
        for catalog in self._open.values():
            await catalog.close()

    def _catalog(self, mount: Mount) -> SharedCatalog:
        # By all that the mount says: one that was moved, or pinned another key, is opened anew.
        if mount not in self._open:
            self._open[mount] = SharedCatalog(
                mount, self._settings, asyncio.get_running_loop(), accepts_blocks=False
            )
        return self._open[mount]
