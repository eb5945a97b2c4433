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

from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import PartFile
from model_sharing.downloads.progress_observer import FileProgress, ProgressObserver
from model_sharing.downloads.reassembly import Reassembly, Segment, fetch_whole
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.targets import FileRange, Patch
from model_sharing.downloads.transfer.connections import BUFFER_BYTES, Connections
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.chunk_maps import Chunk
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import ManifestFile


class LargeFiles:
    """Fetches large contents into a cache's blobs.

    `workers` are the threads that fetch, `copiers` those that copy meanwhile what is here.
    """

    def __init__(
        self,
        cache: Cache,
        connections: Connections,
        transfer: Transfer,
        workers: ThreadPoolExecutor,
        copiers: ThreadPoolExecutor,
        *,
        planner: ReusePlanner,
        progress: ProgressObserver,
    ) -> None:
        self._cache = cache
        self._connections = connections
        self._transfer = transfer
        self._workers = workers
        self._copiers = copiers
        self._planner = planner
        self._progress = progress

    def fetch(self, file: ManifestFile, reassembly: Reassembly) -> None:
        """Make a content as the reassembly says, or else fetch all of it.

        Raises RangesIgnored, with nothing kept, if the server knows no ranges, CorruptArtifact, and what
        `Transfer.run` raises.
        """
        self.make(file, reassembly, FileProgress(self._progress, file))
        self._progress.file_done(file)

    def make(self, file: ManifestFile, reassembly: Reassembly, told: FileProgress) -> None:
        """The same for what need not be one of the version's files: it is told as `told` says."""
        with self._cache.lock(self._cache.own(file.sha256), lambda: self._connections.stopped) as locked:
            if self._cache.has_blob(file):  # another process fetched it meanwhile
                told.reused(file.size)
                return
            path = self._cache.part_path(file.sha256) if locked else self._cache.temporary()
            for attempt in (reassembly, fetch_whole(file)):
                with PartFile(path, file.size) as part:
                    told.reused(part.done)  # it came before, and is not fetched again
                    try:
                        good = self._fill(part, file, attempt, told) or self._mend(part, file, attempt, told)
                    except RangesIgnored:
                        told.reset()
                        part.discard()
                        raise
                    if good:
                        part.close()
                        self._cache.publish_blob(path, file.sha256)
                        part.forget_progress()
                        return
                    told.reset()
                    part.discard()
        raise corrupt(file)

    def _fill(self, part: PartFile, file: ManifestFile, reassembly: Reassembly, told: FileProgress) -> bool:
        """Make what is missing of a part; True if the whole, hashed alongside, is what it should be."""
        ranges = []
        for index in part.unfinished():
            here = reassembly.is_cached(part.next_byte(index), part.end(index))
            threads = self._copiers if here else self._workers
            ranges.append(threads.submit(self._fill_range, part, index, file, reassembly, told))
        for filling in ranges:
            filling.add_done_callback(part.watch)
        try:
            return _follow(part) == file.sha256
        finally:
            for filling in ranges:
                filling.cancel()
            wait(ranges)

    def _fill_range(
        self, part: PartFile, index: int, file: ManifestFile, reassembly: Reassembly, told: FileProgress
    ) -> None:
        while (position := part.next_byte(index)) < part.end(index):
            self._connections.check()
            segment = reassembly.at(position)
            end = min(segment.end, part.end(index))
            if segment.base is not None:
                told.reused(self._copy(part, index, end, segment, segment.base))
            if part.next_byte(index) < end:
                self._transfer.run(file, FileRange(part, index, end, told))

    def _copy(self, part: PartFile, index: int, end: int, segment: Segment, base: ManifestFile) -> int:
        """Copy from the cache; how many bytes, which are fewer if they are not there any more."""
        position = part.next_byte(index)
        try:
            with self._cache.blob_path(base.sha256).open("rb", buffering=0) as source:
                offset = segment.offset + position - segment.start
                part.copy(index, source.fileno(), offset, end - position)
        except FileNotFoundError:
            pass
        return part.next_byte(index) - position

    def _mend(self, part: PartFile, file: ManifestFile, reassembly: Reassembly, told: FileProgress) -> bool:
        """Fetch the chunks again that are not what the map says; True if the whole is right then."""
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
            told.refetched(end - start)
        return _follow(part) == file.sha256


def corrupt(file: ManifestFile) -> CorruptArtifact:
    """The error for a content that came out wrong again and again."""
    return CorruptArtifact(
        f"The provider sent {file.path!r} twice with content that is not the one its manifest names. Nothing "
        "of it was kept. Tell the provider."
    )


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


def _runs(chunks: Iterable[Chunk]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of chunks that follow one another."""
    start = end = 0
    for chunk in chunks:
        if chunk.start != end:
            if start < end:
                yield start, end
            start = chunk.start
        end = chunk.end
    if start < end:
        yield start, end
