"""Telling a person how a download goes. The engine calls these from many threads."""

from __future__ import annotations

import sys
import threading
from typing import Protocol

from model_sharing.downloads.plan import Plan
from model_sharing_protocol.manifest import ManifestFile


class Progress(Protocol):
    """What an observer of a download is told. Sizes are in bytes; negative ones take something back."""

    def begin(self, plan: Plan) -> None:
        """Something is missing and will be fetched now."""

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Bytes arrived; `file` says of which one, if it is a large one."""

    def reused(self, size: int, file: ManifestFile) -> None:
        """Bytes of a missing file were found in other files here, and need not be fetched."""

    def file_done(self, file: ManifestFile | None = None) -> None: ...

    def end(self) -> None:
        """Called once after `begin`, however the download ended."""


class Silent:
    """Nobody watches."""

    def begin(self, plan: Plan) -> None: ...

    def advance(self, size: int, file: ManifestFile | None = None) -> None: ...

    def reused(self, size: int, file: ManifestFile) -> None: ...

    def file_done(self, file: ManifestFile | None = None) -> None: ...

    def end(self) -> None: ...


class Counting:
    """Passes on what a download tells, and counts in `fetched` the bytes that could not be found here."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self.fetched = 0
        self.advance = progress.advance
        self.file_done = progress.file_done
        self.end = progress.end

    def begin(self, plan: Plan) -> None:
        with self._lock:
            self.fetched += plan.size
        self._progress.begin(plan)

    def reused(self, size: int, file: ManifestFile) -> None:
        with self._lock:
            self.fetched -= size
        self._progress.reused(size, file)


class FileProgress:
    """Tells of one large file, so that all of it can be taken back."""

    def __init__(self, progress: Progress, file: ManifestFile) -> None:
        self._progress = progress
        self._file = file
        self._lock = threading.Lock()
        self._arrived = 0
        self._reused = 0

    def advance(self, size: int) -> None:
        with self._lock:
            self._arrived += size
        self._progress.advance(size, self._file)

    def reused(self, size: int) -> None:
        with self._lock:
            self._reused += size
        self._progress.reused(size, self._file)

    def take_back(self) -> None:
        """The file has to be fetched from the start."""
        self.advance(-self._arrived)
        self.reused(-self._reused)


class PullProgress(Progress, Protocol):
    """What an observer of several downloads, one after another, is told."""

    def expect(self, versions: int, size: int) -> None:
        """All together; some of it may be here already."""

    def version_done(self, size: int) -> None:
        """A version that was expected with this size is here, or failed."""

    def close(self) -> None: ...


class SilentPull(Silent):
    """Nobody watches."""

    def expect(self, versions: int, size: int) -> None: ...

    def version_done(self, size: int) -> None: ...

    def close(self) -> None: ...


def pull_watcher(*, quiet: bool = False) -> PullProgress:
    """A bar on standard error if that is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        return SilentPull()
    from model_sharing.downloads.bars import PullBar  # noqa: PLC0415  # drawing is for those who look

    return PullBar()


def watcher(*, quiet: bool = False) -> Progress:
    """Bars on standard error if that is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        return Silent()
    from model_sharing.downloads.bars import DownloadBars  # noqa: PLC0415

    return DownloadBars()
