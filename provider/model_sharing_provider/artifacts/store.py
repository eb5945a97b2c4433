"""The artifact store: streamed reads and writes of objects below one root, by way of obstore.

The root is a folder today and may be a bucket tomorrow; callers see paths below the root and buffers only. A
path that is a URL lies in an external location: it can be read, if it is allowed, and never written.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath

import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import LocalStore, ObjectStore

from model_sharing_protocol.errors import CorruptArtifact, DiskFull, InvalidModel, NotFound, UnsafePath
from model_sharing_protocol.manifest import MAX_FILES
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.listing import StoredObject, delete_objects, list_objects
from model_sharing_provider.artifacts.pieces import read_pieces

_PIECE = 4 * 1024 * 1024
_UNFINISHED = re.compile(r"#[0-9]+$")
# No space left, disk quota exceeded, file too large for a limit: as the operating system numbers them.
_DISK_FULL_SIGNS = ("os error 28", "os error 122", "os error 27", "Errno 28", "Errno 122", "Errno 27")


def check_storable(path: str) -> str:
    """`path` unchanged, or UnsafePath for a name that obstore keeps for its own unfinished files."""
    if _UNFINISHED.search(path):
        raise UnsafePath(f"The file {path!r} cannot be stored: its name ends in '#' and a number; rename it.")
    return path


class ArtifactStore:
    """Objects below a local folder, made durable before they are counted as written."""

    def __init__(self, root: Path, external: ExternalLocations | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._store = LocalStore(prefix=root)
        self._external = external or ExternalLocations()

    async def check_reachable(self) -> None:
        """Raises whatever says that nothing can be read here now."""
        if not await asyncio.to_thread(self._root.is_dir):
            raise NotFound("The folder of artifacts is not there.")
        async for _ in obstore.list(self._store, prefix="nothing-is-here"):
            pass

    async def put_file(self, path: str, source: Path) -> tuple[int, str]:
        """Copy a local file to `path`; its size in bytes and its sha256. Raises DiskFull."""
        digest = hashlib.sha256()
        size = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal size
            with await asyncio.to_thread(source.open, "rb", buffering=0) as file:
                while piece := await asyncio.to_thread(file.read, _PIECE):
                    await asyncio.to_thread(digest.update, piece)
                    size += len(piece)
                    yield piece

        if (await asyncio.to_thread(source.stat)).st_size <= _PIECE:
            content = await asyncio.to_thread(source.read_bytes)
            await self.put_bytes(path, content)
            return len(content), hashlib.sha256(content).hexdigest()
        with _full_disk_named(path):
            await obstore.put_async(self._store, path, pieces(), chunk_size=_PIECE, max_concurrency=2)
        return size, digest.hexdigest()

    async def put_bytes(self, path: str, content: bytes) -> None:
        """Write a small object at once. Raises DiskFull."""
        with _full_disk_named(path):
            await obstore.put_async(self._store, path, content, use_multipart=False)

    async def put_stream(self, path: str, chunks: AsyncIterable[bytes]) -> tuple[int, str]:
        """Write what arrives to `path`; its size in bytes and its sha256. Raises DiskFull.

        An error while it arrives leaves nothing at `path`.
        """
        digest = hashlib.sha256()
        size = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal size
            async for piece in _in_pieces(chunks):
                await asyncio.to_thread(digest.update, piece)
                size += len(piece)
                yield piece

        arriving = pieces()
        try:
            first = await anext(arriving, b"")
            if len(first) < _PIECE:
                await self.put_bytes(path, first)
            else:
                with _full_disk_named(path):
                    whole = _chain(first, arriving)
                    await obstore.put_async(self._store, path, whole, chunk_size=_PIECE, max_concurrency=2)
        except BaseException:
            await self.delete(path)
            raise
        return size, digest.hexdigest()

    async def move(self, source: str, target: str) -> None:
        """Move an object, unless it was moved already. Raises NotFound if it is at neither place."""
        try:
            await obstore.rename_async(self._store, source, target)
        except FileNotFoundError:
            await self.size(target)

    async def link(self, source: str, target: str) -> None:
        """Make the object `source` appear at `target` too without moving its bytes. Raises NotFound."""
        try:
            await obstore.copy_async(self._store, source, target)
        except FileNotFoundError as error:
            raise NotFound(f"The object {source} is gone from the artifact store.") from error

    async def sync(self, prefix: str) -> None:
        """Return when everything below `prefix` would survive a power cut."""
        await asyncio.to_thread(_sync_tree, self._root, self._root / prefix)

    def check_allowed(self, path: str) -> None:
        """Raises PermissionDenied for an external location that may not be read, or not any more."""
        if _is_external(path):
            self._external.check(path)

    async def external_files(self, location: str) -> dict[str, int]:
        """The relative paths and sizes of what an external location holds.

        Raises PermissionDenied, or InvalidModel for what cannot be listed.
        """
        found: dict[str, int] = {}
        try:
            store, prefix = await self._external.open(location)
            async for batch in obstore.list(store, prefix=prefix):
                found |= {item["path"].removeprefix(f"{prefix}/"): int(item["size"]) for item in batch}
                if len(found) > MAX_FILES:
                    raise InvalidModel(f"{location} holds more than {MAX_FILES} files; that is no model.")
        except (BaseError, OSError) as error:
            raise InvalidModel(f"{location} cannot be listed: {str(error).partition(chr(10))[0]}") from error
        # The consoles of object stores mark a folder with an empty object of its name.
        folders = {str(parent) for path in found for parent in PurePosixPath(path).parents} | {prefix}
        return {path: size for path, size in found.items() if size or path not in folders}

    async def get_bytes(self, path: str) -> bytes:
        """A small object, whole. Raises NotFound, PermissionDenied."""
        store, key = await self._open(path)
        try:
            return bytes(await (await obstore.get_async(store, key)).bytes_async())
        except FileNotFoundError as error:
            raise _gone(path) from error

    async def size(self, path: str) -> int:
        """Bytes of an object. Raises NotFound, PermissionDenied."""
        store, key = await self._open(path)
        try:
            return int((await obstore.head_async(store, key))["size"])
        except FileNotFoundError as error:
            raise _gone(path) from error

    async def check_size(self, path: str, size: int) -> None:
        """Raises CorruptArtifact for an object that is not as large as it was when it was registered."""
        found = await self.size(path)
        if found != size:
            raise CorruptArtifact(
                f"The object {_shown(path)} has {found} bytes and had {size} when it was registered; "
                "register it as a new version."
            )

    async def sha256(self, path: str, size: int) -> str:
        """The digest of an object of that size, read through once. Raises NotFound, CorruptArtifact."""
        digest = hashlib.sha256()
        async for piece in self.read(path, 0, size):
            await asyncio.to_thread(digest.update, piece)
        return digest.hexdigest()

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[memoryview]:
        """The bytes from `start` to before `end`, in pieces of a few MiB at most, one piece read ahead.

        Raises NotFound, PermissionDenied, CorruptArtifact.
        """
        store, key = await self._open(path)
        try:
            async with contextlib.aclosing(read_pieces(store, key, start, end)) as pieces:
                async for piece in pieces:
                    if not piece:
                        raise CorruptArtifact(f"The object {_shown(path)} ends before byte {end}.")
                    yield piece
        except FileNotFoundError as error:
            raise _gone(path) from error
        except (GenericError, OSError) as error:
            raise CorruptArtifact(f"The object {_shown(path)} cannot be read up to byte {end}.") from error

    async def _open(self, path: str) -> tuple[ObjectStore, str]:
        return await self._external.open(path) if _is_external(path) else (self._store, path)

    async def delete(self, path: str) -> None:
        """Delete one object; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, path)

    def list(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        """What lies in the folder `prefix`, batch by batch, what a killed process left unfinished too."""
        return list_objects(self._store, prefix)

    async def delete_below(self, prefix: str, *, older_than: timedelta = timedelta(0)) -> int:
        """Delete the objects in the folder `prefix` that are older than that; how many there were."""
        newest = now_ms() - older_than // timedelta(milliseconds=1)
        deleted = 0
        async for batch in self.list(prefix):
            paths = [item.path for item in batch if item.modified <= newest]
            await delete_objects(self._store, paths)
            deleted += len(paths)
        return deleted


def _is_external(path: str) -> bool:
    return "://" in path


def _shown(path: str) -> str:
    """A path for an error that a recipient may read: where the provider keeps its files is not said."""
    return path.rpartition("/")[2] if _is_external(path) else path


def _gone(path: str) -> NotFound:
    where = "external location" if _is_external(path) else "artifact store"
    return NotFound(f"The object {_shown(path)} is gone from the {where}.")


async def _in_pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of 4 MiB; the last one is shorter."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= _PIECE:
            yield bytes(waiting[:_PIECE])
            del waiting[:_PIECE]
    if waiting:
        yield bytes(waiting)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


@contextlib.contextmanager
def _full_disk_named(path: str) -> Iterator[None]:
    """obstore reports a full disk as one of its generic errors: give it its own name."""
    try:
        yield
    except (GenericError, OSError) as error:
        if any(sign in str(error) for sign in _DISK_FULL_SIGNS):
            raise DiskFull(
                f"The artifact store has no room for {path}; free some space and register again."
            ) from error
        raise


def _sync_tree(root: Path, top: Path) -> None:
    """fsync a file, or every file below a folder, and the folders from there up to the root."""
    for folder, _, files in os.walk(top):
        for name in files:
            _fsync(Path(folder) / name)
        _fsync(Path(folder))
    if top.is_file():
        _fsync(top)
    for folder_above in top.parents:
        _fsync(folder_above)
        if folder_above == root:
            break


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
