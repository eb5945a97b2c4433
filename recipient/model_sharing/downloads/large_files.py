"""Large files: several connections fetch ranges of one, or copy what is in the cache, while it is verified.

Where the provider signed the digests of its blocks, each thread checks what it fetched or copied
(`block_verifier`); damaged blocks are fetched again, and nothing else. Without, one thread computes the
sha256 of the whole; if that turns out wrong, the chunk map says where, and only those chunks are fetched
again. If that does not mend it, the file is fetched once more, all of it.

What has arrived survives a crash (`part_file`), whether it was fetched or copied.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import NamedTuple

from model_sharing.downloads.block_verifier import BlockChecker, BlockVerifier
from model_sharing.downloads.job import Job
from model_sharing.downloads.joining_threads import JoiningThreads, WorkMeter
from model_sharing.downloads.part_file import PartFile
from model_sharing.downloads.progress_observer import FileProgress
from model_sharing.downloads.reassembly import Reassembly, Segment, fetch_whole
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.targets import FileRange, Patch
from model_sharing.downloads.transfer.read_size import LARGEST_READ
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.block_digests import BlockDigests
from model_sharing_protocol.chunk_maps import Chunk
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.printable import printable

COPIERS = 2
"""What is copied from the cache is verified by the same thread, for which one core is too slow."""

_FEW = 2
"""How many threads begin over TLS: one alone does not receive while it hashes and writes."""

_log = logging.getLogger("model_sharing")


class _Attempt(NamedTuple):
    """One try at a file: its `part` is filled as the `reassembly` says, and `progress` counts the bytes.

    Without a `verifier` of its blocks it is hashed as a whole.
    """

    file: ManifestFile
    reassembly: Reassembly
    part: PartFile
    progress: FileProgress
    verifier: BlockVerifier | None
    meter: WorkMeter


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
            blocks = self._planner.blocks_of(file)
            ways = (reassembly, fetch_whole(file))
            if not any(self._try(file, way, path, progress, blocks) for way in ways):
                raise corrupt_artifact(file)

    def _try(
        self,
        file: ManifestFile,
        reassembly: Reassembly,
        path: Path,
        progress: FileProgress,
        blocks: BlockDigests | None,
    ) -> bool:
        """True if the content is in the cache now; else nothing of it is kept."""
        with PartFile(path, file.size, self._parallel) as part:
            verifier = BlockVerifier(part, blocks) if blocks else None
            attempt = _Attempt(file, reassembly, part, progress, verifier, WorkMeter())
            progress.reused(part.done)  # it came before, and is not fetched again
            try:
                good = self._fill(attempt) or self._repair(attempt)
            except RangesIgnored:
                progress.reset()
                part.discard()
                raise
            if good:
                part.close()
                self._cache.publish_blob(path, file.sha256, by_blocks=verifier is not None)
                part.forget_progress()
                return True
            progress.reset()
            part.discard()
            return False

    def _fill(self, attempt: _Attempt) -> bool:
        """Fill in the missing ranges; True if all is what it should be, as was found out alongside."""
        file, reassembly, part, _, verifier, _ = attempt
        to_fetch, to_copy = deque[int](), deque[int]()
        for index in part.all_ranges() if verifier else part.unfinished():
            cached = reassembly.is_cached(part.next_byte(index), part.end(index))
            (to_copy if cached else to_fetch).append(index)
        copies = [
            self._copiers.submit(self._fill_ranges, attempt, to_copy)
            for _ in range(min(COPIERS, len(to_copy)))
        ]
        threads = self._fetch_ranges(attempt, to_fetch, to_copy)
        try:
            if verifier is not None:
                threads.wait(*copies)  # what had come before is checked, too
                return not verifier.wrong()
            for filling in (*threads.futures, *copies):
                filling.add_done_callback(part.watch)
            return _hash_as_completed(part) == file.sha256
        finally:
            to_fetch.clear()
            to_copy.clear()
            fillings = [*threads.futures, *copies]
            for filling in fillings:
                filling.cancel()
            wait(fillings)

    def _fetch_ranges(self, attempt: _Attempt, to_fetch: deque[int], to_copy: deque[int]) -> JoiningThreads:
        """Begin to fetch ranges; where one thread hashes the whole file, by all threads from the start.

        Who finds nothing more to fetch helps to copy.
        """
        most = min(self._parallel, len(to_fetch))
        joining = attempt.verifier is not None and self._transfer.is_encrypted(attempt.file)
        fill = partial(self._fill_ranges, attempt, to_fetch, to_copy)
        return JoiningThreads(self._workers, fill, attempt.meter, _FEW if joining else most, most)

    def _fill_ranges(self, attempt: _Attempt, *queues: deque[int]) -> None:
        """Fill in ranges that others do not, of one queue after the other, until there are no more."""
        attempt.meter.begin()
        for ranges in queues:
            while True:
                try:
                    index = ranges.popleft()
                except IndexError:
                    break
                self._fill_range(attempt, index)

    def _fill_range(self, attempt: _Attempt, index: int) -> None:
        file, reassembly, part, progress, verifier, meter = attempt
        checker = BlockChecker(verifier, part.start(index)) if verifier else None
        while True:
            self._connections.check()
            position = part.next_byte(index)
            if checker is not None:
                checker.catch_up(position)
            if position == part.end(index):
                return
            segment = reassembly.at(position)
            end = min(segment.end, part.end(index))
            if segment.base is not None and (copied := self._copy(part, index, end, segment, segment.base)):
                progress.reused(copied)
                continue
            self._transfer.run(file, FileRange(part, index, end, progress, checker=checker, meter=meter))

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
        """Fetch what is damaged again; True if all is right then."""
        file, reassembly, part, progress, verifier, _ = attempt
        wrong = self._wrong_chunks(attempt)
        if not wrong or sum(chunk.end - chunk.start for chunk in wrong) == file.size:
            return False
        for base in {reassembly.at(chunk.start).base for chunk in wrong}:
            if base is not None:
                self._cache.has_blob(base, verify=True)  # it may be damaged: then it is dropped
        for start, end in _runs(wrong):
            what = f"{file.path!r}: the bytes {start} to {end - 1} came damaged and are fetched again"
            _log.warning("%s", printable(what))
            self._transfer.run(file, Patch(part, start, end))
            progress.refetched(end - start)
        if verifier is None:
            return _hash_as_completed(part) == file.sha256
        verifier.recheck(wrong)
        return not verifier.wrong()

    def _wrong_chunks(self, attempt: _Attempt) -> list[Chunk]:
        """Blocks that are damaged or, of a file that was hashed as a whole, chunks, if there is a map."""
        if attempt.verifier is not None:
            return attempt.verifier.wrong()
        part, chunks = attempt.part, self._planner.map_of(attempt.file) or ()
        return [chunk for chunk in chunks if part.sha256(chunk.start, chunk.end) != chunk.sha256]


def corrupt_artifact(file: ManifestFile) -> CorruptArtifact:
    """Error for a content that came out wrong again and again."""
    return CorruptArtifact(
        f"The provider sent {file.path!r} twice with content that does not match its manifest. The file was "
        "discarded. Report this to the provider."
    )


def _hash_as_completed(part: PartFile) -> str:
    """Hash a part as it becomes complete from its start; the digest of the whole."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(LARGEST_READ))
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
