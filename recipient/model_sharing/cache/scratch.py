"""Scratch files and folders of a cache: what is being built, until an atomic rename moves it to its place."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from model_sharing.filesystem.local_files import (
    list_folder,
    make_folder,
    remove_path,
    removed_unless_moved,
    system_path,
    translated_write_errors,
)

ABANDONED_AFTER_SECONDS = 24 * 3600
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Scratch:
    """The folder `tmp` of the cache at `root`, and names in it that nobody else uses."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / "tmp"

    def new_path(self) -> Path:
        """Path that does not exist yet; its folder does. Raises InvalidState, DiskFull."""
        with translated_write_errors(self._root):
            make_folder(self.folder)
        return Path(self._new_name())

    @contextlib.contextmanager
    def path(self) -> Iterator[Path]:
        """New path for the block; what the block does not move to its place is removed at its end."""
        with removed_unless_moved(self.new_path()) as path:
            yield path

    def write(self, content: memoryview) -> str:
        """Write a new file, or leave nothing behind; its path. Raises as `new_path`, and OSError."""
        path = self._new_name()
        try:
            descriptor = os.open(path, _NEW_FILE, 0o666)
        except FileNotFoundError:  # somebody deleted the folder
            path = str(self.new_path())
            descriptor = os.open(path, _NEW_FILE, 0o666)
        try:
            try:
                while content:
                    content = content[os.write(descriptor, content) :]
            finally:
                os.close(descriptor)
        except BaseException:
            remove_path(Path(path))
            raise
        return path

    def remove_abandoned(self, now: float | None = None) -> None:
        """Remove what crashed processes left unfinished a day ago or earlier.

        By the time of the last change, not of the modification: that of a sealed file is decades ago.
        """
        limit = (time.time() if now is None else now) - ABANDONED_AFTER_SECONDS
        for path in list_folder(self.folder):
            with contextlib.suppress(OSError):
                if path.lstat().st_ctime < limit:
                    remove_path(path)

    def _new_name(self) -> str:
        return system_path(self.folder, os.urandom(16).hex())
