"""What a store holds, batch by batch, since it may be more than memory holds; and taking it away.

A local folder is walked and cleared by ourselves: the object stores' client passes over the unfinished files
that a killed process left there, and leaves empty folders.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object by its path below the root; bytes, and when it came to be there in epoch ms."""

    path: str
    size: int
    modified: int


async def list_objects(store: ObjectStore, prefix: str) -> AsyncIterator[Sequence[StoredObject]]:
    """All objects in the folder `prefix`, in no order that counts. Raises OSError, or obstore's errors."""
    if isinstance(store, LocalStore):
        folders = _walk(Path(store.prefix or "/"), prefix)
        while (batch := await asyncio.to_thread(next, folders, None)) is not None:
            yield batch
        return
    async for found in obstore.list(store, prefix=prefix, chunk_size=_BATCH):
        yield [
            StoredObject(item["path"], item["size"], int(item["last_modified"].timestamp() * 1000))
            for item in found
        ]


def _walk(root: Path, prefix: str) -> Iterator[Sequence[StoredObject]]:
    for folder, _, names in os.walk(root / prefix):
        for start in range(0, len(names), _BATCH):
            yield [
                found
                for name in names[start : start + _BATCH]
                if (found := _local(root, Path(folder, name))) is not None
            ]


def _local(root: Path, path: Path) -> StoredObject | None:
    try:
        status = path.lstat()
    except FileNotFoundError:  # somebody deleted it just now
        return None
    # Of the last change, not of the modification: a link to an old file is young itself.
    return StoredObject(path.relative_to(root).as_posix(), status.st_size, status.st_ctime_ns // 1_000_000)


async def delete_objects(store: ObjectStore, paths: Sequence[str]) -> None:
    """Delete these objects; some may be gone already. Raises OSError, or obstore's errors."""
    if isinstance(store, LocalStore):
        await asyncio.to_thread(_delete, Path(store.prefix or "/"), paths)
    elif paths:
        try:
            await obstore.delete_async(store, paths)
        except FileNotFoundError:
            # S3 alone minds none that are gone. A folder marker is not found by the name it is listed as.
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    await obstore.delete_async(store, path)


def _delete(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        (root / path).unlink(missing_ok=True)
    # Longest first, so that a folder follows those inside it; the upper levels stay.
    folders = {parent for path in paths for parent in Path(path).parents if len(parent.parts) > 1}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):
            (root / folder).rmdir()
