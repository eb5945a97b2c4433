"""Folder markers: empty objects with which consoles and file systems over buckets represent folders.

Consoles write an object whose name ends in a slash; it is listed here without the slash, and not found under
that name. Hadoop's file systems write `name_$folder$`, or an object with special metadata or content type.
Files can be empty, too, so the object's attributes have to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath

import obstore
from obstore.store import ObjectStore

_SUFFIX = "_$folder$"
_CONTENT_TYPES = ("application/x-directory", "httpd/unix-directory")
_METADATA = "hdi_isfolder"
_AT_ONCE = 16


async def find_folder_markers(store: ObjectStore, prefix: str, sizes: Mapping[str, int]) -> set[str]:
    """Folder markers among the objects below `prefix`, given by relative path and size.

    Raises obstore's errors.
    """
    folders = {str(parent) for path in sizes for parent in PurePosixPath(path).parents} | {prefix}
    empty = [path for path, size in sizes.items() if size == 0]
    markers = {path for path in empty if path in folders or path.endswith(_SUFFIX)}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def look_at(path: str) -> None:
        async with slots:
            if await _is_marker(store, f"{prefix}/{path}"):
                markers.add(path)

    await asyncio.gather(*(look_at(path) for path in empty if path not in markers))
    return markers


async def _is_marker(store: ObjectStore, key: str) -> bool:
    try:
        found = await obstore.get_async(store, key)
    except FileNotFoundError:
        return True
    said = {str(name).lower(): str(value).lower() for name, value in found.attributes.items()}
    return said.get("content-type", "").startswith(_CONTENT_TYPES) or said.get(_METADATA) == "true"
