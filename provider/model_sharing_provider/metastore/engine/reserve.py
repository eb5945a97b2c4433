"""Room on the database's disk that is kept for deletions: what frees space has to run when there is none.

It is a file beside the database. A deletion on a full disk takes its room, and gives it back when the
database has settled. A process that cannot even open the database there takes a little for that.
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
    """One file. Nothing here raises: without a reserve, deletions are writes like all others."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def free_bytes(self) -> int:
        """Free bytes on the disk that this process may use."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return RESERVE_BYTES  # nobody knows
        return disk.f_frsize * (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail)

    def fill(self) -> None:
        """Make it whole where that leaves plenty of room for others."""
        if self._size() < RESERVE_BYTES and self.free_bytes() >= _LEFT_FOR_OTHERS:
            self._grow(RESERVE_BYTES)

    def give(self) -> None:
        """Give all of it to whoever deletes, if the disk is about full."""
        if self.free_bytes() < RESERVE_BYTES:
            self._path.unlink(missing_ok=True)

    def take_back(self) -> None:
        """Take what is free after a deletion, at most what was given."""
        if (missing := RESERVE_BYTES - self._size()) > 0:
            self._grow(self._size() + min(missing, max(0, self.free_bytes() - _MARGIN_BYTES)))

    def lend(self) -> bool:
        """Give a little to open the database with; False if there is nothing left to give."""
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
