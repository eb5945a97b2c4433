"""Large files: several connections fetch ranges of one, or copy what is in the cache, while it is hashed.

What has arrived survives a crash (`part_file`), whether it was fetched or copied. If the whole turns out
wrong, the chunk map says where, and only those chunks are fetched again. If that does not mend it, or there
is no map, the file is fetched once more, all of it.

Chunks are not hashed one by one before: that would hash every byte twice to find what hardly ever happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from model_sharing.downloads.job import Job
from model_sharing.downloads.part_file import PartFile
from model_sharing.downloads.progress_observer import FileProgress
from model_sharing.downloads.reassembly import Reassembly, Segment, fetch_whole
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.targets import FileRange, Patch
from model_sharing.downloads.transfer.connections import BUFFER_BYTES
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.chunk_maps import Chunk
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import ManifestFile


class _Attempt(NamedTuple):
    """One try at a file: its `part` is filled as the `reassembly` says, and `progress` counts the bytes."""

    file: ManifestFile
    reassembly: Reassembly
    part: PartFile
    progress: FileProgress


class LargeFiles:
    """Fetches large contents into a cache's blobs.

    `workers` are the threads that fetch, `copiers` those that copy meanwhile what is in the cache.
    """

    def __init__(
        self,
        job: Job,
        planner: ReusePlanner,
        transfer: Transfer,
        workers: ThreadPoolExecutor,
        copiers: ThreadPoolExecutor,
    ) -> None:
        self._connections = job.connections
        self._cache = job.cache
        self._parallel = job.parallel
        self._observer = job.progress
        self._planner = planner
        self._transfer = transfer
        self._workers = workers
        self._copiers = copiers

    def fetch(self, file: ManifestFile, reassembly: Reassembly) -> None:
        """Put a file of the version together as `reassembly` says, or else fetch all of it.

        Raises RangesIgnored, with nothing kept, if the server knows no ranges, CorruptArtifact, and what
        `Transfer.run` raises.
        """
        self.make(file, reassembly, FileProgress(self._observer, file))
        self._observer.file_done(file)

    def make(self, file: ManifestFile, reassembly: Reassembly, progress: FileProgress) -> None:
        """Put together a content that need not be one of the version's files. Raises as `fetch` does."""
        lock = self._cache.name_for_provider(file.sha256)
        with self._cache.lock(lock, lambda: self._connections.stopped) as locked:
            if self._cache.has_blob(file):  # another process fetched it meanwhile
                progress.reused(file.size)
                return
            path = self._cache.part_path(file.sha256) if locked else self._cache.temporary()
            if not any(self._try(file, each, path, progress) for each in (reassembly, fetch_whole(file))):
                raise corrupt_artifact(file)

    def _try(self, file: ManifestFile, reassembly: Reassembly, path: Path, progress: FileProgress) -> bool:
        """True if the content is in the cache now; else nothing of it is kept."""
        with PartFile(path, file.size, self._parallel) as part:
            attempt = _Attempt(file, reassembly, part, progress)
            progress.reused(part.done)  # it came before, and is not fetched again
            try:
                good = self._fill(attempt) or self._repair(attempt)
            except RangesIgnored:
                progress.reset()
                part.discard()
                raise
            if good:
                part.close()
                self._cache.publish_blob(path, file.sha256)
                part.forget_progress()
                return True
            progress.reset()
            part.discard()
            return False

    def _fill(self, attempt: _Attempt) -> bool:
        """Fill in the missing ranges; True if the whole, hashed alongside, is what it should be."""
        part = attempt.part
        ranges = []
        for index in part.unfinished():
            cached = attempt.reassembly.is_cached(part.next_byte(index), part.end(index))
            threads = self._copiers if cached else self._workers
            ranges.append(threads.submit(self._fill_range, attempt, index))
        for filling in ranges:
            filling.add_done_callback(part.watch)
        try:
            return _hash_as_completed(part) == attempt.file.sha256
        finally:
            for filling in ranges:
                filling.cancel()
            wait(ranges)

    def _fill_range(self, attempt: _Attempt, index: int) -> None:
        file, reassembly, part, progress = attempt
        while (position := part.next_byte(index)) < part.end(index):
            self._connections.check()
            segment = reassembly.at(position)
            end = min(segment.end, part.end(index))
            if segment.base is not None:
                progress.reused(self._copy(part, index, end, segment, segment.base))
            if part.next_byte(index) < end:
                self._transfer.run(file, FileRange(part, index, end, progress))

    def _copy(self, part: PartFile, index: int, end: int, segment: Segment, base: ManifestFile) -> int:
        """Copy from the cache; the bytes that were, which are fewer if `base` is not there any more."""
        position = part.next_byte(index)
        try:
            with self._cache.blob_path(base.sha256).open("rb", buffering=0) as source:
                offset = segment.offset + position - segment.start
                part.copy(index, source.fileno(), offset, end - position)
        except FileNotFoundError:
            pass
        return part.next_byte(index) - position

    def _repair(self, attempt: _Attempt) -> bool:
        """Fetch the chunks again that are not what the map says; True if the whole is right then."""
        file, reassembly, part, progress = attempt
        chunks = self._planner.map_of(file)
        if chunks is None:
            return False
        wrong = [chunk for chunk in chunks if part.sha256(chunk.start, chunk.end) != chunk.sha256]
        if not wrong or len(wrong) == len(chunks):
            return False
        for base in {reassembly.at(chunk.start).base for chunk in wrong}:
            if base is not None:
                self._cache.has_blob(base, verify=True)  # it may be damaged: then it is dropped
        for start, end in _runs(wrong):
            self._transfer.run(file, Patch(part, start, end))
            progress.refetched(end - start)
        return _hash_as_completed(part) == file.sha256


def corrupt_artifact(file: ManifestFile) -> CorruptArtifact:
    """Error for a content that came out wrong again and again."""
    return CorruptArtifact(
        f"The provider sent {file.path!r} twice with content that does not match its manifest. The file was "
        "discarded. Report this to the provider."
    )


def _hash_as_completed(part: PartFile) -> str:
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


def _runs(chunks: Iterable[Chunk]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of adjacent chunks."""
    start = end = 0
    for chunk in chunks:
        if chunk.start != end:
            if start < end:
                yield start, end
            start = chunk.start
        end = chunk.end
    if start < end:
        yield start, end
