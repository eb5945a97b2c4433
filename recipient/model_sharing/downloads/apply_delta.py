"""Large files made by applying XOR deltas to others that are in the cache.

A delta is applied while it arrives, block by block. What it makes is hashed while it is written, and counts
only if the sha256 is the file's. Whatever goes wrong, the file is fetched as if there were no delta.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import BinaryIO

from model_sharing.downloads.arriving_file import ArrivingFile, arriving_file
from model_sharing.downloads.job import Job
from model_sharing.downloads.progress_observer import FileProgress, NoObserver
from model_sharing.downloads.reuse_planner import PlannedDelta
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.errors import CorruptArtifact, SharingError
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.xor_deltas import restore


class DeltaApplier:
    """Fetches deltas, by the threads of `workers`, and makes blobs of them."""

    def __init__(self, job: Job, transfer: Transfer, workers: Executor) -> None:
        self._job = job
        self._transfer = transfer
        self._workers = workers

    def make(self, file: ManifestFile, planned: PlannedDelta) -> bool:
        """Put the file into the cache; False, with nothing changed, if the delta does not make it.

        Raises Interrupted.
        """
        delta, base = planned
        progress = FileProgress(self._job.progress, file)
        made = False
        with contextlib.suppress(SharingError, RangesIgnored, OSError, KeyError):
            began = time.monotonic()
            with (
                self._job.cache.blob_path(base.sha256).open("rb") as old,  # which nobody can take away now
                arriving_file(self._job, self._transfer, self._workers, delta, progress) as arriving,
            ):
                made = self._apply(file, delta, arriving, old)
            if made:
                seconds = time.monotonic() - began
                self._job.rates.record_delta(delta.size, file.size, seconds, arriving.waited)
            else:
                self._job.cache.has_blob(base, verify=True)  # it may be damaged: then it is dropped
        self._job.connections.check()
        if not made:
            progress.reset()
            return False
        progress.reused(file.size - delta.size)
        self._job.progress.file_done(file)
        return True

    def _apply(self, file: ManifestFile, delta: ManifestFile, arriving: ArrivingFile, base: BinaryIO) -> bool:
        cache = self._job.cache
        with cache.scratch() as path:
            with (
                WholeFile(path, file.size, NoObserver()) as target,
                ThreadPoolExecutor(os.cpu_count(), "model-sharing-delta") as threads,
            ):
                for piece in restore(arriving, base, file.size, threads):
                    self._job.connections.check()
                    target.accept(memoryview(piece))
            if arriving.hexdigest() != delta.sha256:
                raise CorruptArtifact(f"{delta.path!r} is not the delta that was announced.")
            if target.hexdigest() != file.sha256:
                return False
            cache.publish_blob(path, file.sha256)
            return True
