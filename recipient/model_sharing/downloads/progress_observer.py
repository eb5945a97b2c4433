"""What the engine tells of a download, from many threads."""

from __future__ import annotations

import threading
from typing import Protocol

from model_sharing.downloads.plan import Plan
from model_sharing_protocol.manifest import ManifestFile


class ProgressObserver(Protocol):
    """What an observer of a download is told. Sizes are in bytes; negative ones take something back."""

    def begin(self, plan: Plan) -> None:
        """Something is missing and will be fetched now."""

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Bytes arrived; `file` says of which one, if it is a large one."""

    def reused(self, size: int, file: ManifestFile) -> None:
        """Bytes of a missing file were found here, in other files or where it was cut off before."""

    def file_done(self, file: ManifestFile | None = None) -> None: ...

    def end(self) -> None:
        """Called once after `begin`, however the download ended."""


class NoObserver:
    """Nobody watches."""

    def begin(self, plan: Plan) -> None: ...

    def advance(self, size: int, file: ManifestFile | None = None) -> None: ...

    def reused(self, size: int, file: ManifestFile) -> None: ...

    def file_done(self, file: ManifestFile | None = None) -> None: ...

    def end(self) -> None: ...


class FileProgress:
    """Tells of one large file, so that all of it can be taken back."""

    def __init__(self, observer: ProgressObserver, file: ManifestFile) -> None:
        self._observer = observer
        self._file = file
        self._lock = threading.Lock()
        self._arrived = 0
        self._reused = 0

    def advance(self, size: int) -> None:
        with self._lock:
            self._arrived += size
        self._observer.advance(size, self._file)

    def reused(self, size: int) -> None:
        with self._lock:
            self._reused += size
        self._observer.reused(size, self._file)

    def refetched(self, size: int) -> None:
        """Bytes that were found here turned out to be wrong, and were fetched after all."""
        size = min(size, self._reused)
        self.reused(-size)
        self.advance(size)

    def reset(self) -> None:
        """The file has to be fetched from the start."""
        self.advance(-self._arrived)
        self.reused(-self._reused)
