"""Downloads of versions into the cache: what a job needs to know of the mount, the settings and the cache."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

from model_sharing.cache.store import Cache
from model_sharing.catalogs.download_threads import run_download
from model_sharing.downloads.fetch_snapshot import fetch_snapshot
from model_sharing.downloads.job import Job
from model_sharing.downloads.measured_rates import MeasuredRates
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import PACK, FileUrls
from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.mount_table import Mount
from model_sharing.resolution.known_state import KnownState
from model_sharing.resolution.resolver import Resolver
from model_sharing.resolution.version_files import VersionFiles
from model_sharing.settings import Settings
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import SharedName


class VersionDownloads:
    """Downloads of one mount's versions."""

    def __init__(
        self, mount: Mount, settings: Settings, *, cache: Cache, known_state: KnownState, resolver: Resolver
    ) -> None:
        self._mount = mount
        self._settings = settings
        self._cache = cache
        self._known_state = known_state
        self._resolver = resolver

    async def fetch(
        self,
        holds: ExitStack,
        name: SharedName,
        version: int,
        files: VersionFiles,
        counter: ProgressCounter,
        *,
        selected: Manifest | None,
        verify: bool,
    ) -> Path:
        """Fetch a version's files, or the selected ones; return their folder, which `holds` keeps."""

        def new_job() -> Job:
            return self.job(name, version, files, counter, selected=selected, verify=verify)

        try:
            return await _run(holds, new_job())
        except FileNotFoundError:  # somebody deleted the cache meanwhile
            return await _run(holds, new_job())

    def job(
        self,
        name: SharedName,
        version: int,
        files: VersionFiles,
        counter: ProgressCounter,
        *,
        selected: Manifest | None,
        verify: bool,
    ) -> Job:
        """Job that fetches a version's files, or the selected ones. For the running loop's thread."""
        loop = asyncio.get_running_loop()

        def renew() -> dict[str, str]:
            again = self._resolver.files(name, version, files.manifest.digest)
            return _urls_by_key(asyncio.run_coroutine_threadsafe(again, loop).result())

        limit = RateLimit(self._settings.limit_rate) if self._settings.limit_rate else None
        origins = FileOrigins(self._mount.endpoint, self._mount.file_origins)
        return Job(
            files.manifest,
            self._cache,
            Connections(origins, limit, retry_for=self._settings.retry_for),
            FileUrls(_urls_by_key(files), renew),
            counter,
            parallel=self._settings.jobs,
            base_versions=lambda: self._known_state.digests(name),
            rates=MeasuredRates(self._cache.rates_path(), self._settings.limit_rate),
            deltas=self._settings.deltas,
            verify=verify,
            selected=selected,
            trusts_blocks=files.chunk_maps_signed and self._cache.accepts_blocks and not verify,
        )


def _urls_by_key(files: VersionFiles) -> dict[str, str]:
    return files.urls | ({PACK: files.pack_url} if files.pack_url else {})


async def _run(holds: ExitStack, job: Job) -> Path:
    def fetch() -> Path:
        holds.enter_context(job.cache.held(job.manifest))
        return fetch_snapshot(job)

    return await run_download(fetch, job.connections.stop)
