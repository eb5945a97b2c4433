"""Links to blobs: a folder of a version's files takes no space of its own, where the disk has hard links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from model_sharing.cache.sealing import seal_like
from model_sharing.filesystem.local_files import local_path, make_folder, system_path
from model_sharing_protocol.manifest import ManifestFile


def link_files(files: Iterable[ManifestFile], blobs: Path, folder: Path) -> None:
    """Make `folder` and, in it, links to the blobs of these files, or copies of them. Raises OSError."""
    make_folder(folder)
    made = {""}
    for file in files:
        above = file.path.rpartition("/")[0]
        if above not in made:
            make_folder(local_path(folder, above))
            made.add(above)
        blob, target = system_path(blobs, file.sha256), system_path(folder, file.path)
        try:
            os.link(blob, target)
        except OSError:  # no hard links here, or too many of this blob
            shutil.copyfile(blob, target)
            seal_like(target, blob)
