"""Artifact store: streamed reads and writes of objects below one root, using obstore.

The root is a folder or a bucket; callers use paths below it. A path that is a URL is in an external location:
it can be read, if allowed, and never written.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from io import FileIO
from pathlib import Path

import obstore
from obstore.exceptions import BaseError

from model_sharing_protocol.errors import (
    ArtifactStoreUnavailable,
    CorruptArtifact,
    InvalidModel,
    NotFound,
    UnsafePath,
)
from model_sharing_protocol.manifest import MAX_FILES
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.backends.backend import StoreBackend
from model_sharing_provider.artifacts.backends.bucket import PART_BYTES
from model_sharing_provider.artifacts.backends.opening import open_root
from model_sharing_provider.artifacts.byte_streams import PIECE_BYTES, chain, file_pieces, in_pieces, taken_in
from model_sharing_provider.artifacts.call_timing import timed_call, timed_calls
from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.fingerprints import Fingerprint, Fingerprinter
from model_sharing_provider.artifacts.layout import version_folder
from model_sharing_provider.artifacts.store_errors import (
    is_external,
    reading,
    shown_path,
    translated_store_errors,
    writing,
)
from model_sharing_provider.domain.stored_objects import StoredObject, UploadUrl, normalize_etag

Advance = Callable[[int], None]
"""Callback with the size in bytes of each finished piece."""

_UNFINISHED = re.compile(r"#[0-9]+$")


def check_storable(path: str) -> str:
    """Check a path, and return it. Raises UnsafePath for a name reserved for obstore's unfinished files."""
    if _UNFINISHED.search(path):
        raise UnsafePath(f"The file {path!r} cannot be stored: its name ends in '#' and a number; rename it.")
    return path


def _unwatched(size: int) -> None:
    """Ignore progress."""


class ArtifactStore:
    """Artifact store: objects below one root, durable once written.

    Every method raises ArtifactStoreUnavailable while the store fails.
    """

    def __init__(
        self,
        root: str,
        external: ExternalLocations | None = None,
        cdns: CdnUrls | None = None,
        *,
        presigns: bool = True,
    ) -> None:
        """`root` is as for `open_root`; with `presigns`, clients can reach buckets, or their `cdns`."""
        self._root = root.rstrip("/")
        self._backend = open_root(root)
        self._external = external or ExternalLocations()
        self._cdns = cdns or CdnUrls()
        self._presigns = presigns

    @property
    def root(self) -> str:
        """Location of the store, in the canonical form of `domain.locations`."""
        return self._root

    @property
    def in_bucket(self) -> bool:
        """True for a bucket, which all servers share, rather than a folder."""
        return self._backend.kind != "local"

    def location(self, path: str) -> str:
        """Location of an object, in the canonical form of `domain.locations`."""
        return path if is_external(path) else f"{self._root}/{path}"

    async def check_reachable(self) -> None:
        """Check that the store can be read. Raises NotFound, ArtifactStoreUnavailable."""
        with translated_store_errors("anything", absent="The folder or bucket of artifacts is not there."):
            await self._backend.check_reachable()
            nothing = obstore.list(self._backend.client, prefix="nothing-is-here")
            async for _ in timed_calls(self._backend.kind, "list", nothing):
                pass

    async def put_file(
        self, path: str, source: Path, advance: Advance = _unwatched, *, chunked: bool = True
    ) -> Fingerprint:
        """Copy a local file to `path`, with a chunk map if it is `chunked` and large. Raises DiskFull."""
        fingerprinter = Fingerprinter(chunked=chunked)
        if (await asyncio.to_thread(source.stat)).st_size <= PIECE_BYTES:
            content = await asyncio.to_thread(source.read_bytes)
            await self.put_bytes(path, content)
            fingerprinter.update(content)
            advance(len(content))
            return fingerprinter.finish()

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in taken_in(file_pieces(source), fingerprinter.update):
                yield piece
                advance(len(piece))

        await self._put_pieces(path, pieces())
        return fingerprinter.finish()

    async def _put_pieces(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        with writing(path), timed_call(self._backend.kind, "put_stream"):
            await obstore.put_async(
                self._backend.client, path, pieces, chunk_size=PART_BYTES, max_concurrency=2
            )

    async def adopt_file(self, path: str, source: Path, sha256: str, advance: Advance = _unwatched) -> None:
        """Put a local file that never changes at `path`: linked where that is possible, else copied.

        Raises DiskFull, and CorruptArtifact for a copy that does not have this digest.
        """
        with writing(path):
            if await self._backend.link_from(source, path):
                advance((await asyncio.to_thread(source.stat)).st_size)
                return
        copied = await self.put_file(path, source, advance, chunked=False)
        if copied.sha256 != sha256:
            await self.discard(path)
            raise CorruptArtifact(f"{path} changed while it was stored. Check the disk, and try again.")

    async def copy_out(self, path: str, size: int, target: Path) -> None:
        """Link or copy an object of this size to a new local file, which must not be changed.

        Raises NotFound, CorruptArtifact, OSError.
        """
        with reading(path):
            if await self._backend.link_to(path, target):
                return
        with await asyncio.to_thread(target.open, "xb", buffering=0) as file:
            async for piece in self.read(path, 0, size):
                await asyncio.to_thread(file.write, piece)

    async def put_bytes(self, path: str, content: bytes) -> None:
        """Write a small object. Raises DiskFull."""
        with writing(path), timed_call(self._backend.kind, "put"):
            await obstore.put_async(self._backend.client, path, content, use_multipart=False)

    async def put_stream(
        self, path: str, chunks: AsyncIterable[bytes], *, chunked: bool = True
    ) -> Fingerprint:
        """Write a stream to `path`, with a chunk map if it is `chunked` and large. Raises DiskFull.

        If the stream fails, nothing is left at `path`.
        """
        fingerprinter = Fingerprinter(chunked=chunked)
        arriving = taken_in(in_pieces(chunks), fingerprinter.update)
        try:
            first = await anext(arriving, b"")
            if len(first) < PIECE_BYTES:
                await anext(arriving, None)  # the end, by which it was taken in
                await self.put_bytes(path, first)
            else:
                await self._put_pieces(path, chain(first, arriving))
        except BaseException:
            await self.discard(path)
            raise
        return fingerprinter.finish()

    async def move(self, source: str, target: str) -> None:
        """Move an object, unless it was already moved. Raises NotFound if neither path exists."""
        try:
            with reading(source):
                await self._backend.move(source, target)
        except NotFound:
            await self.size(target)

    async def link(self, source: str, target: str) -> None:
        """Link or copy an object to `target` within the store. Raises NotFound."""
        with reading(source):
            await self._backend.link(source, target)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object to `target`, so that later writes to `source` do not change it.

        Raises NotFound, DiskFull, and UnsafePath for what is not a regular file.
        """
        with writing(target), reading(source):
            await self._backend.copy(source, target)

    async def sync(self, prefix: str) -> None:
        """Flush everything below `prefix` to disk, so that it survives a power cut."""
        with timed_call(self._backend.kind, "sync"):
            await self._backend.sync(prefix)

    def check_allowed(self, path: str) -> None:
        """Check that an external location may still be read. Raises PermissionDenied."""
        if is_external(path):
            self._external.check(path)

    async def external_files(self, location: str) -> dict[str, int]:
        """Relative paths and sizes of the files in an external location.

        Raises PermissionDenied, or InvalidModel if it cannot be listed.
        """
        try:
            return await self._files_below(location)
        except (BaseError, OSError) as error:
            raise InvalidModel(f"{location} cannot be listed: {str(error).partition(chr(10))[0]}") from error

    async def files_below(self, folder: str) -> dict[str, int]:
        """Files in a folder below the root, as `external_files`. Raises UnsafePath, InvalidModel."""
        with reading(folder):
            return await self._files_below(folder)

    async def _files_below(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        backend, prefix = await self._open(folder)
        listed = obstore.list(backend.client, prefix=prefix)
        async for batch in timed_calls(backend.kind, "list", listed):
            found |= {item["path"].removeprefix(f"{prefix}/"): int(item["size"]) for item in batch}
            if len(found) > MAX_FILES:
                raise InvalidModel(
                    f"{shown_path(folder)} holds more than {MAX_FILES} files; that is not a model."
                )
        markers = await backend.folder_markers(prefix, found)
        return {path: size for path, size in found.items() if path not in markers}

    async def folder_markers(self, folder: str, sizes: Mapping[str, int]) -> set[str]:
        """Folder markers among these objects below a folder, by relative path and size."""
        backend, prefix = await self._open(folder)
        with reading(folder):
            return await backend.folder_markers(prefix, sizes)

    async def get_bytes(self, path: str) -> bytes:
        """Read a small object. Raises NotFound, PermissionDenied."""
        backend, key = await self._open(path)
        with reading(path), timed_call(backend.kind, "get"):
            return bytes(await (await obstore.get_async(backend.client, key)).bytes_async())

    async def size(self, path: str) -> int:
        """Size of an object in bytes. Raises NotFound, PermissionDenied."""
        return (await self.head(path))[0]

    async def head(self, path: str) -> tuple[int, str]:
        """Size of an object in bytes, and its etag. Raises NotFound, PermissionDenied."""
        backend, key = await self._open(path)
        with reading(path), timed_call(backend.kind, "head"):
            found = await obstore.head_async(backend.client, key)
            return int(found["size"]), normalize_etag(found["e_tag"])

    async def check_size(self, path: str, size: int) -> None:
        """Check that an object has its registered size. Raises CorruptArtifact."""
        found = await self.size(path)
        if found != size:
            raise CorruptArtifact(
                f"The object {shown_path(path)} has {found} bytes, but was registered with {size}; "
                "register it as a new version."
            )

    async def sha256(self, path: str, size: int, advance: Advance = _unwatched) -> str:
        """Digest of an object with this size. Raises NotFound, CorruptArtifact."""
        return (await self.fingerprint(path, size, chunked=False, advance=advance)).sha256

    async def fingerprint_file(self, source: Path, advance: Advance = _unwatched) -> Fingerprint:
        """Fingerprint of a local file, read once: its size and sha256 alone."""
        fingerprinter = Fingerprinter(chunked=False)
        async for piece in taken_in(file_pieces(source), fingerprinter.update):
            advance(len(piece))
        return fingerprinter.finish()

    async def fingerprint(
        self, path: str, size: int, *, chunked: bool = True, advance: Advance = _unwatched
    ) -> Fingerprint:
        """Fingerprint of an object with this size, read once. Raises NotFound, CorruptArtifact."""
        fingerprinter = Fingerprinter(chunked=chunked)
        async for piece in taken_in(self.read(path, 0, size), fingerprinter.update):
            advance(len(piece))
        return fingerprinter.finish()

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[memoryview]:
        """Read the bytes from `start` up to `end`, in pieces of at most a few MiB, one piece ahead.

        Raises NotFound, PermissionDenied, CorruptArtifact.
        """
        backend, key = await self._open(path)
        try:
            with reading(path):
                async with contextlib.aclosing(backend.read(key, start, end)) as pieces:
                    async for piece in pieces:
                        if not piece:
                            raise CorruptArtifact(f"The object {shown_path(path)} ends before byte {end}.")
                        yield piece
        except OSError as error:
            raise CorruptArtifact(
                f"The object {shown_path(path)} cannot be read up to byte {end}."
            ) from error

    async def open(self, path: str) -> FileIO | None:
        """Open an object for the kernel to send; None in a bucket. Raises NotFound, PermissionDenied."""
        backend, key = await self._open(path)
        with reading(path):
            return await backend.open(key)

    async def read_all(self, files: Sequence[tuple[str, int]]) -> AsyncIterator[memoryview]:
        """Read small objects of one version, given by path and size, concatenated.

        Raises NotFound, PermissionDenied, CorruptArtifact.
        """
        opened = [(*await self._open(path), size) for path, size in files]
        if not opened:
            return
        backend = opened[0][0]
        with reading(files[0][0]):
            objects = [(key, size) for _, key, size in opened]
            async with contextlib.aclosing(backend.read_whole(objects)) as batches:
                async for batch, size in batches:
                    if len(batch) != size:
                        raise CorruptArtifact("An object does not have its registered size.")
                    yield batch

    async def presign(self, paths: Sequence[str], seconds: int) -> Sequence[str] | None:
        """Presigned URLs to read these objects of one version, valid for some seconds: of the CDN, if one is.

        None if the store cannot sign them, or clients cannot reach it.
        """
        if not self._presigns:
            return None
        backend, _ = await self._open(paths[0])
        keys = [(await self._open(path))[1] for path in paths]
        if cdn := self._cdns.find(self.location(paths[0])):
            folder = version_folder(paths)
            locations = [self.location(path) for path in paths]
            return await self._cdns.sign(cdn, locations, seconds, folder and self.location(folder))
        with reading(paths[0]):
            return await backend.presign(keys, seconds)

    async def presign_upload(self, path: str, seconds: int) -> UploadUrl | None:
        """Presigned URL to write this object; None as for `presign`."""
        if not self._presigns:
            return None
        backend, key = await self._open(path)
        with reading(path):
            return await backend.presign_upload(key, seconds)

    async def _open(self, path: str) -> tuple[StoreBackend, str]:
        return await self._external.open(path) if is_external(path) else (self._backend, path)

    async def delete(self, path: str) -> None:
        """Delete one object, if it exists."""
        deleting = timed_call(self._backend.kind, "delete")
        with translated_store_errors(path, absent=""), contextlib.suppress(FileNotFoundError), deleting:
            await self._backend.delete([path])

    async def delete_all(self, paths: Sequence[str]) -> None:
        """Delete these objects, as far as they exist."""
        with reading("objects"), timed_call(self._backend.kind, "delete"):
            await self._backend.delete(paths)

    async def list(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        """List objects in the folder `prefix` in batches, including unfinished ones of killed processes."""
        with reading(prefix):
            async for batch in timed_calls(self._backend.kind, "list", self._backend.list_objects(prefix)):
                yield batch

    async def delete_below(self, prefix: str, *, older_than: timedelta = timedelta(0)) -> int:
        """Delete a folder's objects, all or only those older by the store's clock; return their number."""
        newest = now_ms() - older_than // timedelta(milliseconds=1)
        deleted = 0
        async for batch in self.list(prefix):
            paths = [item.path for item in batch if not older_than or item.modified <= newest]
            with reading(prefix), timed_call(self._backend.kind, "delete"):
                await self._backend.delete(paths)
            deleted += len(paths)
        return deleted

    async def discard(self, path: str) -> None:
        """Delete an unneeded object; if that fails, garbage collection does it later."""
        with contextlib.suppress(ArtifactStoreUnavailable):
            await self.delete(path)

    async def discard_below(self, prefix: str) -> None:
        """Delete an unneeded folder; if that fails, garbage collection does it later."""
        with contextlib.suppress(ArtifactStoreUnavailable, UnsafePath):
            await self.delete_below(prefix)
