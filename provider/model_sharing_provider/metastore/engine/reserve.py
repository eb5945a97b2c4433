"""Reserve of disk space for deletions: freeing space must work on a full disk.

The reserve is a file beside the database. A deletion on a full disk uses its space, and refills it
afterwards. A process that cannot even open the database uses a little of it for that.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 4 * 2**20
_LEFT_FOR_OTHERS = 4 * RESERVE_BYTES
_LOAN_BYTES = 2**19
_MARGIN_BYTES = 2**18


class Reserve:
    """Reserve file. No method raises: without a reserve, deletions are ordinary writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def free_bytes(self) -> int:
        """Free bytes on the disk that this process may use."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return RESERVE_BYTES  # unknown
        return disk.f_frsize * (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail)

    def fill(self) -> None:
        """Fill the reserve, if that leaves plenty of free space."""
        if self._size() < RESERVE_BYTES and self.free_bytes() >= _LEFT_FOR_OTHERS:
            self._grow(RESERVE_BYTES)

    def give(self) -> None:
        """Release all of the reserve for a deletion, if the disk is nearly full."""
        if self.free_bytes() < RESERVE_BYTES:
            self._path.unlink(missing_ok=True)

    def take_back(self) -> None:
        """Refill the reserve with the space that is free after a deletion."""
        if (missing := RESERVE_BYTES - self._size()) > 0:
            self._grow(self._size() + min(missing, max(0, self.free_bytes() - _MARGIN_BYTES)))

    def lend(self) -> bool:
        """Release a little to open the database with; False if nothing is left."""
        size = self._size()
        if size:
            os.truncate(self._path, max(0, size - _LOAN_BYTES))
        return size > 0

    def is_whole(self) -> bool:
        return self._size() >= RESERVE_BYTES

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def _grow(self, size: int) -> None:
        present = self._size()
        if size <= present:
            return
        try:
            with self._path.open("ab") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.write(bytes(size - present))
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, present)
