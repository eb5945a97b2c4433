"""How many bytes a thread asks its connection for at once."""

from __future__ import annotations

_SMALLEST = 64 * 1024
LARGEST_READ = 512 * 1024
"""Twice as much is no faster, and is in memory once for each connection."""
_SHORT_SECONDS = 0.05
_LONG_SECONDS = 0.2


class ReadSize:
    """Bytes of a next read, from 64 to 512 KiB, by how long the last one took to fill.

    Large reads cost less CPU, but what of one has arrived is lost if the process is killed: on a slow line
    they stay small.
    """

    def __init__(self) -> None:
        self.bytes = _SMALLEST

    def adapt(self, count: int, seconds: float) -> None:
        """Learn from a read of `count` bytes that took so many seconds."""
        if seconds > _LONG_SECONDS:
            self.bytes = max(self.bytes // 2, _SMALLEST)
        elif seconds < _SHORT_SECONDS and count >= self.bytes:
            self.bytes = min(self.bytes * 2, LARGEST_READ)
