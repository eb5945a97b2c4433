"""One version's snapshot: what is missing is fetched, then the snapshot appears."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from model_sharing.cache.store import Cache
from model_sharing.downloads.engine import Engine
from model_sharing.downloads.plan import Plan, check_space, make_plan
from model_sharing.downloads.progress_observer import ProgressObserver
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.filesystem.local_files import translated_write_errors
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import Manifest

_ATTEMPTS = 3


def fetch_snapshot(
    cache: Cache,
    manifest: Manifest,
    connections: Connections,
    urls: FileUrls,
    progress: ProgressObserver,
    *,
    jobs: int,
    bases: Callable[[], Iterable[str]],
    verify: bool = False,
) -> Path:
    """The folder of `manifest`'s files, verified, held as by `Cache.snapshot`.

    `bases` gives the digests of versions that may have something in common with it, the likeliest first.
    Blocking; ends early after `connections.stop()`. Raises FileNotFoundError if somebody deletes the cache
    meanwhile. Two processes that want the same version of one
    provider at the same time wait for each other, so that it is fetched once.
    """
    digest = manifest.digest
    with (
        translated_write_errors(cache.root),
        cache.lock(cache.own(digest.removeprefix("sha256:")), lambda: connections.stopped),
    ):
        if present := cache.snapshot(digest, verify=verify):
            return present[0]
        cache.reserve(manifest)
        planner = ReusePlanner(cache, connections, urls, manifest, bases)
        try:
            for _ in range(_ATTEMPTS):
                if (plan := make_plan(manifest, cache, verify=verify)).missing:
                    engine = Engine(cache, connections, urls, planner=planner, progress=progress, jobs=jobs)
                    _fetch_missing(plan, cache, engine, progress)
                try:
                    return cache.publish_snapshot(manifest)
                except FileNotFoundError:
                    continue  # another process noticed just now that a blob was damaged, and dropped it
        finally:
            planner.release()
            cache.release(digest)
    raise CorruptArtifact(f"Files vanish from {cache.blobs} as soon as they arrive. Check the disk.")


def _fetch_missing(plan: Plan, cache: Cache, engine: Engine, progress: ProgressObserver) -> None:
    cache.sweep()
    check_space(plan, cache)
    progress.begin(plan)
    try:
        engine.run(plan.missing)
    finally:
        progress.end()
