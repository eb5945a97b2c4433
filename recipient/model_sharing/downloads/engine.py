"""Fetching missing contents in parallel, verified before they become blobs.

Small files are fetched in `packs` where the provider offers them. Others of up to 16 MiB are fetched whole,
one request each, and hashed as they arrive. Larger ones, and those of which something is here already
(`deltas`), are put together from ranges (`large_files`) or made of one that is here (`from_base`). What comes
with a wrong digest is fetched once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from model_sharing.cache.store import Cache
from model_sharing.downloads.apply_delta import DeltaApplier
from model_sharing.downloads.large_files import LargeFiles, corrupt
from model_sharing.downloads.packs import PackFetcher, packable, packs_of
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.downloads.progress_observer import ProgressObserver
from model_sharing.downloads.reassembly import Reassembly, fetch_whole
from model_sharing.downloads.reuse_planner import PlannedDelta, ReusePlanner
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import PACK, FileUrls
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.errors import Interrupted
from model_sharing_protocol.manifest import ManifestFile

_LARGE_FILES_AT_ONCE = 2


class Engine:
    """One download of several contents into the cache's blobs, over `jobs` connections."""

    def __init__(
        self,
        cache: Cache,
        connections: Connections,
        urls: FileUrls,
        *,
        planner: ReusePlanner,
        progress: ProgressObserver,
        jobs: int,
    ) -> None:
        self._cache = cache
        self._connections = connections
        self._transfer = Transfer(connections, urls)
        self._packs = PackFetcher(cache, connections, self._transfer, progress) if PACK in urls else None
        self._progress = progress
        self._jobs = jobs
        self._workers = ThreadPoolExecutor(jobs, "model-sharing-fetch")
        self._followers = ThreadPoolExecutor(_LARGE_FILES_AT_ONCE, "model-sharing-follow")
        self._copiers = ThreadPoolExecutor(1, "model-sharing-copy")
        self._planner = planner
        self._large_files = LargeFiles(
            cache,
            connections,
            self._transfer,
            self._workers,
            self._copiers,
            planner=planner,
            progress=progress,
        )
        self._delta_applier = DeltaApplier(cache, connections, self._large_files, progress)

    def run(self, files: Sequence[ManifestFile]) -> None:
        """Fetch every content, or raise the first error; what has arrived of large files is kept."""
        try:
            reassemblies = self._planner.reassemblies(files)
            deltas = self._planner.deltas(files, reassemblies)
            planned = reassemblies.keys() | deltas.keys()
            large = [file for file in files if file.size > RANGE_BYTES or file.sha256 in planned]
            small = [file for file in files if file.size <= RANGE_BYTES and file.sha256 not in planned]
            futures = [
                self._followers.submit(
                    self._fetch_large,
                    file,
                    reassemblies.get(file.sha256) or fetch_whole(file),
                    deltas.get(file.sha256),
                )
                for file in large
            ]
            futures.append(self._workers.submit(self._planner.fetch_maps))
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
            self._copiers.shutdown(cancel_futures=True)
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
        raise corrupt(file)

    def _fetch_large(self, file: ManifestFile, reassembly: Reassembly, planned: PlannedDelta | None) -> None:
        if planned is not None and self._delta_applier.make(file, planned):
            return
        try:
            self._large_files.fetch(file, reassembly)
        except RangesIgnored:
            self._fetch_verified(file, self._cache.temporary())


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """Raise a failed future's error; Interrupted only if nothing says more."""
    errors = [
        error
        for future in futures
        if future.done() and not future.cancelled() and (error := future.exception()) is not None
    ]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error
