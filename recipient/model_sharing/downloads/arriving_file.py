"""Arriving file: a content that is read from its start while its ranges are fetched.

What has arrived is in a part file, so that it survives a crash, and memory has what was read last alone,
however far ahead of the reader the bytes are.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, wait
from contextlib import contextmanager

from model_sharing.downloads.job import Job
from model_sharing.downloads.part_file import PartFile
from model_sharing.downloads.progress_observer import FileProgress
from model_sharing.downloads.targets import FileRange
from model_sharing.downloads.transfer.transfer import Transfer
from model_sharing_protocol.errors import ServerUnreachable
from model_sharing_protocol.manifest import ManifestFile


class ArrivingFile:
    """Reader of a part file from its start; `waited` is how many seconds it waited for bytes."""

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._position = 0
        self._arrived = 0
        self._digest = hashlib.sha256()
        self.waited = 0.0

    def read(self, count: int) -> bytes:
        """Read so many bytes, fewer at the end alone; waits until they are here. Raises what a fetch does."""
        end = min(self._position + count, self._part.size)
        began = time.monotonic()
        while self._arrived < end:
            self._arrived = self._part.wait_beyond(self._arrived)
        self.waited += time.monotonic() - began
        data = bytearray(end - self._position)
        view = memoryview(data)
        while view:
            read = self._part.read_into(view, self._position)
            if read == 0:
                raise EOFError(f"{self._part.path} was cut off meanwhile.")
            self._position += read
            view = view[read:]
        self._digest.update(data)
        return bytes(data)

    def hexdigest(self) -> str:
        """Digest of what was read."""
        return self._digest.hexdigest()


@contextmanager
def arriving_file(
    job: Job, transfer: Transfer, workers: Executor, file: ManifestFile, progress: FileProgress
) -> Iterator[ArrivingFile]:
    """Fetch a file that is needed in this block alone, by the threads of `workers`.

    What has arrived of it is kept for the next time if the download was stopped, or the provider cannot be
    reached; else nothing is. Raises what `Transfer.run` does, and RangesIgnored, out of `ArrivingFile.read`.
    """
    cache, connections = job.cache, job.connections
    with cache.lock(cache.name_for_provider(file.sha256), lambda: connections.stopped) as locked:
        path = cache.part_path(file.sha256) if locked else cache.temporary()
        with PartFile(path, file.size, job.parallel) as part:
            progress.reused(part.done)
            keep = False
            try:
                with _fetching(part, transfer, workers, file, progress):
                    yield ArrivingFile(part)
            except ServerUnreachable:
                keep = True
                raise
            finally:
                if not keep and not connections.stopped:
                    part.discard()


@contextmanager
def _fetching(
    part: PartFile, transfer: Transfer, workers: Executor, file: ManifestFile, progress: FileProgress
) -> Iterator[None]:
    """Fetch the missing ranges of a part file during the block; nothing goes on after it."""
    over = threading.Event()

    def fetch(index: int) -> None:
        transfer.run(file, _WantedRange(part, index, part.end(index), progress, over))

    ranges = [workers.submit(fetch, index) for index in part.unfinished()]
    for fetching in ranges:
        fetching.add_done_callback(part.watch)
    try:
        yield
    finally:
        over.set()
        for fetching in ranges:
            fetching.cancel()
        wait(ranges)


class _NotWantedAnyMore(Exception):
    """End of a fetch whose reader is gone, as from a delta that turned out to be invalid."""


class _WantedRange(FileRange):
    """Range of a part file that is wanted until its reader is `over`."""

    def __init__(
        self, part: PartFile, index: int, end: int, progress: FileProgress, over: threading.Event
    ) -> None:
        super().__init__(part, index, end, progress)
        self._over = over

    def accept(self, data: memoryview) -> None:
        """Write the bytes that come next. Raises if nobody reads them."""
        if self._over.is_set():
            raise _NotWantedAnyMore
        super().accept(data)
