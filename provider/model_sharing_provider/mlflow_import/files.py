"""Fetching of a version's files from an MLflow server's artifact proxy into a folder."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

from model_sharing_protocol.errors import CorruptArtifact, DiskFull, InvalidModel
from model_sharing_protocol.manifest import MAX_FILES
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.progress import Meter, ProgressCallback
from model_sharing_provider.mlflow_import.client import MlflowClient, again
from model_sharing_provider.services.publishing.formats.table import choose_format
from model_sharing_provider.services.publishing.mlmodel import (
    MLMODEL,
    check_mlmodel_size,
    parse_mlmodel,
)
from model_sharing_provider.services.publishing.model_folders import check_paths

_PARALLEL_FILES = 4


class Fetch:
    """Fetch of the files below `root` at the artifact proxy."""

    def __init__(self, client: MlflowClient, root: str, progress: ProgressCallback) -> None:
        self._client = client
        self._root = root
        self._meter = Meter(progress)
        self._arrived: dict[str, int] = {}

    async def into(self, folder: Path) -> None:
        """Fetch all files, the MLmodel first, so that an invalid version costs no more.

        Raises InvalidModel, UnsafePath, CorruptArtifact, DiskFull and the client's errors.
        """
        sizes = await self._list()
        choose_format(self._root, sizes, ModelFormat.MLFLOW)
        check_paths(sizes)
        check_mlmodel_size(sizes[MLMODEL] or 0)
        known = None if None in sizes.values() else sum(size or 0 for size in sizes.values())
        self._meter.begin("fetching", known, len(sizes))
        slots = asyncio.Semaphore(_PARALLEL_FILES)

        async def fetch(path: str) -> None:
            async with slots:
                await self._file(path, sizes[path], folder / path)

        await fetch(MLMODEL)
        parse_mlmodel((folder / MLMODEL).read_bytes())
        try:
            async with asyncio.TaskGroup() as group:
                for path in sizes.keys() - {MLMODEL}:
                    group.create_task(fetch(path))
        except ExceptionGroup as failures:
            # One failing file cancels the others; its own error is the one to act on.
            raise failures.exceptions[0] from failures

    async def _list(self) -> dict[str, int | None]:
        """Relative paths with sizes, if the server knows them."""
        sizes: dict[str, int | None] = {}
        folders = [""]
        for number, folder in enumerate(folders):
            if number + len(sizes) > MAX_FILES:
                raise InvalidModel(f"{self._root} contains more than {MAX_FILES} files and folders.")
            for entry in await self._client.folder(f"{self._root}/{folder}".rstrip("/")):
                path = check_relative_path(f"{folder}/{entry.path}".lstrip("/"))
                if entry.is_dir:
                    folders.append(path)
                else:
                    sizes[path] = entry.file_size
        return sizes

    @again
    async def _file(self, path: str, size: int | None, target: Path) -> None:
        self._meter.advance(-self._arrived.pop(path, 0))  # a retry fetches it from the start
        received = 0
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as file:
                async with self._client.file(f"{self._root}/{path}") as chunks:
                    async for chunk in chunks:
                        received += len(chunk)
                        if size is not None and received > size:
                            break
                        await asyncio.to_thread(file.write, chunk)
                        self._meter.advance(len(chunk))
                        self._arrived[path] = received
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"There is no disk space left for {path}; free some and import again."
                ) from error
            raise
        if size is not None and received != size:
            raise CorruptArtifact(f"The MLflow server sent {received} bytes of {path}, which has {size}.")
        self._meter.file_done()
