"""Progress observers: what the threads of a download report to."""

from __future__ import annotations

import threading
from typing import Protocol

from model_sharing.downloads.plan import Plan
from model_sharing_protocol.manifest import ManifestFile


class ProgressObserver(Protocol):
    """Observer of a download's progress. Sizes are in bytes; negative ones take something back."""

    def begin(self, plan: Plan) -> None:
        """Begin to fetch what the plan lacks."""

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Count bytes that arrived; `file` says of which one, if it is a large one."""

    def reused(self, size: int, file: ManifestFile) -> None:
        """Count bytes of a missing file found in other files, or from where it was cut off before."""

    def file_done(self, file: ManifestFile | None = None) -> None:
        """Count a file that is complete and verified."""

    def end(self) -> None:
        """End, once after `begin`, however the download ended."""


class NoObserver:
    """Observer that ignores everything."""

    def begin(self, plan: Plan) -> None:
        """Do nothing."""

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Do nothing."""

    def reused(self, size: int, file: ManifestFile) -> None:
        """Do nothing."""

    def file_done(self, file: ManifestFile | None = None) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class FileProgress:
    """Progress of one large file, so that all of it can be taken back."""

    def __init__(self, observer: ProgressObserver, file: ManifestFile) -> None:
        self._observer = observer
        self._file = file
        self._lock = threading.Lock()
        self._arrived = 0
        self._reused = 0

    def advance(self, size: int) -> None:
        """Count bytes that arrived."""
        with self._lock:
            self._arrived += size
        self._observer.advance(size, self._file)

    def reused(self, size: int) -> None:
        """Count bytes that were in the cache."""
        with self._lock:
            self._reused += size
        self._observer.reused(size, self._file)

    def refetched(self, size: int) -> None:
        """Move bytes from reused to fetched: those found in the cache turned out to be wrong."""
        size = min(size, self._reused)
        self.reused(-size)
        self.advance(size)

    def reset(self) -> None:
        """Take all back: the file has to be fetched from the start."""
        self.advance(-self._arrived)
        self.reused(-self._reused)
