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


def watcher(*, quiet: bool = False) -> Progress:
    """A bar on standard error if that is a terminal, else nothing."""
    console = Console(stderr=True)
    return TerminalProgress(console) if console.is_terminal and not quiet else Silent()
