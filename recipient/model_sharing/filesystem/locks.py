"""Locks between processes, where the disk has them.

A file system without locks (some network ones) locks nothing, and says so, or does not even say so. Nobody
reads half a file there either: all files appear by renames of names that nobody else uses, and contents count
by their digest. What can happen is that two processes fetch the same twice, that one forgets what the other
learned, or that pruning takes what another process uses: that one fetches it again.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from model_sharing.filesystem.local_files import make_folder, share_with_group
from model_sharing_protocol.errors import Interrupted

NO_LOCKS_HERE = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def locked(path: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Lock the file `path` for the block; True if it really locks.

    `stopped` is asked while waiting for another process; once it is true the wait ends in Interrupted. Raises
    OSError where the file cannot be made.
    """
    make_folder(path.parent)
    lock = FileLock(path, thread_local=False)
    try:
        _acquire(lock, path, stopped)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS_HERE:
            raise
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, stopped: Callable[[], bool]) -> None:
    is_new = not path.exists()
    while True:
        try:
            lock.acquire(timeout=_POLL_SECONDS, poll_interval=_POLL_SECONDS / 2)
        except Timeout:
            if stopped():
                raise Interrupted("Stopped while another process downloads the same.") from None
        else:
            if is_new:
                share_with_group(path)
            return
