"""Atomic file writes: a reader finds the old content or the new one, whatever crashes meanwhile."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


def write_file(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Write a file, whole or not at all, even when two processes write it at the same time.

    `mode` and `durable` are as in `new_file`. Raises OSError and leaves nothing behind.
    """
    with new_file(path, mode=mode, durable=durable) as fresh:
        fresh.write_bytes(content)


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o600, durable: bool = True) -> Iterator[Path]:
    """Temporary file beside `path`, which replaces it when the block ends without an error.

    `mode` are its permissions, subject to the umask. A `durable` file survives a power cut; content that can
    be made again need not wait for the disk. Raises OSError.
    """
    fresh = path.with_name(f".{uuid.uuid4().hex}.new")
    try:
        fresh.touch(mode, exist_ok=False)
        yield fresh
        if durable:
            sync(fresh)
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    if durable:
        with contextlib.suppress(OSError):  # the file is written; some network disks cannot guarantee more
            sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk, so that they survive a power cut.

    Raises OSError. Does nothing for folders on Windows, which cannot be opened there.
    """
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
    elif path.is_dir():
        return
    else:
        handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
