"""How many bytes a thread asks its connection for at once."""

from __future__ import annotations

SMALLEST_READ = 64 * 1024
_SHORT_SECONDS = 0.05
_LONG_SECONDS = 0.2


class ReadSize:
    """Bytes of a next read, from 64 KiB to `most`, by how long the last one took to fill.

    Large reads cost less CPU, but what of one has arrived is lost if the process is killed: on a slow line
    they stay small.
    """

    def __init__(self, most: int) -> None:
        self.bytes = SMALLEST_READ
        self._most = most

    def adapt(self, count: int, seconds: float) -> None:
        """Learn from a read of `count` bytes that took so many seconds."""
        if seconds > _LONG_SECONDS:
            self.bytes = max(self.bytes // 2, SMALLEST_READ)
        elif seconds < _SHORT_SECONDS and count >= self.bytes:
            self.bytes = min(self.bytes * 2, self._most)
