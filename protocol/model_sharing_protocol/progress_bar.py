"""A progress bar on standard error while bytes move, for both command lines."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from model_sharing_protocol.printable import printable


def transfer_progress(
    *more: ProgressColumn, console: Console | None = None, transient: bool = False
) -> Progress:
    """Description, bar, bytes, rate and time left, and `more`; nothing where there is no terminal."""
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
    """What a bar is about: the name of a file or model as others chose it, so never markup."""

    def render(self, task: Task) -> Text:
        return Text(printable(task.description))
