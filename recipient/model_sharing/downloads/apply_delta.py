"""Large files made of others that are here, by XOR deltas.

A delta is fetched as any large file is, so that what has arrived of it survives a crash. What it makes is
hashed while it is written, and counts only if the sha256 is the file's. Whatever goes wrong, the file is
fetched as if there were no delta.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from model_sharing.cache.store import Cache
from model_sharing.downloads.large_files import LargeFiles
from model_sharing.downloads.progress_observer import FileProgress, NoObserver, ProgressObserver
from model_sharing.downloads.reassembly import fetch_whole
from model_sharing.downloads.reuse_planner import PlannedDelta
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.transfer import RangesIgnored
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.xor_deltas import restore


class DeltaApplier:
    """Fetches deltas and makes blobs of them."""

    def __init__(
        self, cache: Cache, connections: Connections, large_files: LargeFiles, progress: ProgressObserver
    ) -> None:
        self._cache = cache
        self._connections = connections
        self._large_files = large_files
        self._progress = progress

    def make(self, file: ManifestFile, planned: PlannedDelta) -> bool:
        """True if the file is in the cache now; else nothing has happened. Raises Interrupted."""
        delta, base = planned
        told = FileProgress(self._progress, file)
        # Else it may be something else as well: a provider can call anything a delta.
        is_new = not self._cache.blob_path(delta.sha256).exists()
        made = False
        with contextlib.suppress(SharingError, RangesIgnored, OSError, KeyError):
            self._large_files.make(delta, fetch_whole(delta), told)
            try:
                made = self._apply(file, delta, base)
            finally:
                if is_new and not self._connections.stopped:
                    self._cache.blob_path(delta.sha256).unlink(missing_ok=True)
        self._connections.check()
        if not made:
            told.reset()
            return False
        told.reused(file.size - delta.size)
        self._progress.file_done(file)
        return True

    def _apply(self, file: ManifestFile, delta: ManifestFile, base: ManifestFile) -> bool:
        path = self._cache.temporary()
        try:
            with (
                self._cache.blob_path(delta.sha256).open("rb") as packed,
                self._cache.blob_path(base.sha256).open("rb") as old,
                WholeFile(path, file.size, NoObserver()) as target,
                ThreadPoolExecutor(os.cpu_count(), "model-sharing-delta") as threads,
            ):
                for segment in restore(packed, old, file.size, threads):
                    self._connections.check()
                    target.accept(memoryview(segment))
            if target.hexdigest() == file.sha256:
                self._cache.publish_blob(path, file.sha256)
                return True
        finally:
            path.unlink(missing_ok=True)
        self._cache.has_blob(base, verify=True)  # it may be damaged: then it is dropped
        return False
