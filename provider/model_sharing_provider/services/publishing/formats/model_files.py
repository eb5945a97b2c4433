"""Files of a version that is being registered, wherever they are: a local folder or the artifact store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from model_sharing_protocol.errors import InvalidModel, NotFound
from model_sharing_protocol.weights.header_cursor import Read
from model_sharing_provider.artifacts.store import ArtifactStore

MAX_READ_BYTES = 1024 * 1024 * 1024
"""Bytes of one version that are read for its summary, at most, so that no version keeps a server busy."""
_MAX_JSON_BYTES = 32 * 1024 * 1024


class ModelFiles(Protocol):
    """Files with their sizes in bytes by path, and their bytes. Reads block: call them from a thread."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Size of each file in bytes, by its path."""

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Read up to `length` bytes; fewer at the end of the file."""


class LocalFiles:
    """Files below a local folder."""

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self._folder = folder

    def read(self, path: str, offset: int, length: int) -> bytes:
        with (self._folder / path).open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)


class StoredFiles:
    """Files in the artifact store; `places` gives the paths in the store where a file is or was moved to.

    Made on the event loop, which carries out the reads of other threads.
    """

    def __init__(
        self, store: ArtifactStore, sizes: Mapping[str, int], places: Callable[[str], Sequence[str]]
    ) -> None:
        self.sizes = sizes
        self._store = store
        self._places = places
        self._loop = asyncio.get_running_loop()

    def read(self, path: str, offset: int, length: int) -> bytes:
        end = min(offset + length, self.sizes[path])
        if offset >= end:
            return b""
        return asyncio.run_coroutine_threadsafe(self._read(path, offset, end), self._loop).result()

    async def _read(self, path: str, start: int, end: int) -> bytes:
        *before, last = self._places(path)
        for place in before:
            try:
                return await self._read_object(place, start, end)
            except NotFound:
                continue
        return await self._read_object(last, start, end)

    async def _read_object(self, place: str, start: int, end: int) -> bytes:
        return b"".join([bytes(piece) async for piece in self._store.read(place, start, end)])


class BoundedFiles:
    """Files of which at most `MAX_READ_BYTES` are read; InvalidModel for more."""

    def __init__(self, files: ModelFiles) -> None:
        self.sizes = files.sizes
        self._files = files
        self._left = MAX_READ_BYTES

    def read(self, path: str, offset: int, length: int) -> bytes:
        content = self._files.read(path, offset, length)
        self._left -= len(content)
        if self._left < 0:
            raise InvalidModel(
                f"The headers of the model's files have more than {MAX_READ_BYTES} bytes. "
                "Register its files with the format 'files', which reads none."
            )
        return content


def reader_of(files: ModelFiles, path: str) -> Read:
    """Reader of one file."""
    return lambda offset, length: files.read(path, offset, length)


def read_whole(files: ModelFiles, path: str, limit: int) -> bytes:
    """Read a small file. Raises InvalidModel if it has more than `limit` bytes."""
    size = files.sizes[path]
    if size > limit:
        raise InvalidModel(f"The file {path!r} has {size} bytes; at most {limit} are allowed.")
    content = bytearray()
    while len(content) < size and (piece := files.read(path, len(content), size - len(content))):
        content += piece
    return bytes(content)


def read_json(files: ModelFiles, path: str) -> dict[str, Any]:
    """Read a JSON object. Raises InvalidModel for a file that is not one."""
    content = read_whole(files, path, _MAX_JSON_BYTES)
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidModel(f"The file {path!r} is not JSON: {str(error)[:200]}.") from error
    if not isinstance(fields, dict):
        raise InvalidModel(f"The file {path!r} is not a JSON object.")
    return fields
