"""Files of upstream providers: fetched through this server's scratch cache, or by their own URLs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_sharing_protocol.errors import CorruptArtifact, SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.pulls import BaseVersion, PullSource
from model_sharing_provider.remote_providers.connections import UpstreamConnections
from model_sharing_provider.telemetry.log import log

_LISTED_SECONDS = 60.0
"""Time for which URLs are used without asking again; providers sign them for some minutes."""
_MOST_LISTED = 100
_PRUNED_EVERY_SECONDS = 60.0

_SHORTEST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Listing:
    """Files of a version as its provider lists them, and their URLs, until `expires_at` (epoch ms).

    `fetch_urls` are also those of what may save bytes, by sha256 or as `FileUrls` calls them.
    """

    manifest: Manifest
    urls: Mapping[str, str]
    fetch_urls: Mapping[str, str]
    expires_at: int


class RemoteFiles:
    """Fetcher of files. Contents stay in the folder `cache`, up to `cache_size` bytes, as bases of others."""

    def __init__(self, connections: UpstreamConnections, cache: Path, cache_size: int) -> None:
        self._connections = connections
        self._cache = cache
        self._cache_size = cache_size
        self._listings: dict[tuple[str, str, str, int], tuple[float, asyncio.Task[Listing]]] = {}
        self._pruned_at = time.monotonic()

    async def fetch(
        self,
        source: PullSource,
        wanted: Sequence[ManifestFile],
        *,
        bases: Sequence[BaseVersion],
        deliver: Callable[[ManifestFile, Path], Awaitable[None]],
        restore: Callable[[BaseVersion, ManifestFile, Path], Awaitable[None]],
        observe: Callable[[int], None],
    ) -> int:
        """Fetch files, and deliver each that is verified: its local path, which may be linked to.

        `restore` copies a file of a base to a local path. `observe` is told the bytes that are done, from any
        thread. Returns how many crossed. Raises the errors of a recipient.
        """
        # The recipient's engine is slow to import.
        from model_sharing_provider.remote_providers.file_fetch import FileFetch  # noqa: PLC0415

        listed = await self._list(source)

        async def renew() -> Mapping[str, str]:
            return (await self._list(source, fresh=True)).fetch_urls

        fetching = FileFetch(
            source,
            listed.manifest,
            listed.fetch_urls,
            renew,
            cache=self._cache,
            may_call=self._connections.egress.allows,
            bases=bases,
            observe=observe,
        )
        try:
            return await fetching.run(wanted, deliver, restore)
        finally:
            await self._prune(source)

    async def read_arriving(self, source: PullSource, file: ManifestFile, start: int) -> bytes:
        """Next bytes from `start` on of a large file that is being fetched, by any process of this home.

        They are not verified. None if there are none yet, or no more.
        """
        from model_sharing_provider.remote_providers.arriving_file import read_arrived  # noqa: PLC0415

        fingerprint = source.mirror.provider_fingerprint
        return await asyncio.to_thread(read_arrived, self._cache, fingerprint, file, start)

    async def url(self, source: PullSource, sha256: str) -> str:
        """The provider's own URL of a file, valid for some minutes yet.

        Raises NotASharingServer for one that leads elsewhere: those whom we give it would call our network.
        """
        from model_sharing.transport.file_origins import FileOrigins  # noqa: PLC0415 - slow to import

        listed = await self._list(source)
        if listed.expires_at < now_ms() + _SHORTEST_MS:
            listed = await self._list(source, fresh=True)
        origins = FileOrigins(source.profile.endpoint, source.mirror.file_origins)
        origin, _ = origins.check(listed.urls[sha256])
        await asyncio.to_thread(origins.check_name, origin)  # it may look up the endpoint's host
        return listed.urls[sha256]

    async def _list(self, source: PullSource, *, fresh: bool = False) -> Listing:
        """List a version's files and URLs: one request serves all who ask within a minute."""
        mirror, now = source.mirror, time.monotonic()
        key = mirror.sealed_profile, mirror.share, str(source.name), source.number
        known = self._listings.get(key)
        if known is None or fresh or known[0] < now - _LISTED_SECONDS or _has_failed(known[1]):
            self._listings.pop(key, None)
            while len(self._listings) >= _MOST_LISTED:
                del self._listings[next(iter(self._listings))]
            known = self._listings[key] = now, asyncio.create_task(self._ask(source))
        return await asyncio.shield(known[1])

    async def _ask(self, source: PullSource) -> Listing:
        from model_sharing.downloads.transfer.file_urls import PACK  # noqa: PLC0415 - slow to import
        from model_sharing.resolution.version_files import manifest_from_response  # noqa: PLC0415

        mirror = source.mirror
        async with self._connections.client(mirror.provider_id, source.profile) as client:
            # Whether a recalled version may be used is decided here, by the policy of this server.
            metadata, files = await client.query_version(
                mirror.share, source.name, source.number, include_recalled=True
            )
        manifest = manifest_from_response(metadata, files)
        if manifest.digest != source.manifest.digest:
            raise CorruptArtifact(
                f"The provider lists other files of {source.name} version {source.number} than it signed: "
                f"{manifest.digest} instead of {source.manifest.digest}. Report this to the provider."
            )
        maps = (metadata.chunk_maps,) if metadata.chunk_maps else ()
        urls = {file.sha256: file.url for file in files}
        auxiliary = {file.sha256: file.url for file in (*maps, *metadata.deltas)}
        pack = {PACK: metadata.pack_url} if metadata.pack_url else {}
        expires_at = min((file.expiration_timestamp for file in files), default=0)
        return Listing(manifest, urls, auxiliary | urls | pack, expires_at)

    async def _prune(self, source: PullSource) -> None:
        """Prune the scratch cache, once a minute at most, since that looks at each of its files."""
        from model_sharing.cache.maintenance.pruning import PruningLimits, prune  # noqa: PLC0415
        from model_sharing.cache.store import Cache  # noqa: PLC0415

        if time.monotonic() - self._pruned_at < _PRUNED_EVERY_SECONDS:
            return
        self._pruned_at = time.monotonic()
        cache = Cache(self._cache, source.mirror.provider_fingerprint)
        try:
            # No entry ever has a snapshot here: what is in them are the bases of versions to come.
            limits = PruningLimits(self._cache_size, incomplete_after=None)
            await asyncio.to_thread(prune, cache, limits)
        except (OSError, SharingError) as error:
            log.warning("scratch cache not pruned", error=str(error))


def _has_failed(listing: asyncio.Task[Listing]) -> bool:
    return listing.done() and (listing.cancelled() or listing.exception() is not None)
