"""Large files made by applying XOR deltas to others that are in the cache.

A delta is fetched as any large file is, so that what has arrived of it survives a crash. What it makes is
hashed while it is written, and counts only if the sha256 is the file's. Whatever goes wrong, the file is
fetched as if there were no delta.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

from model_sharing.downloads.job import Job
from model_sharing.downloads.large_files import LargeFiles
from model_sharing.downloads.progress_observer import FileProgress, NoObserver
from model_sharing.downloads.reassembly import fetch_whole
from model_sharing.downloads.reuse_planner import PlannedDelta
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.transfer import RangesIgnored
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.xor_deltas import restore


class DeltaApplier:
    """Fetches deltas and makes blobs of them."""

    def __init__(self, job: Job, large_files: LargeFiles) -> None:
        self._job = job
        self._large_files = large_files

    def make(self, file: ManifestFile, planned: PlannedDelta) -> bool:
        """Put the file into the cache; False, with nothing changed, if the delta does not make it.

        Raises Interrupted.
        """
        cache, connections = self._job.cache, self._job.connections
        delta, base = planned
        progress = FileProgress(self._job.progress, file)
        # Else it may be something else as well: a provider can call anything a delta.
        is_new = not cache.blob_path(delta.sha256).exists()
        made = False
        with contextlib.suppress(SharingError, RangesIgnored, OSError, KeyError):
            began = time.monotonic()
            self._large_files.make(delta, fetch_whole(delta), progress)
            fetched = time.monotonic()
            self._job.rates.record_arrival(delta.size, fetched - began)
            try:
                made = self._apply(file, delta, base)
                if made:
                    self._job.rates.record_delta(file.size, time.monotonic() - fetched)
            finally:
                if is_new and not connections.stopped:
                    cache.blob_path(delta.sha256).unlink(missing_ok=True)
        connections.check()
        if not made:
            progress.reset()
            return False
        progress.reused(file.size - delta.size)
        self._job.progress.file_done(file)
        return True

    def _apply(self, file: ManifestFile, delta: ManifestFile, base: ManifestFile) -> bool:
        cache = self._job.cache
        with cache.scratch() as path:
            with (
                cache.blob_path(delta.sha256).open("rb") as packed,
                cache.blob_path(base.sha256).open("rb") as old,
                WholeFile(path, file.size, NoObserver()) as target,
                ThreadPoolExecutor(os.cpu_count(), "model-sharing-delta") as threads,
            ):
                for piece in restore(packed, old, file.size, threads):
                    self._job.connections.check()
                    target.accept(memoryview(piece))
            if target.hexdigest() == file.sha256:
                cache.publish_blob(path, file.sha256)
                return True
        cache.has_blob(base, verify=True)  # it may be damaged: then it is dropped
        return False
