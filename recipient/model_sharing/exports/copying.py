"""Copying of cached files to a folder outside of the cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from model_sharing.filesystem.local_files import FULL, local_path, translated_disk_full
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import Manifest


def copy_files(
    folder: Path, manifest: Manifest, target: Path, copied: Callable[[int], None] = lambda size: None
) -> None:
    """Copy the files below `folder` to `target`, a folder that is there and empty.

    Each copy's size is checked, and told to `copied`. Shares disk blocks where the file system can.
    """
    for file in manifest.files:
        destination = local_path(target, file.path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with translated_disk_full(target):
            size = _copy_content(local_path(folder, file.path), destination)
        if size != file.size:
            raise CorruptArtifact(f"The cached file {file.path!r} changed while it was copied. Try again.")
        copied(size)


def _copy_content(source: Path, destination: Path) -> int:
    """Copy a file's bytes, sharing blocks where the file system can (`copy_file_range`); their number."""
    with source.open("rb") as reader, destination.open("xb") as writer:
        size = os.fstat(reader.fileno()).st_size
        copied = 0
        try:
            while copied < size:
                count = os.copy_file_range(reader.fileno(), writer.fileno(), size - copied)
                if count == 0:
                    break
                copied += count
        except (OSError, AttributeError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            reader.seek(copied)
            writer.seek(copied)
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            copied = writer.tell()
        return copied
