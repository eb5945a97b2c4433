"""Progress as text: phase, bytes, rate and time left, in lines or below a notebook's cell."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

from model_sharing_protocol.console.output import announce, human_size
from model_sharing_protocol.printable import printable
from model_sharing_protocol.progress import Progress

SECONDS_BETWEEN_DISPLAYS = 0.5
SECONDS_BETWEEN_LINES = 2.0


class ProgressDescriber:
    """Describes progress in words; the rate is that of the present phase, without what was reused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first = Progress("")
        self._started = 0.0

    def describe(self, now: Progress) -> str:
        """One line: `fetching: 2.0 MiB of 4.0 MiB, 1 of 3 files, 1.0 MiB were here, 2.0 MiB/s, 1 s left`."""
        if now.phase != self._first.phase:
            self._first, self._started = now, self._clock()
        parts = []
        if now.bytes_total is not None:
            parts.append(f"{human_size(now.bytes_done)} of {human_size(now.bytes_total)}")
        if now.files_total:
            parts.append(f"{now.files_done} of {now.files_total} files")
        if now.reused:
            parts.append(f"{human_size(now.reused)} were here")
        if rate := self._rate(now):
            parts.append(f"{human_size(rate)}/s")
            if now.bytes_total is not None and now.bytes_done < now.bytes_total:
                parts.append(f"{-(-(now.bytes_total - now.bytes_done) // rate)} s left")
        return printable(f"{now.phase}: {', '.join(parts)}" if parts else now.phase)

    def _rate(self, now: Progress) -> int:
        """Whole bytes a second; 0 where that cannot be said yet."""
        seconds = self._clock() - self._started
        moved = (now.bytes_done - now.reused) - (self._first.bytes_done - self._first.reused)
        return int(moved / seconds) if seconds > 0 and moved > 0 else 0


class NotebookDisplay:
    """Progress bar and a line of text below a notebook's cell, from when there is something to count.

    It is replaced at most twice a second, and at the end.
    """

    def __init__(self, display: Callable[..., Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._display = display
        self._clock = clock
        self._describer = ProgressDescriber(clock)
        self._shown: Any = None
        self._shown_at = 0.0

    def __call__(self, now: Progress) -> None:
        line = self._describer.describe(now)
        if self._shown is None and (now.bytes_total is None or now.phase == "done"):
            return
        if now.phase != "done" and self._clock() < self._shown_at + SECONDS_BETWEEN_DISPLAYS:
            return
        value = f' value="{now.bytes_done}" max="{now.bytes_total or 1}"' if now.bytes_total else ""
        page = f"<div><progress{value}></progress> {escape(line)}</div>"
        content = {"text/html": page, "text/plain": line}
        if self._shown is None:
            self._shown = self._display(content, raw=True, display_id=True)
        else:
            self._shown.update(content, raw=True)
        self._shown_at = self._clock()


class TextLines:
    """Progress lines on standard error, one for each phase and one every two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._describer = ProgressDescriber(clock)
        self._phase = ""
        self._written_at = 0.0

    def __call__(self, now: Progress) -> None:
        line = self._describer.describe(now)
        if now.phase == self._phase and self._clock() < self._written_at + SECONDS_BETWEEN_LINES:
            return
        announce(line)
        self._phase, self._written_at = now.phase, self._clock()
