"""Temporary views of versions' files, as long as this process, for caches that cannot be written.

MLflow adds a file of its own to the folder that it loads from, and follows no links out of it. So it gets
copies in the system's temporary folder ($TMPDIR), which go when the process ends.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from model_sharing.filesystem.local_files import local_path, translated_disk_full
from model_sharing_protocol.manifest import Manifest, ManifestFile

_made: dict[tuple[str, str], Path] = {}


def temporary_view(manifest: Manifest, key: str, blob: Callable[[ManifestFile], Path]) -> Path:
    """Folder with copies of the manifest's files, the same for the same `key`. Raises DiskFull."""
    known = (manifest.digest, key)
    if known not in _made:
        parent = _parent()
        with translated_disk_full(parent):
            folder = Path(tempfile.mkdtemp(dir=parent))
            for file in manifest.files:
                target = local_path(folder, file.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(blob(file), target)
        _made[known] = folder
    return _made[known]


@cache
def _parent() -> Path:
    folder = tempfile.mkdtemp(prefix="model-sharing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
