"""Bucket of an object store as a back end, using obstore."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path

import obstore
from obstore.exceptions import GenericError
from obstore.store import AzureStore, GCSStore, S3Store

from model_sharing_provider.artifacts.backends.folder_markers import find_folder_markers
from model_sharing_provider.artifacts.backends.presigned_urls import presign, presign_upload
from model_sharing_provider.artifacts.backends.read_ahead import read_batches, read_pieces
from model_sharing_provider.artifacts.call_timing import timed_call
from model_sharing_provider.domain.stored_objects import StoredObject, UploadUrl

_LISTED_AT_ONCE = 1000
_PIECE_BYTES = 4 * 1024 * 1024
_READ_AT_ONCE = 16
# S3 allows 10,000 parts per object, so a file has at most 160 GiB.
PART_BYTES = 16 * 1024 * 1024
# S3 cannot copy larger objects server-side.
_COPIED_BY_THE_STORE = 5 * 1024**3

Bucket = S3Store | GCSStore | AzureStore


class BucketBackend:
    def __init__(self, client: Bucket) -> None:
        self.client = client
        self.kind = {S3Store: "s3", GCSStore: "gcs", AzureStore: "azure"}[type(client)]

    async def check_reachable(self) -> None:
        """Nothing to do: listing checks the bucket."""

    async def move(self, source: str, target: str) -> None:
        await self.link(source, target)
        await self.delete([source])

    async def copy(self, source: str, target: str) -> None:
        await self.link(source, target)

    def list_objects(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        return _listed(self.client, prefix)

    async def delete(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        try:
            await obstore.delete_async(self.client, keys)
        except FileNotFoundError:
            # Only S3 ignores missing objects. A folder marker is not found under its listed name.
            for key in keys:
                with contextlib.suppress(FileNotFoundError):
                    await obstore.delete_async(self.client, key)

    async def sync(self, prefix: str) -> None:
        """Nothing to do: writes to a bucket are durable."""

    async def link(self, source: str, target: str) -> None:
        try:
            with timed_call(self.kind, "copy"):
                await obstore.copy_async(self.client, source, target)
        except GenericError:
            if (await obstore.head_async(self.client, source))["size"] <= _COPIED_BY_THE_STORE:
                raise
            await self._send_through(source, target)

    async def link_from(self, source: Path, target: str) -> bool:
        """False: it has to be sent."""
        return False

    async def link_to(self, source: str, target: Path) -> bool:
        """False: it has to be received."""
        return False

    async def _send_through(self, source: str, target: str) -> None:
        with timed_call(self.kind, "copy_through"):
            stream = (await obstore.get_async(self.client, source)).stream()
            await obstore.put_async(self.client, target, stream, chunk_size=PART_BYTES, max_concurrency=2)

    async def folder_markers(self, prefix: str, sizes: Mapping[str, int]) -> set[str]:
        return await find_folder_markers(self.client, prefix, sizes)

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
        async def fetch(start: int, end: int) -> memoryview:
            with timed_call(self.kind, "read"):
                return memoryview(await obstore.get_range_async(self.client, key, start=start, end=end))

        return read_pieces(fetch, start, end, _PIECE_BYTES)

    async def open(self, key: str) -> None:
        """None: an object of a bucket is no local file."""

    def read_whole(self, objects: Sequence[tuple[str, int]]) -> AsyncGenerator[tuple[memoryview, int]]:
        slots = asyncio.Semaphore(_READ_AT_ONCE)

        async def fetch_one(key: str) -> bytes:
            async with slots:
                with timed_call(self.kind, "read"):
                    return bytes(await (await obstore.get_async(self.client, key)).bytes_async())

        async def fetch(keys: Sequence[str]) -> bytes:
            return b"".join(await asyncio.gather(*map(fetch_one, keys)))

        return read_batches(fetch, objects)

    async def presign(self, keys: Sequence[str], seconds: int) -> list[str] | None:
        with timed_call(self.kind, "sign"):
            return await presign(self.client, keys, seconds)

    async def presign_upload(self, key: str, seconds: int) -> UploadUrl | None:
        with timed_call(self.kind, "sign"):
            return await presign_upload(self.client, key, seconds)


async def _listed(client: Bucket, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
    async for found in obstore.list(client, prefix=prefix, chunk_size=_LISTED_AT_ONCE):
        yield [
            StoredObject(item["path"], item["size"], int(item["last_modified"].timestamp() * 1000))
            for item in found
        ]
