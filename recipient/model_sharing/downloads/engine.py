"""Download engine: fetches missing contents in parallel, verified before they become blobs.

Small files are fetched in `packs` where the provider offers them. Others of up to 16 MiB are fetched whole,
one request each, and hashed as they arrive. Larger ones, and those of which something is in the cache already
(`reuse_planner`), are put together from ranges (`large_files`) or made by a delta (`apply_delta`). What comes
with a wrong digest is fetched once more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from model_sharing.downloads.apply_delta import DeltaApplier
from model_sharing.downloads.job import Job
from model_sharing.downloads.joining_threads import JoiningThreads, WorkMeter
from model_sharing.downloads.large_files import COPIERS, LargeFiles, corrupt_artifact
from model_sharing.downloads.packs import PackFetcher, make_packs, packable
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.downloads.reassembly import Reassembly, fetch_whole
from model_sharing.downloads.reuse_planner import PlannedDelta, ReusePlanner
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.file_urls import PACK
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.errors import Interrupted
from model_sharing_protocol.manifest import ManifestFile

_LARGE_FILES_AT_ONCE = 2


class Engine:
    """Threads that fetch several contents of one job into the cache's blobs. It runs once."""

    def __init__(self, job: Job, planner: ReusePlanner) -> None:
        self._job = job
        self._planner = planner
        self._transfer = Transfer(job.connections, job.urls)
        self._packs = PackFetcher(job, self._transfer) if PACK in job.urls else None
        self._workers = ThreadPoolExecutor(job.parallel, "model-sharing-fetch")
        self._pack_follower = ThreadPoolExecutor(1, "model-sharing-packs")
        self._followers = ThreadPoolExecutor(_LARGE_FILES_AT_ONCE, "model-sharing-follow")
        self._copiers = ThreadPoolExecutor(COPIERS, "model-sharing-copy")
        self._large_files = LargeFiles(job, planner, self._transfer, self._workers, self._copiers)
        self._delta_applier = DeltaApplier(job, self._transfer, self._workers)
        self._reuses = False

    def run(self, files: Sequence[ManifestFile]) -> None:
        """Fetch every content, or raise the first error; what has arrived of large files is kept."""
        began = time.monotonic()
        lacking = sum(map(self._bytes_to_fetch, files))
        try:
            futures = list(self._submit(files))
            wait(futures, return_when=FIRST_EXCEPTION)
            raise_first(futures)
            if not self._reuses:
                self._job.rates.record_arrival(lacking, time.monotonic() - began)
        except BaseException:
            self._job.connections.stop()
            raise
        finally:
            self._pack_follower.shutdown(cancel_futures=True)
            self._followers.shutdown(cancel_futures=True)
            self._workers.shutdown(cancel_futures=True)
            self._copiers.shutdown(cancel_futures=True)
            self._job.connections.close()

    def _bytes_to_fetch(self, file: ManifestFile) -> int:
        return self._planner.bytes_to_fetch(file, None) if file.size > RANGE_BYTES else file.size

    def _submit(self, files: Sequence[ManifestFile]) -> Iterator[Future[None]]:
        """Submit large files first, since they take longest; then chunk maps, packs, single small files."""
        reassemblies = self._planner.reassemblies(files)
        deltas = self._planner.deltas(files, reassemblies)
        planned = reassemblies.keys() | deltas.keys()
        self._reuses = bool(planned)
        small = []
        for file in files:
            if file.size <= RANGE_BYTES and file.sha256 not in planned:
                small.append(file)
                continue
            reassembly = reassemblies.get(file.sha256) or fetch_whole(file)
            yield self._followers.submit(self._fetch_large, file, reassembly, deltas.get(file.sha256))
        yield self._workers.submit(self._planner.fetch_maps)
        packed = packable(small) if self._packs else []
        packs = deque(make_packs(packed, self._job.parallel))
        yield self._pack_follower.submit(self._fetch_packs, packs)
        alone = set(small) - set(packed)
        for file in small:
            if file in alone:
                yield self._workers.submit(self._fetch_small, file)

    def _fetch_packs(self, packs: deque[list[ManifestFile]]) -> None:
        """Fetch packs by one thread, and by more if they wait for the line."""
        meter = WorkMeter()

        def fetch() -> None:
            meter.begin()
            while True:
                try:
                    pack = packs.popleft()
                except IndexError:
                    return
                self._fetch_pack(pack, meter)

        JoiningThreads(self._workers, fetch, meter, 1, min(self._job.parallel, len(packs))).wait()

    def _fetch_pack(self, files: Sequence[ManifestFile], meter: WorkMeter) -> None:
        assert self._packs is not None  # noqa: S101 - packs are only made where they are offered
        damaged, missing = self._packs.fetch(files, meter)
        for file in (*damaged, *missing):
            self._fetch_small(file, tries=1 if file in damaged else 2)

    def _fetch_small(self, file: ManifestFile, *, tries: int = 2) -> None:
        """Fetch a whole file in one stream, and once more if it came damaged."""
        for _ in range(tries):
            with self._job.cache.scratch() as path:
                with WholeFile(path, file.size, self._job.progress) as target:
                    if file.size:
                        self._transfer.run(file, target)
                    digest = target.hexdigest()
                if digest == file.sha256:
                    self._job.cache.publish_blob(path, file.sha256)
                    self._job.progress.file_done()
                    return
            self._job.progress.advance(-file.size)
        raise corrupt_artifact(file)

    def _fetch_large(self, file: ManifestFile, reassembly: Reassembly, delta: PlannedDelta | None) -> None:
        if delta is not None and self._delta_applier.make(file, delta):
            return
        try:
            self._large_files.fetch(file, reassembly)
        except RangesIgnored:
            self._fetch_small(file)


def raise_first(futures: Sequence[Future[None]]) -> None:
    """Raise a failed future's error; Interrupted only if nothing says more."""
    errors = [
        error
        for future in futures
        if future.done() and not future.cancelled() and (error := future.exception()) is not None
    ]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error
