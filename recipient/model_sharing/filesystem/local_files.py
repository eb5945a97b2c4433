"""Local files and folders: made with the right permissions, and errors explained.

Everything is private to its owner, unless the folder that it is made in can be written by a group: then that
group shares it, and can read and write what is made in it, whatever the umask.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from model_sharing_protocol.atomic_files import new_file
from model_sharing_protocol.errors import DiskFull, InvalidState

StrPath: TypeAlias = str | Path
"""Path: a text where there are thousands, since a Path costs more than the system call that it is for."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR})
_GROUP = stat.S_IRWXG | stat.S_ISGID
_DESCRIPTORS = Path("/proc/self/fd")


def local_path(folder: Path, path: str) -> Path:
    """Path of a model's file below `folder`: names are UTF-8 on the disk, whatever the locale believes."""
    return folder / os.fsdecode(path.encode())


def system_path(folder: StrPath, path: str) -> str:
    """Path as `local_path`, as a text."""
    return f"{folder}{os.sep}{os.fsdecode(path.encode())}"


def model_path(name: str) -> str:
    """Path in a model of what the system calls `name`: the reverse of `local_path`."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def make_folder(path: Path) -> Path:
    """Make a folder and those above it, unless they are there. Raises OSError."""
    if not path.is_dir():
        if not path.parent.is_dir():
            make_folder(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            share_with_group(path)
    return path


def share_with_group(path: Path) -> None:
    """Share a file or folder just made with the group that its folder is shared by, if one is."""
    folder = path.parent.stat()
    if os.name != "posix" or not folder.st_mode & stat.S_IWGRP or folder.st_mode & stat.S_IWOTH:
        return  # nobody's but its owner's, or everybody's, as /tmp is
    with contextlib.suppress(OSError):  # who is not of the group keeps it; some disks have no permissions
        if path.stat().st_gid != folder.st_gid:
            os.chown(path, -1, folder.st_gid)
        path.chmod(0o700 | folder.st_mode & _GROUP if path.is_dir() else 0o660)


def replace_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file atomically, even where two processes do so at once. Raises OSError."""
    with new_file(path, mode=mode, durable=False) as fresh:
        fresh.write_bytes(content)
        share_with_group(fresh)


def list_folder(folder: Path) -> list[Path]:
    """Entries of a folder, sorted; none if it is not there (any more)."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def remove_path(path: Path) -> None:
    """Remove a file or a whole folder, as far as that can be done. Raises OSError for a file that stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def held_open(folder: Path) -> Iterator[Path]:
    """Path of a folder by an open descriptor, where the system has such paths: Linux.

    Who may write beside a folder can move it away and have a link at its path: what is written, moved and
    removed there would be so where the link leads. Raises OSError if there is a link already.
    """
    if not _DESCRIPTORS.is_dir():
        yield folder
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield _DESCRIPTORS / str(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def removed_unless_moved(path: Path) -> Iterator[Path]:
    """Build a file or folder at `path`; what the block did not move to its place is removed at its end."""
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            remove_path(path)


@contextlib.contextmanager
def translated_disk_full(path: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFull(
            f"The disk that holds {path.resolve()} is full ({error.strerror}). Free some space and run the "
            "same again: it goes on where it stopped."
        ) from error


@contextlib.contextmanager
def translated_write_errors(folder: Path, variable: str = "MODEL_SHARING_CACHE") -> Iterator[None]:
    """Turn "read-only file system" and the like into InvalidState, naming `variable`; DiskFull as above."""
    with translated_disk_full(folder):
        try:
            yield
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise InvalidState(
                f"{folder} cannot be written to ({error.strerror or error}). Set {variable} to a folder that "
                "can be."
            ) from error


def disk_usage(status: os.stat_result) -> int:
    """Disk space of a file in bytes, which are fewer than its size if it has holes."""
    blocks: int | None = getattr(status, "st_blocks", None)  # Windows does not tell
    return status.st_size if blocks is None else blocks * 512
