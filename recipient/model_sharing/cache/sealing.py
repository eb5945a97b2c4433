"""Seals of verified files, which show damage without hashing everything at each use.

A file that was verified is *sealed*: its modification time is set to a moment that is derived from its
digest. Whatever writes to the file later breaks the seal, and then its content is hashed again.

A file that was verified by its provider's signed block digests has a *seal of its provider's*: a random
moment of other years, which `deliveries` has with the provider. To all others its seal is broken, so that
they hash the whole: nobody takes a provider's word for a sha256 but those who asked that provider.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from model_sharing.filesystem.local_files import StrPath, model_path, system_path
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.manifest import Manifest, ManifestFile

_READ_ONLY = 0o444
_PROVIDERS_EPOCH = 631_152_000
"""Seals of providers are even seconds from 1990 to 1998."""


def is_damaged(
    folder: Path,
    manifest: Manifest,
    intact: Callable[[StrPath, ManifestFile], bool],
    *,
    extras: frozenset[str] = frozenset(),
) -> bool:
    """True if the folder does not hold exactly the manifest's files, each `intact`."""
    files = {file.path: file for file in manifest.files}
    found = 0
    for path in walk_files(folder, ""):
        file = files.get(path)
        if file is None:
            if path in extras:
                continue
            return True
        if not intact(system_path(folder, path), file):
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


def is_intact(path: StrPath, file: ManifestFile, *, verify: bool) -> bool:
    """True if the file has its seal, or else (or with `verify`) the right content, which seals it again.

    A seal of a provider's stays: what was proved to be right is as good for that provider as before.
    """
    if not verify and is_sealed(path, file):
        return True
    moment = modified(path, file)
    if moment is None:
        return False
    try:
        if hash_file(Path(path)) != (file.size, file.sha256):
            return False
    except OSError:
        return False
    if not _is_of_provider(moment):
        with contextlib.suppress(OSError):  # somebody else's, or on a disk that is read only
            seal(path, file.sha256)
    return True


def is_sealed(path: StrPath, file: ManifestFile, moment: int | None = None) -> bool:
    """True if the file has its seal, or the one of this moment, and its size."""
    return modified(path, file) == (_sealed_at(file.sha256) if moment is None else moment)


def seal(path: StrPath, sha256: str) -> None:
    """Seal a verified file: set its modification time to its digest's moment, and make it read-only."""
    _seal_at(path, _sealed_at(sha256))


def seal_for_provider(path: StrPath) -> int:
    """Seal a file that its provider's block digests proved, for that provider alone; the seal's moment."""
    moment = (_PROVIDERS_EPOCH + (secrets.randbits(28) & ~1)) * 1_000_000_000
    _seal_at(path, moment)
    return moment


def seal_like(path: StrPath, original: StrPath) -> None:
    """Seal a copy as its original is sealed."""
    _seal_at(path, os.stat(original).st_mtime_ns)


def _seal_at(path: StrPath, moment: int) -> None:
    os.utime(path, ns=(moment, moment))
    if os.name == "posix":  # elsewhere it could not be deleted, nor sealed again
        os.chmod(path, _READ_ONLY)


def modified(path: StrPath, file: ManifestFile) -> int | None:
    """Modification time of a regular file of this size, in nanoseconds; None if it is not one."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns if stat.S_ISREG(status.st_mode) and status.st_size == file.size else None


def _is_of_provider(moment: int) -> bool:
    return 0 <= moment // 1_000_000_000 - _PROVIDERS_EPOCH < 1 << 28


def _sealed_at(sha256: str) -> int:
    """Modification time of a sealed file, in nanoseconds: even seconds from 1980 to 1988, for any disk."""
    return (315_619_200 + (int(sha256[:7], 16) & ~1)) * 1_000_000_000
