"""Staging of folders that are downloaded to their destination: files gather in a hidden folder first.

It is beside the destination or, if that exists, inside, and is kept when the download breaks off, so that the
same download goes on there. The destination appears whole: by one rename, or as `destinations` fills a folder
that is there already. One process at a time downloads to a destination.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from model_sharing.exports.destinations import (
    STAGING,
    check_new_or_empty,
    is_empty,
    remove_leftovers,
    translated_errors,
)
from model_sharing.filesystem.local_files import (
    held_open,
    list_folder,
    local_path,
    remove_path,
    removed_unless_moved,
    translated_disk_full,
)
from model_sharing.filesystem.locks import locked
from model_sharing_protocol.errors import AlreadyExists, Interrupted, InvalidState

_LOCK = ".lock"
_TREE = "tree"


def staging_path(target: Path) -> Path:
    """Path of the staging folder of a destination."""
    if target.exists():
        return target / f"{STAGING}download"
    return target.with_name(f".{target.name[:100]}{STAGING}download")


@contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Make and lock the staging folder of a destination; it stays if the block raises with something in it.

    The path that it yields goes on leading there, whoever puts something else at the folder's own path.
    Raises InvalidState if another process downloads to the same destination, or if the folder is somebody
    else's, who could put anything into it; and, as the block does, for whatever cannot be written.
    """
    folder, done = staging_path(target), False
    with translated_errors(target), translated_disk_full(target), ExitStack() as held:
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_own(folder, folder.lstat())
        opened = held.enter_context(held_open(folder))
        _check_own(folder, opened.stat())
        place = _locked_place(held, opened, target)
        try:
            check_new_or_empty(target)  # it may have appeared meanwhile
            remove_path(place / _TREE)
            yield place
            done = True
        finally:
            held.close()
            if done or all(path.name == _LOCK for path in list_folder(folder)):
                remove_path(folder)


def _locked_place(held: ExitStack, folder: Path, target: Path) -> Path:
    """Locked folder or, on a disk without locks, a fresh one inside, in which no later download goes on."""
    try:
        if held.enter_context(locked(folder / _LOCK, lambda: True)):
            return folder
    except Interrupted as error:
        raise InvalidState(f"Another process is downloading to {target}; wait for it.") from error
    return held.enter_context(removed_unless_moved(Path(tempfile.mkdtemp(dir=folder))))


def place_files(folder: Path, staged: Iterator[tuple[Path, str]], target: Path) -> None:
    """Move staged files to their paths below the destination, which appears whole or not at all.

    Raises AlreadyExists, OSError.
    """
    tree = folder / _TREE
    tree.mkdir()
    for source, path in staged:
        destination = local_path(tree, path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        source.rename(destination)
    if target.exists():
        _move_up(tree, target)
    else:
        tree.rename(target)


def _move_up(tree: Path, target: Path) -> None:
    if not is_empty(target):
        raise AlreadyExists(f"Something else was put into {target} meanwhile. It was left as it is.")
    remove_leftovers(target, f"{STAGING}download")
    moved: list[Path] = []
    try:
        for entry in sorted(tree.iterdir()):
            moved.append(target / entry.name)
            entry.rename(moved[-1])
    except BaseException:
        for path in moved:
            remove_path(path)
        raise


def _check_own(folder: Path, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode) or (os.name == "posix" and status.st_uid != os.geteuid()):
        raise InvalidState(f"{folder} is not a folder of yours. Remove it, or choose another destination.")
