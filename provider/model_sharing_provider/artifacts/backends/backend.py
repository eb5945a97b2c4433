"""Interface of a back end, which a local folder and a bucket implement."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Protocol

from obstore.store import ObjectStore

from model_sharing_provider.domain.stored_objects import StoredObject, UploadUrl


class StoreBackend(Protocol):
    """Back end with objects by key. Every method raises OSError or obstore's errors."""

    kind: str
    """Name in metrics: `local`, `s3`, `gcs` or `azure`."""

    @property
    def client(self) -> ObjectStore:
        """Client of obstore, for operations common to all back ends."""

    async def check_reachable(self) -> None:
        """Check that a local folder exists; a bucket is checked by listing it. Raises FileNotFoundError."""

    async def move(self, source: str, target: str) -> None:
        """Move an object. Raises FileNotFoundError."""

    async def link(self, source: str, target: str) -> None:
        """Link or copy an object to `target` within the store. Raises FileNotFoundError."""

    async def copy(self, source: str, target: str) -> None:
        """Copy an object to `target`, which later writes to `source` do not change.

        Raises FileNotFoundError, and UnsafePath for what is not a regular file.
        """

    async def link_from(self, source: Path, target: str) -> bool:
        """Link a local file to `target`; False, with nothing done, if that is not possible."""

    async def link_to(self, source: str, target: Path) -> bool:
        """Link an object to a new local file; False as for `link_from`. Raises FileNotFoundError."""

    def list_objects(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        """List all objects in the folder `prefix` in batches, in no particular order."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are ignored."""

    async def sync(self, prefix: str) -> None:
        """Flush everything below `prefix` to disk, so that it survives a power cut."""

    async def folder_markers(self, prefix: str, sizes: Mapping[str, int]) -> set[str]:
        """Folder markers among the objects below `prefix`, given by relative path and size."""

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
        """Read the bytes from `start` up to `end`, ahead; an empty piece if the object ends earlier."""

    async def open(self, key: str) -> FileIO | None:
        """Open an object that is a local file; None for any other. Raises OSError."""

    def read_whole(self, objects: Sequence[tuple[str, int]]) -> AsyncGenerator[tuple[memoryview, int]]:
        """Read small objects, given by key and size, in order: batches of bytes with their expected size."""

    async def presign(self, keys: Sequence[str], seconds: int) -> list[str] | None:
        """Sign URLs to read these objects from; None if the store cannot sign them all."""

    async def presign_upload(self, key: str, seconds: int) -> UploadUrl | None:
        """Sign a URL to write an object to, by one request; None as for `presign`."""
