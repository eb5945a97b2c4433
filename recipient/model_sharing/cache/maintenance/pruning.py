"""Pruning of the cache: entries that are old, or too much, go, least recently used first.

Never what a process holds. Everything that goes is decided on, and moved aside, under the cache's
`PRUNING_LOCK`: an entry that is held later is complete in what it needs, or finds it missing and fetches
it again. A crash in between leaves blobs without an entry, which the next run removes.
"""

from __future__ import annotations

import contextlib
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model_sharing.cache.deliveries import stale_records
from model_sharing.cache.leases import exclusive, no_locks
from model_sharing.cache.maintenance.inventory import (
    CacheEntry,
    digest_of_blob,
    digests_of,
    entry_key,
    take_inventory,
)
from model_sharing.cache.scratch import ABANDONED_AFTER_SECONDS
from model_sharing.cache.store import PRUNING_LOCK, Cache
from model_sharing.filesystem.local_files import (
    list_folder,
    make_folder,
    remove_path,
    translated_write_errors,
)
from model_sharing_protocol.errors import SharingError, SharingWarning


class CacheWarning(SharingWarning):
    """Pruning failed: the cache may be larger than it should be."""


@dataclass(frozen=True, slots=True)
class PruningLimits:
    """Pruning limits: `max_size` of the cache in bytes, `older_than` in seconds since the last use.

    The versions with these `digests` go in any case. Those of which nothing was fetched to its end, neither
    all nor a selection, go after `incomplete_after` seconds; None leaves them to the other limits.
    """

    max_size: int | None = None
    older_than: float | None = None
    digests: frozenset[str] = frozenset()
    incomplete_after: float | None = ABANDONED_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class PruningResult:
    """Result of pruning: the entries that went (or would, in a dry run), and bytes.

    `in_use` counts the entries that were to go and stay because a process holds them.
    """

    removed: tuple[CacheEntry, ...]
    freed: int
    remaining: int
    in_use: int


def prune(
    cache: Cache, limits: PruningLimits, *, dry_run: bool = False, now: float | None = None
) -> PruningResult:
    """Remove entries beyond the limits, and files that none needs, as crashes and cut downloads leave them.

    Raises UnsupportedOperation on a file system without locks, InvalidState on one that cannot be written.
    """
    with translated_write_errors(cache.root):
        return _prune(cache, limits, time.time() if now is None else now, dry_run=dry_run)


def _prune(cache: Cache, limits: PruningLimits, moment: float, *, dry_run: bool) -> PruningResult:
    trash = cache.temporary()
    if not dry_run:
        cache.remove_abandoned(moment)
        make_folder(trash)
    removed: list[CacheEntry] = []
    in_use = 0
    with contextlib.nullcontext(True) if dry_run else cache.lock(PRUNING_LOCK) as locked:
        if not locked:
            raise no_locks(cache.root)
        inventory = take_inventory(cache)
        size = inventory.size - inventory.orphaned
        for entry in inventory.entries:
            if not _is_beyond(limits, entry, size, moment):
                continue
            if _take(entry, None if dry_run else trash):
                removed.append(entry)
                size -= inventory.remove(entry)
            else:
                in_use += 1
        if not dry_run:
            gone = {entry.digest for entry in removed}
            kept = [entry for entry in inventory.entries if entry.digest not in gone]
            for path in _unneeded(cache, kept):
                _set_aside(path, trash)
    if not dry_run:
        remove_path(trash)
    return PruningResult(tuple(removed), inventory.size - size, size, in_use)


def prune_to_size(cache: Cache, max_size: int | None) -> None:
    """Prune to a size, if one is set. Failing is a warning: the download before it succeeded."""
    if max_size is None:
        return
    try:
        prune(cache, PruningLimits(max_size))
    except (OSError, SharingError) as error:
        warnings.warn(f"The cache could not be pruned: {error}", CacheWarning, stacklevel=2)


def drop_version(cache: Cache, digest: str) -> None:
    """Remove one version, unless a process holds it. Failing is a warning: nobody waits for the space."""
    if cache.manifest(digest) is None:
        return
    try:
        in_use = prune(cache, PruningLimits(digests=frozenset({digest}))).in_use
    except (OSError, SharingError) as error:
        warnings.warn(f"A recalled version stays in the cache: {error}", CacheWarning, stacklevel=2)
        return
    if in_use:
        warnings.warn(
            "A recalled version stays in the cache while a process uses it. Afterwards: "
            "model-sharing cache prune --recalled.",
            CacheWarning,
            stacklevel=2,
        )


def _is_beyond(limits: PruningLimits, entry: CacheEntry, size: int, moment: float) -> bool:
    unused = moment - entry.last_used
    return (
        entry.digest in limits.digests
        or (limits.max_size is not None and size > limits.max_size)
        or (limits.older_than is not None and unused > limits.older_than)
        or (entry.abandoned and limits.incomplete_after is not None and unused > limits.incomplete_after)
    )


def _take(entry: CacheEntry, trash: Path | None) -> bool:
    """Move an entry aside, but for its blobs, unless a process holds it; None: only look."""
    with exclusive(entry.manifest_path) as free:
        if free and trash is not None:
            for path in (*entry.folders, entry.manifest_path):
                _set_aside(path, trash)
        return free


def _unneeded(cache: Cache, kept: Iterable[CacheEntry]) -> Iterator[Path]:
    """Files that belong to none of the entries that are kept."""
    keys = {entry.manifest_path.stem for entry in kept}
    digests = {sha256 for entry in kept for sha256 in digests_of(entry.manifest)}
    yield from (path for path in list_folder(cache.blobs) if digest_of_blob(path) not in digests)
    yield from stale_records(cache.root, digests, keys)
    yield from (path for path in list_folder(cache.manifests) if path.stem not in keys)
    for parent in cache.folders:
        yield from (path for path in list_folder(parent) if entry_key(path) not in keys)


def _set_aside(path: Path, trash: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # dropped by a process that saw that it was damaged
        path.rename(trash / uuid.uuid4().hex)
