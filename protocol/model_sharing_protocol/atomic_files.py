"""Atomic file writes: a reader finds the old content or the new one, whatever crashes meanwhile."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


def write_file(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Write a file, whole or not at all, even where two processes do so at once.

    `mode` is that of `new_file`, and so is `durable`. Raises OSError, with nothing left behind.
    """
    with new_file(path, mode=mode, durable=durable) as fresh:
        fresh.write_bytes(content)


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o600, durable: bool = True) -> Iterator[Path]:
    """File to write to, empty and beside `path`, which takes its place when the block ends without an error.

    `mode` are its permissions, less those that the umask takes away. A `durable` one outlives a power cut;
    what can be made again need not wait for the disk. Raises OSError.
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
        with contextlib.suppress(OSError):  # it is written; some network disks cannot promise more
            sync(path.parent)


def sync(path: Path) -> None:
    """Return when the content of a file, or the names in a folder, would be there after a power cut.

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
