"""Telling a person how a download goes. The engine calls these from many threads."""

from __future__ import annotations

import threading
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress

from model_sharing.downloads.plan import Plan


class Progress(Protocol):
    """What an observer of a download is told. Sizes are in bytes and may be negative in `advance`."""

    def begin(self, plan: Plan) -> None:
        """Something is missing and will be fetched now."""

    def advance(self, size: int) -> None: ...

    def file_done(self) -> None: ...

    def end(self) -> None:
        """Called once after `begin`, however the download ended."""


class Silent:
    """Nobody watches."""

    def begin(self, plan: Plan) -> None: ...

    def advance(self, size: int) -> None: ...

    def file_done(self) -> None: ...

    def end(self) -> None: ...


class TerminalProgress:
    """A bar with bytes, rate, time left and files; it appears only when something is fetched."""

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
        self._task = self._bar.add_task("fetching", total=None, files="", start=False)

    def begin(self, plan: Plan) -> None:
        self._files = len(plan.missing)
        if plan.reused_files:
            self._bar.console.print(
                f"{plan.reused_files} of {len(plan.manifest.files)} files are here already.", highlight=False
            )
        self._bar.update(self._task, total=plan.size, files=f"0/{self._files} files")
        self._bar.start()
        self._bar.start_task(self._task)

    def advance(self, size: int) -> None:
        self._bar.advance(self._task, size)

    def file_done(self) -> None:
        with self._lock:
            self._done += 1
            self._bar.update(self._task, files=f"{self._done}/{self._files} files")

    def end(self) -> None:
        self._bar.stop()


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

    def advance(self, size: int) -> None:
        self._bar.advance(self._task, size)

    def file_done(self) -> None: ...

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
