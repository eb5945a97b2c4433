"""Progress displays: bars in a terminal, a line of HTML in a notebook, lines of text elsewhere if asked for.

A notebook needs no extension for it, such as ipywidgets: one display is replaced by the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from model_sharing.downloads.progress_observer import NoObserver, ProgressObserver
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.progress import Progress, ProgressCallback

ShowProgress = bool | ProgressCallback | None
"""True shows progress, False does not, None does in a terminal and in a notebook; a callable is told it."""


class Display(NamedTuple):
    """Progress display: the download's threads tell the `observer`, the waiting one its `callback`."""

    observer: ProgressObserver
    callback: ProgressCallback | None

    def show(self, now: Progress) -> None:
        """Show the progress that the waiting thread sees."""
        if self.callback is not None:
            self.callback(now)

    def done(self, now: Progress) -> None:
        """Show that all is done, in the end."""
        self.show(replace(now, phase="done"))


@contextmanager
def open_display(wanted: ShowProgress, *, several: bool = False) -> Iterator[Display]:
    """Open the display that a `progress=` argument asks for; `several` for more than one download."""
    if wanted is None or wanted is True:
        if sys.stderr is not None and sys.stderr.isatty():
            with _in_terminal(several) as display:
                yield display
            return
        yield Display(NoObserver(), _outside_of_terminal(always=wanted is True))
    elif wanted is False:
        yield Display(NoObserver(), None)
    elif callable(wanted):
        yield Display(NoObserver(), wanted)
    else:
        raise InvalidParameter(f"progress is {wanted!r}; give True, False, None or something to call.")


@contextmanager
def _in_terminal(several: bool) -> Iterator[Display]:
    if several:
        from model_sharing_protocol.console.progress_bar import ProgressBar  # noqa: PLC0415  # drawing takes a while

        with ProgressBar() as bar:
            yield Display(NoObserver(), bar.show)
    else:
        from model_sharing.api.progress_bars import DownloadBars  # noqa: PLC0415  # to import

        yield Display(DownloadBars(), None)


def _outside_of_terminal(*, always: bool) -> ProgressCallback | None:
    display = _notebook_display()
    if display is None and not always:
        return None
    from model_sharing.api.progress_text import NotebookDisplay, TextLines  # noqa: PLC0415 - imports click

    return NotebookDisplay(display) if display else TextLines()


def _notebook_display() -> Callable[..., Any] | None:
    """IPython's `display` in a notebook's kernel; None in a plain Python or IPython's own terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # noqa: PLC0415  # only there in a notebook

    show: Callable[..., Any] = display
    return show
