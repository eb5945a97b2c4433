"""Make what was written to a local disk outlive a power cut; object stores see to it themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from obstore.store import LocalStore, ObjectStore

from model_sharing_protocol.atomic_files import sync as sync_file


async def sync(store: ObjectStore, prefix: str) -> None:
    """Return when everything below `prefix` would be there after a power cut."""
    if isinstance(store, LocalStore):
        root = Path(store.prefix or "/")
        await asyncio.to_thread(_sync_tree, root, root / prefix)


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
