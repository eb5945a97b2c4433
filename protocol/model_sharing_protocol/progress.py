"""Progress of long operations, in phases and bytes, for both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of one phase of an operation; sizes are in bytes.

    `phase` is a word for people, such as `fetching`, and `done` at the very end. `bytes_total` is None if it
    is unknown. `reused` is the part of `bytes_done` that was present already and not fetched. Damaged bytes
    are subtracted again, so `bytes_done` may shrink.
    """

    phase: str
    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int = 0
    reused: int = 0


ProgressCallback = Callable[[Progress], None]


class Meter:
    """Counter of bytes and files through the phases of an operation; the callback may be None.

    Not thread-safe.
    """

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._phase = ""
        self._bytes_done = 0
        self._bytes_total: int | None = None
        self._files_done = 0
        self._files_total = 0

    def begin(self, phase: str, bytes_total: int | None = None, files_total: int = 0) -> None:
        """Begin the next phase, and count from 0."""
        self._phase, self._bytes_total, self._files_total = phase, bytes_total, files_total
        self._bytes_done = self._files_done = 0
        self._tell()

    def advance(self, size: int) -> None:
        """Count bytes that are done, even if their file is not."""
        self._bytes_done += size
        self._tell()

    def file_done(self) -> None:
        self._files_done += 1
        self._tell()

    def expect(self, size: int) -> None:
        """Increase the total by this many bytes."""
        self._bytes_total = (self._bytes_total or 0) + size

    def _tell(self) -> None:
        if self._callback is not None:
            total = None if self._bytes_total is None else max(self._bytes_total, self._bytes_done)
            self._callback(
                Progress(self._phase, self._bytes_done, total, self._files_done, self._files_total)
            )
