"""Interface of a back end: what a local folder and a bucket do differently."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Protocol

from obstore.store import ObjectStore

from model_sharing_provider.domain.stored_objects import StoredObject, UploadUrl


class StoreBackend(Protocol):
    """Objects by key. Every method raises OSError or obstore's errors."""

    kind: str
    """Name of it in metrics: `local`, `s3`, `gcs` or `azure`."""

    @property
    def client(self) -> ObjectStore:
        """obstore's own, for what all of them do alike."""

    async def check_reachable(self) -> None:
        """Raises FileNotFoundError for a folder that is not there; a bucket is asked by listing it."""

    async def move(self, source: str, target: str) -> None:
        """Move an object. Raises FileNotFoundError."""

    async def link(self, source: str, target: str) -> None:
        """Make an object appear at `target` too without moving its bytes. Raises FileNotFoundError."""

    def list_objects(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        """All objects in the folder `prefix` in batches, in no order that counts."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; some may be gone already."""

    async def sync(self, prefix: str) -> None:
        """Return when everything below `prefix` would be there after a power cut."""

    async def folder_markers(self, prefix: str, sizes: Mapping[str, int]) -> set[str]:
        """Objects below `prefix`, given by relative path and size, that only stand for folders."""

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
        """The bytes from `start` to before `end`, read ahead; an empty piece if the object ends before."""

    def read_whole(self, objects: Sequence[tuple[str, int]]) -> AsyncGenerator[tuple[memoryview, int]]:
        """Small objects by key and size, in order: batches of bytes, and of how many there should be."""

    async def presign(self, keys: Sequence[str], seconds: int) -> list[str] | None:
        """URLs to read these objects from, good for so long; None where it cannot sign them all."""

    async def presign_upload(self, key: str, seconds: int) -> UploadUrl | None:
        """URL to write an object to, whole, by one request; None as for `presign`."""
