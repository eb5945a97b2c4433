"""Seals of verified files, which show damage without hashing everything at each use.

A file that was verified is *sealed*: its modification time is set to a moment that is derived from its
digest. Whatever writes to the file later breaks the seal, and then its content is hashed again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from model_sharing.filesystem.local_files import local_path, model_path
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.manifest import Manifest, ManifestFile

_READ_ONLY = 0o444


def is_damaged(
    folder: Path, manifest: Manifest, *, verify: bool, extras: frozenset[str] = frozenset()
) -> bool:
    """True if the folder does not hold exactly the manifest's files, each intact."""
    files = {file.path: file for file in manifest.files}
    found = 0
    for path in walk_files(folder, ""):
        file = files.get(path)
        if file is None:
            if path in extras:
                continue
            return True
        if not is_intact(local_path(folder, path), file, verify=verify):
            return True
        found += 1
    return found != len(files)


def walk_files(folder: Path, prefix: str) -> Iterator[str]:
    """Relative paths of the files below `folder`, without Python's byte code caches."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from walk_files(folder / entry.name, f"{prefix}{model_path(entry.name)}/")
        else:
            yield prefix + model_path(entry.name)


def is_intact(path: Path, file: ManifestFile, *, verify: bool) -> bool:
    """True if the file has its seal, or else (or with `verify`) the right content, which seals it again."""
    try:
        status = path.lstat()
    except OSError:
        return False
    if status.st_size != file.size or not path.is_file() or path.is_symlink():
        return False
    if status.st_mtime_ns == _sealed_at(file.sha256) and not verify:
        return True
    try:
        if hash_file(path) != (file.size, file.sha256):
            return False
    except OSError:
        return False
    with contextlib.suppress(OSError):  # somebody else's, or on a disk that is read only
        seal(path, file.sha256)
    return True


def seal(path: Path, sha256: str) -> None:
    """Seal a verified file: set its modification time to its digest's moment, and make it read-only."""
    moment = _sealed_at(sha256)
    os.utime(path, ns=(moment, moment))
    if os.name == "posix":  # elsewhere it could not be deleted, nor sealed again
        path.chmod(_READ_ONLY)


def _sealed_at(sha256: str) -> int:
    """Modification time of a sealed file, in nanoseconds: even seconds from 1980 to 1988, for any disk."""
    return (315_619_200 + (int(sha256[:7], 16) & ~1)) * 1_000_000_000
