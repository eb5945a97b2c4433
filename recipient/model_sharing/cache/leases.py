"""Leases on files in use: a shared `flock` each, which the kernel ends with the process, however it ends.

A forked child keeps what its parent held, since it shares the descriptors; what both hold ends with the last.
File systems without locks hold nothing, and say so to whoever asks for `exclusive`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model_sharing.filesystem.local_files import UNWRITABLE
from model_sharing.filesystem.locks import NO_LOCKS_HERE
from model_sharing_protocol.errors import UnsupportedOperation

try:
    import fcntl
except ImportError:  # Windows, where nobody can rename or delete a file that somebody has open
    fcntl = None  # type: ignore[assignment]

_CANNOT_BE_TOLD = NO_LOCKS_HERE | {errno.EBADF}


@dataclass(slots=True)
class _Held:
    """Lock of this process on one file, and how many users it has."""

    descriptor: int
    count: int


class Leases:
    """Leases of this process, counted: the last `release` of a file unlocks it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Path, _Held] = {}

    def hold(self, path: Path) -> None:
        """Keep `path` from being locked exclusively; FileNotFoundError if there is no such file."""
        with self._lock:
            held = self._held.get(path)
            if held is None:
                self._held[path] = _Held(_share(path), 1)
                return
            if not _is_at(held.descriptor, path):
                held.descriptor = _share(path)
            held.count += 1

    def release(self, path: Path) -> None:
        """Undo one `hold`; KeyError if there is none."""
        with self._lock:
            held = self._held[path]
            held.count -= 1
            if not held.count:
                del self._held[path]
                if _is_at(
                    held.descriptor, path
                ):  # else it may be another file by now: daemons close all they have
                    os.close(held.descriptor)

    def reset_in_child(self) -> None:
        """Replace the lock, which another thread of the parent may have had at the moment of the fork."""
        self._lock = threading.Lock()


leases = Leases()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=leases.reset_in_child)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """True if nobody holds `path`, this process included; nobody can until the end of the block.

    Raises FileNotFoundError if it is gone, UnsupportedOperation where files cannot be locked.
    """
    if fcntl is None:
        yield _can_be_renamed(path)
        return
    descriptor = _open(path)
    try:
        yield _try_exclusive(descriptor, path)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open to lock, which some network disks only let those do who may write."""
    try:
        return os.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return os.open(path, os.O_RDONLY)


def _can_be_renamed(path: Path) -> bool:
    """True if nobody has the file open (Windows); once somebody has, nobody can take it away."""
    if os.name != "nt":
        raise no_locks(path.parent)
    try:
        path.rename(path)
    except PermissionError:
        return False
    return True


def _try_exclusive(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _CANNOT_BE_TOLD:
            raise
        raise no_locks(path.parent) from error
    return True


def no_locks(folder: Path) -> UnsupportedOperation:
    """Error for a file system without locks, on which leases cannot be seen."""
    return UnsupportedOperation(
        f"{folder} is on a file system without locks, so the cache cannot know which files are in use. "
        "Set MODEL_SHARING_CACHE to a folder on a local disk."
    )


def _share(path: Path) -> int:
    """Descriptor that holds a shared lock on the file that is at `path` now."""
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in NO_LOCKS_HERE:
                os.close(descriptor)
                raise
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # it was removed or replaced while we waited for the lock


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
