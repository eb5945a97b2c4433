"""Fetching missing contents in parallel, verified before they become blobs.

Small files are fetched in `packs` where the provider offers them. Others of up to 16 MiB are fetched whole,
one request each, and hashed as they arrive. Larger ones are fetched as ranges by several connections, while a
follower hashes the part that is complete from the start; what has arrived survives a crash (`parts`). A
content whose digest is wrong is fetched once more, from the start.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from model_sharing.cache import Cache, full_disk_explained
from model_sharing.downloads.connection import BUFFER_BYTES, Connections
from model_sharing.downloads.packs import PackFetcher, packable, packs_of
from model_sharing.downloads.parts import RANGE_BYTES, PartFile, part_path
from model_sharing.downloads.progress import Progress
from model_sharing.downloads.transfer import RangesIgnored, Transfer
from model_sharing.downloads.urls import PACK, UrlBook
from model_sharing_protocol.errors import CorruptArtifact, Interrupted
from model_sharing_protocol.manifest import ManifestFile

_LARGE_FILES_AT_ONCE = 2


class Engine:
    """One download of several contents into the cache's blobs, over `jobs` connections."""

    def __init__(
        self, cache: Cache, connections: Connections, urls: UrlBook, progress: Progress, jobs: int
    ) -> None:
        self._cache = cache
        self._connections = connections
        self._transfer = Transfer(connections, urls)
        self._packs = PackFetcher(cache, connections, self._transfer, progress) if PACK in urls else None
        self._progress = progress
        self._jobs = jobs
        self._workers = ThreadPoolExecutor(jobs, "model-sharing-fetch")
        self._followers = ThreadPoolExecutor(_LARGE_FILES_AT_ONCE, "model-sharing-follow")

    def run(self, files: Sequence[ManifestFile]) -> None:
        """Fetch every content, or raise the first error; what has arrived of large files is kept."""
        try:
            large = [file for file in files if file.size > RANGE_BYTES]
            small = [file for file in files if file.size <= RANGE_BYTES]
            futures = [self._followers.submit(self._fetch_large, file) for file in large]
            packed = packable(small) if self._packs else []
            futures += [self._workers.submit(self._fetch_pack, pack) for pack in packs_of(packed, self._jobs)]
            alone = set(small) - set(packed)
            futures += [self._workers.submit(self._fetch_small, file) for file in small if file in alone]
            wait(futures, return_when=FIRST_EXCEPTION)
            _raise_first(futures)
        except BaseException:
            self._connections.stop()
            raise
        finally:
            self._followers.shutdown(cancel_futures=True)
            self._workers.shutdown(cancel_futures=True)
            self._connections.close()

    def _fetch_pack(self, files: Sequence[ManifestFile]) -> None:
        assert self._packs is not None  # noqa: S101 - packs are only made where they are offered
        damaged, missing = self._packs.fetch(files)
        for file in damaged:
            self._fetch_verified(file, self._cache.temporary(), tries=1)
        for file in missing:
            self._fetch_small(file)

    def _fetch_small(self, file: ManifestFile) -> None:
        self._fetch_verified(file, self._cache.temporary())

    def _fetch_verified(self, file: ManifestFile, path: Path, *, tries: int = 2) -> None:
        """Fetch a whole file in one stream, and once more if it came damaged."""
        for _ in range(tries):
            try:
                with WholeFile(path, file.size, self._progress) as target:
                    if file.size:
                        self._transfer.run(file, target)
                    digest = target.hexdigest()
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            if digest == file.sha256:
                self._cache.publish_blob(path, file.sha256)
                self._progress.file_done()
                return
            path.unlink()
            self._progress.advance(-file.size)
        raise _corrupt(file)

    def _fetch_large(self, file: ManifestFile) -> None:
        with self._cache.lock(file.sha256, lambda: self._connections.stopped) as locked:
            if self._cache.has_blob(file):  # another process fetched it meanwhile
                self._progress.advance(file.size)
                self._progress.file_done()
                return
            path = part_path(self._cache.blob_path(file.sha256) if locked else self._cache.temporary())
            for _ in range(2):
                with PartFile(path, file.size) as part:
                    self._progress.advance(part.done)
                    try:
                        digest = self._fill(part, file)
                    except RangesIgnored:
                        self._progress.advance(-part.done)
                        part.discard()
                        self._fetch_verified(file, self._cache.temporary())
                        return
                    if digest == file.sha256:
                        self._cache.publish_blob(path, file.sha256)
                        part.forget_progress()
                        self._progress.file_done()
                        return
                    part.discard()
                    self._progress.advance(-file.size)
        raise _corrupt(file)

    def _fill(self, part: PartFile, file: ManifestFile) -> str:
        """Fetch a part's missing ranges and return the sha256 of the whole, computed alongside."""
        fetches = [
            self._workers.submit(self._transfer.run, file, FileRange(part, index, self._progress))
            for index in part.unfinished()
        ]
        for fetch in fetches:
            fetch.add_done_callback(part.watch)
        try:
            return _follow(part)
        finally:
            for fetch in fetches:
                fetch.cancel()
            wait(fetches)


class WholeFile:
    """A transfer's target: a new file, written and hashed from its start."""

    def __init__(self, path: Path, size: int, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._digest = hashlib.sha256()
        self._file = path.open("wb", buffering=0)
        self.position = 0
        self.end = size

    def __enter__(self) -> WholeFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def accept(self, data: memoryview) -> None:
        with full_disk_explained(self._path.parent):
            written = 0
            while written < len(data):
                written += os.write(self._file.fileno(), data[written:])
        self._digest.update(data)
        self.position += len(data)
        self._progress.advance(len(data))

    def restart(self) -> None:
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self._progress.advance(-self.position)
        self.position = 0

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class FileRange:
    """A transfer's target: one range of a part file."""

    def __init__(self, part: PartFile, index: int, progress: Progress) -> None:
        self._part = part
        self._index = index
        self._progress = progress

    @property
    def position(self) -> int:
        return self._part.next_byte(self._index)

    @property
    def end(self) -> int:
        return self._part.end(self._index)

    def accept(self, data: memoryview) -> None:
        self._part.append(self._index, data)
        self._progress.advance(len(data))

    def restart(self) -> None:
        raise RangesIgnored


def _follow(part: PartFile) -> str:
    """Hash a part as it becomes complete from its start; the digest of the whole."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BUFFER_BYTES))
    position = 0
    while position < part.size:
        ready = part.wait_beyond(position)
        while position < ready:
            count = part.read_into(buffer[: min(len(buffer), ready - position)], position)
            digest.update(buffer[:count])
            position += count
    return digest.hexdigest()


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """Raise a failed future's error; Interrupted only if nothing says more."""
    errors = [
        error
        for future in futures
        if future.done() and not future.cancelled() and (error := future.exception()) is not None
    ]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error


def _corrupt(file: ManifestFile) -> CorruptArtifact:
    return CorruptArtifact(
        f"The provider sent {file.path!r} twice with content that is not the one its manifest names. Nothing "
        "of it was kept. Tell the provider."
    )
