"""Local folder as a back end.

Listing, deleting and reading do not use obstore: it skips the unfinished files of killed processes, leaves
empty folders, and reads at half the speed. Each piece reopens its file, so that an abandoned reader leaves no
file open.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path

import obstore
from obstore.store import LocalStore

from model_sharing_protocol.atomic_files import sync as sync_file
from model_sharing_protocol.errors import UnsafePath
from model_sharing_provider.artifacts.backends.read_ahead import read_batches, read_pieces
from model_sharing_provider.artifacts.call_timing import timed_call
from model_sharing_provider.domain.stored_objects import StoredObject, UploadUrl

_LISTED_AT_ONCE = 1000
_PIECE_BYTES = 1024 * 1024
_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


class LocalBackend:
    kind = "local"

    def __init__(self, root: Path) -> None:
        self.client = LocalStore(prefix=root)
        self._root = root

    async def check_reachable(self) -> None:
        await asyncio.to_thread(self._root.stat)

    async def move(self, source: str, target: str) -> None:
        with timed_call(self.kind, "rename"):
            await obstore.rename_async(self.client, source, target)

    async def link(self, source: str, target: str) -> None:
        with timed_call(self.kind, "copy"):
            await obstore.copy_async(self.client, source, target)

    async def copy(self, source: str, target: str) -> None:
        with timed_call(self.kind, "copy"):
            await asyncio.to_thread(_copy, self._root, source, target)

    async def link_from(self, source: Path, target: str) -> bool:
        with timed_call(self.kind, "link"):
            return await asyncio.to_thread(_link, source, self._root / target)

    async def link_to(self, source: str, target: Path) -> bool:
        with timed_call(self.kind, "link"):
            return await asyncio.to_thread(_link, self._root / source, target)

    async def list_objects(self, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
        batches = _walk(self._root, prefix)
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            yield batch

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete files, and folders that become empty."""
        await asyncio.to_thread(_delete, self._root, keys)

    async def sync(self, prefix: str) -> None:
        await asyncio.to_thread(_sync_tree, self._root, self._root / prefix)

    async def folder_markers(self, prefix: str, sizes: Mapping[str, int]) -> set[str]:
        """No markers: a local file system has folders."""
        return set()

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
        path = f"{self._root}/{key}"

        async def fetch(start: int, end: int) -> memoryview:
            with timed_call(self.kind, "read"):
                return memoryview(await asyncio.to_thread(_pread, path, start, end))

        return read_pieces(fetch, start, end, _PIECE_BYTES)

    async def open(self, key: str) -> FileIO:
        with timed_call(self.kind, "open"):
            return await asyncio.to_thread(FileIO, self._root / key)

    def read_whole(self, objects: Sequence[tuple[str, int]]) -> AsyncGenerator[tuple[memoryview, int]]:
        async def fetch(keys: Sequence[str]) -> bytes:
            paths = [f"{self._root}/{key}" for key in keys]
            with timed_call(self.kind, "read"):
                return await asyncio.to_thread(lambda: b"".join(map(_read_whole, paths)))

        return read_batches(fetch, objects)

    async def presign(self, keys: Sequence[str], seconds: int) -> list[str] | None:
        """None: this server sends the bytes itself."""
        return None

    async def presign_upload(self, key: str, seconds: int) -> UploadUrl | None:
        return None


def _copy(root: Path, source: str, target: str) -> None:
    """Copy a regular file; a client of this machine wrote it, who may have put a link there instead."""
    path, copied = root / source, root / target
    if path.parent.resolve() != root.resolve() / Path(source).parent:
        raise UnsafePath(f"{path.name!r} is in a folder that is a link; upload the files themselves.")
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafePath(f"{path.name!r} is a link; upload the file itself.") from error
        raise
    with os.fdopen(opened, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnsafePath(f"{path.name!r} is not a regular file; leave it out.")
        copied.parent.mkdir(parents=True, exist_ok=True)
        with copied.open("xb", buffering=0) as out:
            shutil.copyfileobj(file, out, _PIECE_BYTES)


def _link(source: Path, target: Path) -> bool:
    """Link a file to `target`, in place of what is there; False where that cannot be done."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{uuid.uuid4().hex}#1")  # as an unfinished file, if this process is killed
    try:
        beside.hardlink_to(source)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    beside.replace(target)
    beside.unlink(missing_ok=True)  # where both are the same file already, replacing does nothing
    return True


def _walk(root: Path, prefix: str) -> Iterator[Sequence[StoredObject]]:
    for folder, _, names in os.walk(root / prefix):
        for start in range(0, len(names), _LISTED_AT_ONCE):
            yield [
                found
                for name in names[start : start + _LISTED_AT_ONCE]
                if (found := _stat(root, Path(folder, name))) is not None
            ]


def _stat(root: Path, path: Path) -> StoredObject | None:
    try:
        status = path.lstat()
    except FileNotFoundError:  # just deleted by another process
        return None
    # The time of the status change, not of the modification: a link to an old file is new.
    return StoredObject(path.relative_to(root).as_posix(), status.st_size, status.st_ctime_ns // 1_000_000)


def _delete(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        (root / path).unlink(missing_ok=True)
    # Longest first, so that a folder follows those inside it; the upper levels stay.
    folders = {parent for path in paths for parent in Path(path).parents if len(parent.parts) > 1}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):
            (root / folder).rmdir()


def _sync_tree(root: Path, top: Path) -> None:
    """fsync a file, or every file below a folder, and the folders from there up to the root."""
    for folder, _, files in os.walk(top):
        for name in files:
            sync_file(Path(folder) / name)
        sync_file(Path(folder))
    if top.is_file():
        sync_file(top)
    for folder_above in top.parents:
        sync_file(folder_above)
        if folder_above == root:
            break


def _read_whole(path: str) -> bytes:
    with FileIO(path) as file:
        return file.read()


def _pread(path: str, start: int, end: int) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.pread(file, end - start, start)
    finally:
        os.close(file)
