"""Positioned I/O: files that several threads read and write at once, on every platform."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends


class PositionedFile:
    """File without a position of its own, open to read and write; it is made if it is not there.

    POSIX reads and writes at an offset; elsewhere, as on Windows, the position is moved there, under a lock.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        self._moving = threading.Lock()
        self._closed = False

    def fileno(self) -> int:
        """File descriptor."""
        return self._descriptor

    def resize(self, size: int) -> None:
        """Set the size."""
        os.ftruncate(self._descriptor, size)

    def read(self, count: int, offset: int) -> bytes:
        """Read at most `count` bytes, none at the end of the file."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, count, offset)
        with self._moving:
            return read_at(self._descriptor, count, offset)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Read into the buffer as far as one read does; the number of bytes."""
        if hasattr(os, "preadv"):
            return os.preadv(self._descriptor, [buffer], offset)
        data = self.read(len(buffer), offset)
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Write all of the data."""
        view = memoryview(data)
        while view:
            written = self._write_some(view, offset)
            view = view[written:]
            offset += written

    def close(self) -> None:
        """Close the file; more than once is no harm."""
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)

    def _write_some(self, view: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._descriptor, view, offset)
        with self._moving:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.write(self._descriptor, view)


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Read at most `count` bytes of a file that no other thread uses, where the platform has no `pread`."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, count)
