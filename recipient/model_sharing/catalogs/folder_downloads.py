"""Downloads of volumes and agent skills: folders of files that a share shows beside its models.

Nobody signs them, and they have no digests. Each file has the size that the provider listed and, where the
answer says so, its etag: one that was replaced meanwhile is an error. Paths are held to the rules of models.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_sharing.catalogs.download_threads import run_download
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_folders import DownloadedFolder, FolderKind, FolderPlan, PlannedFolderFile
from model_sharing.client.sharing_client import SharingClient
from model_sharing.downloads.fetch_folder import (
    FolderJob,
    FolderSource,
    UrlSource,
    fetch_folder,
    staged_bytes,
    staged_path,
)
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.downloads.store_transfer import StoreTransfer
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.exports.destinations import check_new_or_empty
from model_sharing.exports.staging import place_files, staging_folder, staging_path
from model_sharing.mount_table import Mount
from model_sharing.settings import Settings
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.errors import InvalidParameter, NotFound, UnsafePath
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import FullName, SharedName


@dataclass(frozen=True, slots=True)
class _Listing:
    """Files of a folder, with keys in place of digests, and where they come from."""

    files: Manifest
    source: FolderSource


class FolderDownloads:
    """Downloads from one mounted share."""

    def __init__(self, client: SharingClient, mount: Mount, settings: Settings) -> None:
        self._client = client
        self._mount = mount
        self._settings = settings

    async def download(
        self,
        kind: FolderKind,
        name: str,
        destination: Path,
        patterns: FilePatterns | None,
        counter: ProgressCounter,
        *,
        trust_remote_code: bool | None = None,
    ) -> DownloadedFolder:
        """Download a volume or skill to `destination`, which must not exist or be an empty folder.

        Raises UntrustedCode, UnsafePath, InvalidState for a file that was replaced meanwhile, DiskFull, and
        whatever the provider answers.
        """
        target = await asyncio.to_thread(check_new_or_empty, destination)
        counter.enter("asking the provider")
        full_name, shared_name = self._names(kind, name)
        listing = await self._list(kind, shared_name)
        wanted = self._select(listing, full_name, patterns, trust_remote_code)

        def fetch() -> None:
            with staging_folder(target) as staging:
                fetch_folder(FolderJob(wanted, staging, listing.source, counter, self._settings.jobs))
                place_files(staging, _staged(staging, wanted), target)

        await run_download(fetch, listing.source.stop)
        fetched = min(counter.fetched, wanted.size)
        paths = tuple(file.path for file in wanted.files)
        return DownloadedFolder(full_name, target, wanted.size, fetched, wanted.size - fetched, paths)

    async def plan(
        self,
        kind: FolderKind,
        name: str,
        destination: Path,
        patterns: FilePatterns | None,
        *,
        trust_remote_code: bool | None = None,
    ) -> FolderPlan:
        """Plan what `download` would fetch. Raises what it raises before it fetches."""
        target = await asyncio.to_thread(check_new_or_empty, destination)
        full_name, shared_name = self._names(kind, name)
        wanted = self._select(await self._list(kind, shared_name), full_name, patterns, trust_remote_code)
        return await asyncio.to_thread(_plan, full_name, wanted, staging_path(target))

    def _names(self, kind: FolderKind, name: str) -> tuple[str, SharedName]:
        """Full name, and the name in the share, of `schema.name`, with or without the catalog in front."""
        if name.count(".") == 2:
            full = FullName.parse(name, kind)
            if full.catalog != self._mount.name:
                raise InvalidParameter(f"{name!r} is not in the catalog {self._mount.name!r}.")
            return str(full), SharedName(full.schema, full.name)
        shared = SharedName.parse(name, kind)
        return f"{self._mount.name}.{shared}", shared

    async def _list(self, kind: FolderKind, name: SharedName) -> _Listing:
        found = await self._client.query_folder(self._mount.share, kind, name)
        if found is None:
            return await self._list_store(kind, name)
        by_key = {
            self._key(kind, name, file.path, file.size, file.id, file.etag or ""): file for file in found
        }
        listed = [(file.path, file.size, key) for key, file in by_key.items()]
        files = await asyncio.to_thread(self._checked, kind, name, listed)
        origins = FileOrigins(self._mount.endpoint, self._mount.file_origins)
        connections = Connections(origins, self._limit(), retry_for=self._settings.retry_for)
        urls = FileUrls({key: file.url for key, file in by_key.items()}, self._renew(kind, name))
        etags = {key: file.etag or "" for key, file in by_key.items()}
        return _Listing(files, UrlSource(connections, urls, etags))

    async def _list_store(self, kind: FolderKind, name: SharedName) -> _Listing:
        """List files by credentials of the provider's store, as the specification has it."""
        given = await self._client.folder_credentials(self._mount.share, kind, name)
        store = await asyncio.to_thread(StoreTransfer, *given, self._limit())
        found = await run_download(store.list, store.stop)
        files = [
            (file.path, file.size, self._key(kind, name, file.path, file.size, file.written_at))
            for file in found
        ]
        return _Listing(await asyncio.to_thread(self._checked, kind, name, files), store)

    def _renew(self, kind: FolderKind, name: SharedName) -> Callable[[], Mapping[str, str]]:
        loop = asyncio.get_running_loop()

        async def ask() -> Mapping[str, str]:
            found = await self._client.query_folder(self._mount.share, kind, name) or ()
            return {
                self._key(kind, name, file.path, file.size, file.id, file.etag or ""): file.url
                for file in found
            }

        return lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result()

    def _key(self, kind: FolderKind, name: SharedName, *known: object) -> str:
        """Key of a file, of all that is known of it: another one as soon as it is known that the file is.

        It is of this share's folder alone: what another provider left at the same destination never counts.
        """
        parts = self._mount.endpoint, self._mount.share, kind, name, *known
        return hashlib.sha256("\n".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()

    def _checked(self, kind: FolderKind, name: SharedName, files: Sequence[tuple[str, int, str]]) -> Manifest:
        """Files with these paths, sizes and keys. Raises NotFound for none, UnsafePath."""
        if not files:
            raise NotFound(f"The {kind} {self._mount.name}.{name} has no files.")
        try:
            return Manifest.of(ManifestFile(path, size, key) for path, size, key in files)
        except UnsafePath as error:
            raise UnsafePath(f"{name} was refused: {error.message} Tell the provider.") from error

    def _limit(self) -> RateLimit | None:
        return RateLimit(self._settings.limit_rate) if self._settings.limit_rate else None

    def _select(
        self,
        listing: _Listing,
        full_name: str,
        patterns: FilePatterns | None,
        trust_remote_code: bool | None,
    ) -> Manifest:
        wanted = patterns.select(listing.files, full_name) if patterns else listing.files
        trusted = self._mount.trust_remote_code if trust_remote_code is None else trust_remote_code
        if not trusted:
            from model_sharing.policy import check_no_auto_run_files  # noqa: PLC0415 - slow to import

            check_no_auto_run_files((file.path for file in wanted.files), full_name)
        return wanted


def _staged(staging: Path, wanted: Manifest) -> Iterator[tuple[Path, str]]:
    return ((staged_path(staging, file), file.path) for file in wanted.files)


def _plan(full_name: str, wanted: Manifest, staging: Path) -> FolderPlan:
    files = tuple(
        PlannedFolderFile(file.path, file.size, file.size - staged_bytes(staging, file))
        for file in wanted.files
    )
    fetched = sum(file.fetched for file in files)
    return FolderPlan(full_name, wanted.size, fetched, wanted.size - fetched, files)
