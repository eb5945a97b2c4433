"""Progress bar on standard error while bytes move, for both command lines."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from model_sharing_protocol.printable import printable
from model_sharing_protocol.progress import Progress as Now


def transfer_progress(
    *more: ProgressColumn, console: Console | None = None, transient: bool = False
) -> Progress:
    """Progress display: description, bar, bytes, rate, time left and `more`; hidden without a terminal."""
    console = console or Console(stderr=True)
    return Progress(
        _Description(),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        *more,
        console=console,
        transient=transient,
        disable=not console.is_terminal,
    )


class _Description(ProgressColumn):
    """Description of a bar: the name of a file or model, chosen by others and so never markup."""

    def render(self, task: Task) -> Text:
        return Text(printable(task.description))


class ProgressBar:
    """Progress bar for work in phases, cleared at the end; `show` is its progress callback.

    Rate and time left are those of the phase.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = transfer_progress(
            TextColumn("{task.fields[files]}", markup=False), console=console, transient=True
        )
        self._phase = ""
        self._task = self._bar.add_task("", total=None, files="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, now: Now) -> None:
        if now.phase != self._phase:
            self._phase = now.phase
            self._bar.remove_task(
                self._task
            )  # the next phase's total may be unknown, and rich cannot unset a known one
            self._task = self._bar.add_task(now.phase, total=now.bytes_total, files="")
        files = f"{now.files_done}/{now.files_total} files" if now.files_total else ""
        self._bar.update(self._task, completed=now.bytes_done, total=now.bytes_total, files=files)
