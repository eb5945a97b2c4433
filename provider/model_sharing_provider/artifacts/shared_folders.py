"""Shared folders: files and tables in external locations, as they are now.

A file is read only as it was listed: one that was replaced since has another size or etag, and is an error.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import obstore
from obstore.store import ObjectStore

from model_sharing_protocol.errors import InvalidState, NotFound, UnsupportedOperation
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.times import epoch_ms
from model_sharing_provider.artifacts import delta_log, parquet_folders
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.artifacts.store_errors import translated_store_errors
from model_sharing_provider.domain.shared_tables import CURRENT, TableRevision, TableSnapshot
from model_sharing_provider.domain.stored_objects import ExternalFile, normalize_etag

_LOGS_READ_AT_ONCE = 2
_SNAPSHOTS_KEPT = 16
_GONE = "A file of this share is gone, or was replaced; ask for the files again."


class SharedFolders:
    def __init__(self, artifacts: ArtifactStore, external: ExternalLocations) -> None:
        self._artifacts = artifacts
        self._external = external
        self._reading = asyncio.Semaphore(_LOGS_READ_AT_ONCE)
        self._kept: OrderedDict[tuple[str, int], TableSnapshot] = OrderedDict()

    async def list(self, location: str, most: int) -> list[ExternalFile]:
        """Files below a location, without folder markers, in no order.

        Raises UnsupportedOperation for more than `most`.
        """
        backend, prefix = await self._external.open(location)
        found: list[ExternalFile] = []
        with translated_store_errors("a shared folder", absent=_GONE):
            async for batch in obstore.list(backend.client, prefix=prefix):
                for item in batch:
                    path = check_relative_path(item["path"].removeprefix(f"{prefix}/"))
                    modified = epoch_ms(item["last_modified"])
                    found.append(
                        ExternalFile(path, int(item["size"]), modified, normalize_etag(item["e_tag"]))
                    )
                if len(found) > most:
                    raise UnsupportedOperation(f"This folder has more than {most} files.")
            markers = await backend.folder_markers(prefix, {file.path: file.size for file in found})
        return [file for file in found if file.path not in markers]

    async def check_file(self, location: str, path: str, size: int, etag: str = "") -> str:
        """Check that a file is as it was listed, and return its etag. Raises InvalidState."""
        found, now = await self._artifacts.head(f"{location}/{path}")
        if found != size or (etag and now != etag):
            raise InvalidState(_GONE)
        return now

    async def read_start(self, location: str, path: str, length: int) -> bytes:
        """Read the first bytes of a file. Raises NotFound, PermissionDenied, CorruptArtifact."""
        return await self._bytes(f"{location}/{path}", 0, length) if length else b""

    async def table(self, location: str, revision: TableRevision = CURRENT) -> TableSnapshot:
        """Snapshot of the Delta or Parquet table in a folder.

        Raises NotFound, UnsupportedOperation, InvalidParameter, CorruptArtifact, PermissionDenied.
        """
        if revision.changes:
            raise UnsupportedOperation("This table has no change data feed; query the table itself.")
        self._external.check(location)
        if not await self._has_log(location):
            return await self._parquet(location, revision)
        # The log is read by a library that follows links: they are checked before.
        await self._open(f"{location}/{delta_log.LOG}")
        async with self._reading:
            found = await asyncio.to_thread(delta_log.read_snapshot, _url(location), revision)
        self._kept[location, found.version] = found
        while len(self._kept) > _SNAPSHOTS_KEPT:
            self._kept.popitem(last=False)
        return found

    async def table_at(self, location: str, version: int) -> TableSnapshot:
        """Snapshot that was read before: kept, or read again; of a folder without a log, the current one."""
        if (kept := self._kept.get((location, version))) is not None:
            return kept
        try:
            return await self.table(location, TableRevision(version=version))
        except UnsupportedOperation:
            return await self.table(location)

    async def _has_log(self, location: str) -> bool:
        client, prefix = await self._open(location)
        with translated_store_errors("a shared table", absent=_GONE):
            async for batch in obstore.list(client, prefix=f"{prefix}/{delta_log.LOG}", chunk_size=1):
                return bool(batch)
        return False

    async def _parquet(self, location: str, revision: TableRevision) -> TableSnapshot:
        if revision != CURRENT:
            raise UnsupportedOperation(
                "This table is a folder of Parquet files, which has no history; ask for its current rows."
            )
        files = parquet_folders.data_files(await self.list(location, delta_log.MAX_TABLE_FILES))
        if not files:
            raise NotFound("There is no Delta table and no Parquet file at the location of this table.")
        footer = await self._footer(f"{location}/{files[0].path}", files[0].size)
        return await asyncio.to_thread(parquet_folders.snapshot, files, footer)

    async def _footer(self, path: str, size: int) -> bytes:
        start = max(0, size - parquet_folders.TAIL_BYTES)
        length = parquet_folders.footer_bytes(await self._bytes(path, start, size), size)
        return await self._bytes(path, start - length, start)

    async def _bytes(self, path: str, start: int, end: int) -> bytes:
        return b"".join([bytes(piece) async for piece in self._artifacts.read(path, start, end)])

    async def _open(self, location: str) -> tuple[ObjectStore, str]:
        backend, path = await self._external.open(location)
        return backend.client, path


def _url(location: str) -> str:
    """Location as deltalake reads it: local paths as they are, since it would decode those of URLs."""
    return location.removeprefix("file://") if location.startswith("file://") else location
