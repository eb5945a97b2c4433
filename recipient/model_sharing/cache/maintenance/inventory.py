"""Inventory of the cache: its entries, and the bytes that each takes.

An entry is a manifest with what belongs to it: the blobs it names, its snapshot, selections and views.
Bytes are counted once, however many entries and hard links lead to them.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_sharing.cache.leases import exclusive
from model_sharing.cache.store import Cache
from model_sharing.filesystem.local_files import disk_usage, list_folder
from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.manifest import Manifest

Inode = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Cache entry of one version; `last_used` is in epoch seconds.

    `folders` are its snapshot, selections and views; it is `partial` if there are selections alone. `sizes`
    are the bytes on the disk of all that it needs, by inode.
    """

    manifest: Manifest
    digest: str
    manifest_path: Path
    folders: tuple[Path, ...]
    sizes: Mapping[Inode, int]
    last_used: float
    partial: bool

    @property
    def complete(self) -> bool:
        """False if not all of it was fetched to the end, or it was found damaged since."""
        return bool(self.folders) and not self.partial

    @property
    def abandoned(self) -> bool:
        """True if nothing that was asked for was fetched to its end, or it was found damaged since."""
        return not self.folders

    def in_use(self) -> bool | None:
        """True if a process holds it at this moment; None where that cannot be told."""
        try:
            with exclusive(self.manifest_path) as free:
                return not free
        except FileNotFoundError:
            return False
        except (OSError, UnsupportedOperation):
            return None


class CacheInventory:
    """Entries of the cache, least recently used first, and what else lies below its folders.

    `in_progress` are the bytes of what is being built at this moment, or was when a process crashed.
    """

    def __init__(self, entries: list[CacheEntry], sizes: Mapping[Inode, int], in_progress: int) -> None:
        self.entries = sorted(entries, key=lambda entry: (entry.last_used, entry.digest))
        owned = {inode: size for entry in entries for inode, size in entry.sizes.items()}
        self.size = sum(sizes.values()) + in_progress
        self.orphaned = sum(size for inode, size in sizes.items() if inode not in owned)
        self._owners = Counter(inode for entry in entries for inode in entry.sizes)

    def own_size(self, entry: CacheEntry) -> int:
        """Bytes that no other entry shares: what removing it alone would free."""
        return sum(size for inode, size in entry.sizes.items() if self._owners[inode] == 1)

    def remove(self, entry: CacheEntry) -> int:
        """Take an entry out of the inventory; the bytes that its end frees."""
        freed = self.own_size(entry)
        self._owners.subtract(entry.sizes.keys())
        return freed


def take_inventory(cache: Cache) -> CacheInventory:
    """Measure every file in the cache once. Others may add and remove some meanwhile."""
    blobs: dict[str, dict[Inode, int]] = {}
    for path, (inode, size) in _measured(cache.blobs):
        blobs.setdefault(digest_of_blob(path), {})[inode] = size
    folders: dict[str, dict[Path, dict[Inode, int]]] = {}
    for folder in (folder for parent in cache.folders for folder in list_folder(parent)):
        folders.setdefault(entry_key(folder), {})[folder] = dict(found for _, found in _measured(folder))
    sizes = {inode: size for found in blobs.values() for inode, size in found.items()}
    for own in folders.values():
        for found in own.values():
            sizes |= found
    in_progress = {inode: size for _, (inode, size) in _measured(cache.tmp) if inode not in sizes}
    entries = [
        entry
        for manifest_path in list_folder(cache.manifests)
        if (entry := _entry(cache, manifest_path, folders.get(manifest_path.stem, {}), blobs))
    ]
    return CacheInventory(entries, sizes, sum(in_progress.values()))


def _entry(
    cache: Cache,
    manifest_path: Path,
    folders: Mapping[Path, Mapping[Inode, int]],
    blobs: Mapping[str, Mapping[Inode, int]],
) -> CacheEntry | None:
    manifest = cache.manifest(f"sha256:{manifest_path.stem}")
    try:
        last_used = manifest_path.stat().st_mtime
    except FileNotFoundError:
        return None
    if manifest is None:
        return None
    sizes = {inode: size for found in folders.values() for inode, size in found.items()}
    for sha256 in digests_of(manifest):
        sizes |= blobs.get(sha256, {})
    partial = bool(folders) and all(folder.parent == cache.selections for folder in folders)
    return CacheEntry(manifest, manifest.digest, manifest_path, tuple(folders), sizes, last_used, partial)


def entry_key(folder: Path) -> str:
    """Digest, without its prefix, of the manifest that a snapshot, selection or view is of."""
    return folder.name[:64]


def digests_of(manifest: Manifest) -> set[str]:
    """Digests (sha256) of a manifest's files, chunk maps and deltas."""
    return {file.sha256 for file in (*manifest.files, *manifest.auxiliary_files)}


def digest_of_blob(path: Path) -> str:
    """Digest of the content that a file below `blobs` is, or will be when all of it has arrived."""
    return path.name.partition(".")[0]


def _measured(folder: Path) -> Iterator[tuple[Path, tuple[Inode, int]]]:
    """Every file below a folder, with its inode and size; of one on its way, what it takes of the disk."""
    for parent, _, names in os.walk(folder):  # passes over folders that vanish
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                size = status.st_size
                if path.suffix == ".part":
                    size = min(size, disk_usage(status))
                yield path, ((status.st_dev, status.st_ino), size)
