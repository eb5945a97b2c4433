"""Download job: cache, connections, progress and limits of one version's download, in one argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model_sharing.cache.store import Cache
from model_sharing.downloads.measured_rates import MeasuredRates
from model_sharing.downloads.progress_observer import ProgressObserver
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.settings import DeltaPolicy
from model_sharing_protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Job:
    """Download of the version with this `manifest` into `cache`, over at most `parallel` connections at once.

    With `selected`, a manifest of some of its files, of these alone.
    `base_versions` gives the digests of versions that may have contents in common with it, the likeliest
    first. With `verify`, what is reused from the cache is hashed instead of trusted. `deltas` says when those
    are used, and `rates` what was fast before. `trusts_blocks`, if the provider signed the chunk maps, and
    the block digests in them are enough to verify a large file.
    """

    manifest: Manifest
    cache: Cache
    connections: Connections
    urls: FileUrls
    progress: ProgressObserver
    parallel: int
    base_versions: Callable[[], Iterable[str]]
    rates: MeasuredRates
    deltas: DeltaPolicy = DeltaPolicy.FASTEST
    verify: bool = False
    selected: Manifest | None = None
    trusts_blocks: bool = False
