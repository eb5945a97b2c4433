"""Verification of the cache: every content is hashed; what does not match its name is removed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from model_sharing.cache.maintenance.inventory import CacheEntry, take_inventory
from model_sharing.cache.sealing import is_damaged, is_intact, walk_files
from model_sharing.cache.store import Cache
from model_sharing.filesystem.local_files import list_folder, local_path, translated_write_errors
from model_sharing_protocol.manifest import Manifest, ManifestFile

_THREADS = min(4, os.cpu_count() or 1)
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """Result of verification: `corrupt` contents were removed, `damaged` entries are to be made again.

    `files` and `size` are how much was hashed, each content once.
    """

    files: int
    size: int
    corrupt: tuple[str, ...]
    damaged: tuple[CacheEntry, ...]


Link = tuple[Path, ManifestFile]


def verify(cache: Cache, hashed: Callable[[int], None] = lambda size: None) -> VerificationResult:
    """Hash each file once, however many links lead to it; `hashed` gets the bytes of each.

    Snapshots, selections and views that hold a corrupt file, lack one or have one too many are removed, too.
    """
    entries = take_inventory(cache).entries
    links: dict[tuple[int, int, str], list[Link]] = {}
    for path, file in (*_blobs(cache), *(link for entry in entries for link in _linked(entry))):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        links.setdefault((status.st_dev, status.st_ino, file.sha256), []).append((path, file))

    def check(same: list[Link]) -> list[Link]:
        path, file = same[0]
        good = is_intact(path, file, verify=True) or not path.exists()
        hashed(file.size)
        return [] if good else same

    with ThreadPoolExecutor(_THREADS) as threads:
        bad = [link for found in threads.map(check, links.values()) for link in found]
    with translated_write_errors(cache.root):
        for path, _ in bad:
            if path.parent == cache.blobs:
                path.unlink(missing_ok=True)
    hurt = {path for path, _ in bad}
    size = sum(same[0][1].size for same in links.values())
    corrupt = tuple(sorted({file.sha256 for _, file in bad}))
    return VerificationResult(
        len(links), size, corrupt, tuple(e for e in entries if _drop_damaged(cache, e, hurt))
    )


def _blobs(cache: Cache) -> Iterator[Link]:
    for path in list_folder(cache.blobs):
        if len(path.name) == _SHA256_LENGTH:  # else it is on its way
            with contextlib.suppress(FileNotFoundError):
                yield path, ManifestFile(path.name, path.stat().st_size, path.name)


def _linked(entry: CacheEntry) -> Iterator[Link]:
    files = {file.path: file for file in entry.manifest.files}
    for folder in entry.folders:
        for name in walk_files(folder, ""):
            path = local_path(folder, name)
            if name in files and not _is_own_copy(path):
                yield path, files[name]


def _is_own_copy(path: Path) -> bool:
    """True for a file of a view that MLflow may change."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return bool(status.st_mode & 0o200) and status.st_nlink == 1


def _drop_damaged(cache: Cache, entry: CacheEntry, bad: set[Path]) -> bool:
    """Remove those of an entry's folders that are not to be used; True if there were any."""
    found = False
    for folder in entry.folders:
        if any(folder in path.parents for path in bad) or (
            folder.exists() and _is_incomplete(cache, entry, folder)
        ):
            cache.discard_folder(folder)
            found = True
    return found


def _is_incomplete(cache: Cache, entry: CacheEntry, folder: Path) -> bool:
    """True if a snapshot or selection lacks a file, or has one too many. MLflow may add to a view."""
    if folder.parent == cache.snapshots:
        return is_damaged(folder, entry.manifest, lambda path, file: True)  # each was hashed just now
    if folder.parent == cache.selections:
        there = set(walk_files(folder, ""))
        selected = Manifest(tuple(file for file in entry.manifest.files if file.path in there))
        return len(there) != len(selected.files) or folder != cache.snapshot_folder(entry.manifest, selected)
    return False
