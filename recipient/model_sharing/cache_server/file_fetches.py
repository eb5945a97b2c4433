"""Fetches of the files that clients of the Hub ask for: verified, into the cache, once for all who ask.

A large file is fetched alone. A small one comes with those of its size beside it, since clients ask for them
one by one, and a provider can send them together.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from model_sharing.cache_server.commits import Commit
from model_sharing.cache_server.shared_calls import SharedCalls
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.filesystem.local_files import local_path
from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.errors import CorruptArtifact, SharingError
from model_sharing_protocol.manifest import PACKED_FILE_BYTES, ManifestFile

_TOGETHER = 100
_LARGE_AT_ONCE = 2
_SMALL_AT_ONCE = 4
_ATTEMPTS = 3
_REPORTED_EVERY_SECONDS = 10.0

Report = Callable[[str], None]
Files = Sequence[ManifestFile]


class FetchedFile(NamedTuple):
    """File that was verified, open, and the folder of the cache that it is in."""

    content: BinaryIO
    folder: Path


class FileFetches:
    """Fetches under way. `report` gets lines for people about what is fetched."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._calls = SharedCalls[Path]()
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._small = asyncio.Semaphore(_SMALL_AT_ONCE)

    async def open(self, commit: Commit, file: ManifestFile, may_serve: Callable[[str], bool]) -> FetchedFile:
        """Open a file of a commit, which is fetched and verified first, if it is not in the cache.

        Files beside it are fetched with it only if `may_serve` says so of their paths. Raises what
        `SharedCatalog.held_files` raises.
        """
        beside = _beside(commit.listing.manifest.files, file)
        together = [each for each in beside if each is file or may_serve(each.path)]
        for _ in range(_ATTEMPTS):
            folder = await self._folder(commit, file, together)
            with contextlib.suppress(FileNotFoundError):  # pruned in this moment
                # Once it is open, its content stays.
                return FetchedFile(await asyncio.to_thread(local_path(folder, file.path).open, "rb"), folder)
        raise CorruptArtifact(f"{file.path!r} of {commit} vanishes from the cache as soon as it arrives.")

    async def close(self) -> None:
        """Cancel all; what has arrived is kept."""
        await self._calls.close()

    async def _folder(self, commit: Commit, file: ManifestFile, together: Files) -> Path:
        try:
            return await self._fetched(commit, together)
        except CorruptArtifact:
            if len(together) == 1:
                raise
            return await self._fetched(commit, [file])  # it may be another one that is damaged

    async def _fetched(self, commit: Commit, files: Files) -> Path:
        key = (commit.catalog.name, commit.id, *(file.path for file in files))
        return await self._calls.result(key, lambda: self._fetch(commit, files))

    async def _fetch(self, commit: Commit, files: Files) -> Path:
        """Fetch files; the folder that they are in."""
        what = f"{repr(files[0].path) if len(files) == 1 else f'{len(files)} files'} of {commit}"
        counter, begun = ProgressCounter(), time.monotonic()
        async with (
            self._large if files[0].size > PACKED_FILE_BYTES else self._small,
            self._reported(what, sum(file.size for file in files), counter),
            commit.catalog.held_files(commit.listing, [file.path for file in files], counter) as held,
        ):
            if counter.fetched:
                self._report(f"Verified {what}, fetched in {time.monotonic() - begun:.1f} s.")
            return held.folder

    @contextlib.asynccontextmanager
    async def _reported(self, what: str, size: int, counter: ProgressCounter) -> AsyncIterator[None]:
        """Report how far the fetch in the block is, and with what it fails."""

        async def report() -> None:
            while True:
                await asyncio.sleep(_REPORTED_EVERY_SECONDS)
                done = human_size(counter.progress.bytes_done)
                self._report(f"Fetching {what}: {done} of {human_size(size)}")

        reporting = asyncio.create_task(report())
        try:
            yield
        except SharingError as error:
            self._report(f"Could not fetch {what}: {error.message}")
            raise
        finally:
            reporting.cancel()


def _beside(files: Files, wanted: ManifestFile) -> Files:
    """Files of a version to fetch with this one: if it is small, small ones that are near in the list."""
    if wanted.size > PACKED_FILE_BYTES:
        return [wanted]
    small = [file for file in files if file.size <= PACKED_FILE_BYTES]
    start = small.index(wanted) // _TOGETHER * _TOGETHER
    return small[start : start + _TOGETHER]
