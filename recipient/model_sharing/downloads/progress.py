"""Telling a person how a download goes. The engine calls these from many threads."""

from __future__ import annotations

import threading
from typing import Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress

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


class TerminalProgress:
    """Bars with bytes, rate and time left: one for each large file that is on its way, one for everything.

    They appear only when something is fetched. The last one counts what has to be; a file's, all of it.
    """

    def __init__(self, console: Console) -> None:
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[files]}"),
            console=console,
            transient=False,
        )
        self._lock = threading.Lock()
        self._files = 0
        self._done = 0
        self._size = 0
        self._reused = 0
        self._rows: dict[ManifestFile, TaskID] = {}
        self._task = self._bar.add_task("fetching", total=None, files="", start=False)

    def begin(self, plan: Plan) -> None:
        self._files = len(plan.missing)
        if plan.reused_files:
            self._bar.console.print(
                f"{plan.reused_files} of {len(plan.manifest.files)} files are here already.", highlight=False
            )
        self._size = plan.size
        self._show()
        self._bar.start()
        self._bar.start_task(self._task)

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        self._bar.advance(self._task, size)
        if file is not None:
            self._bar.advance(self._row(file), size)

    def reused(self, size: int, file: ManifestFile) -> None:
        row = self._row(file)
        with self._lock:
            self._reused += size
            self._show()
        self._bar.advance(row, size)

    def file_done(self, file: ManifestFile | None = None) -> None:
        with self._lock:
            self._done += 1
            self._show()
            if file in self._rows:
                self._bar.remove_task(self._rows.pop(file))

    def end(self) -> None:
        self._bar.stop()

    def _row(self, file: ManifestFile) -> TaskID:
        with self._lock:
            if file not in self._rows:
                self._rows[file] = self._bar.add_task(file.path, total=file.size, files="")
            return self._rows[file]

    def _show(self) -> None:
        here = f", {decimal(self._reused)} were here" if self._reused else ""
        files = f"{self._done}/{self._files} files{here}"
        self._bar.update(self._task, total=self._size - self._reused, files=files)


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


class TerminalPull:
    """One bar for everything that is pulled."""

    def __init__(self, console: Console) -> None:
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=None)
        self._versions = 0
        self._versions_done = 0
        self._size_done = 0

    def expect(self, versions: int, size: int) -> None:
        self._versions = versions
        self._bar.update(self._task, total=size, description=f"0/{versions} versions")
        self._bar.start()

    def begin(self, plan: Plan) -> None:
        self.advance(plan.manifest.size - plan.size)

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        self._bar.advance(self._task, size)

    def reused(self, size: int, file: ManifestFile) -> None:
        self.advance(size)

    def file_done(self, file: ManifestFile | None = None) -> None: ...

    def end(self) -> None: ...

    def version_done(self, size: int) -> None:
        self._versions_done += 1
        self._size_done += size
        counted = f"{self._versions_done}/{self._versions} versions"
        self._bar.update(self._task, completed=self._size_done, description=counted)

    def close(self) -> None:
        self._bar.stop()


def pull_watcher(*, quiet: bool = False) -> PullProgress:
    """A bar on standard error if that is a terminal, else nothing."""
    console = Console(stderr=True)
    return TerminalPull(console) if console.is_terminal and not quiet else SilentPull()


def watcher(*, quiet: bool = False) -> Progress:
    """A bar on standard error if that is a terminal, else nothing."""
    console = Console(stderr=True)
    return TerminalProgress(console) if console.is_terminal and not quiet else Silent()
