"""Make what was written to a local disk outlive a power cut; object stores see to it themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from obstore.store import LocalStore, ObjectStore


async def sync(store: ObjectStore, prefix: str) -> None:
    """Return when everything below `prefix` would be there after a power cut."""
    if isinstance(store, LocalStore):
        root = Path(store.prefix or "/")
        await asyncio.to_thread(_sync_tree, root, root / prefix)


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
