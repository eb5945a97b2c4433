"""Snapshots of a mount's versions: verified files, from the cache or downloaded into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model_sharing.cache.maintenance.pruning import prune_to_size
from model_sharing.cache.store import Cache
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_models import SharedVersion
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.filesystem.local_files import local_path
from model_sharing.mount_table import Mount
from model_sharing.resolution.known_state import KnownState
from model_sharing.resolution.pinned_keys import PinnedKeys
from model_sharing.resolution.resolver import Resolved, Resolver
from model_sharing.resolution.version_files import VersionFiles
from model_sharing.settings import Settings
from model_sharing_protocol.errors import ServerUnreachable, UntrustedSignature
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import ModelVersion
from model_sharing_protocol.progress import Progress
from model_sharing_protocol.signatures import Bundle

if TYPE_CHECKING:
    from model_sharing.catalogs.version_downloads import VersionDownloads


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Verified files of a version in the cache: `folder` is not to be changed. `bundle` signs them.

    `fetched` bytes came from the provider just now; `reused` were here already, in files of this version, or
    of others, or in what a download that was cut off had left.
    """

    version: SharedVersion
    folder: Path
    manifest: Manifest
    bundle: Bundle
    fetched: int = 0

    @property
    def reused(self) -> int:
        """Bytes that were in the cache already."""
        return max(0, self.manifest.size - self.fetched)

    @property
    def progress(self) -> Progress:
        """Progress of a download that is done, with all of it here."""
        size, files = self.manifest.size, len(self.manifest.files)
        return Progress("done", size, size, files, files, self.reused)


@dataclass(frozen=True, slots=True)
class PartialSnapshot:
    """Some of a version's files in the cache, verified: `files`, below `folder`, which is not to be changed.

    `manifest` lists all files of the version and `bundle` signs them. Where a folder was asked for, nothing
    but `files` is in it. `fetched` bytes came from the provider just now.
    """

    version: SharedVersion
    folder: Path
    files: tuple[ManifestFile, ...]
    manifest: Manifest
    bundle: Bundle
    fetched: int = 0

    def path_of(self, path: str) -> Path:
        """Path on this disk of one of `files`."""
        return local_path(self.folder, path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of `files` in the version."""
        return tuple(file.path for file in self.files)

    @property
    def is_partial(self) -> bool:
        """True unless all of the version's files are here."""
        return len(self.files) < len(self.manifest.files)

    @property
    def size(self) -> int:
        """Bytes of `files`."""
        return sum(file.size for file in self.files)

    @property
    def reused(self) -> int:
        """Bytes that were in the cache already."""
        return max(0, self.size - self.fetched)

    @property
    def progress(self) -> Progress:
        """Progress of a download that is done, with all of it here."""
        return Progress("done", self.size, self.size, len(self.files), len(self.files), self.reused)


@dataclass(frozen=True, slots=True)
class VerifiedFiles:
    """Files of a version in the cache, as `bundle` signs them; `selected` lists them, if they are not all."""

    folder: Path
    manifest: Manifest
    bundle: Bundle
    selected: Manifest | None = None


@dataclass(frozen=True, slots=True)
class VersionListing:
    """List of a version's files as its provider signed them, and the answer that it came with."""

    version: SharedVersion
    manifest: Manifest
    name: SharedName
    resolved: Resolved


class SnapshotSource:
    """Source of one mount's verified files. What it gives is held in the cache until `holds` is closed."""

    def __init__(
        self,
        mount: Mount,
        settings: Settings,
        *,
        cache: Cache,
        known_state: KnownState,
        pinned_keys: PinnedKeys,
        resolver: Resolver,
    ) -> None:
        self._mount = mount
        self._settings = settings
        self._cache = cache
        self._known_state = known_state
        self._pinned_keys = pinned_keys
        self._resolver = resolver

    @cached_property
    def _downloads(self) -> VersionDownloads:
        # Imported when something is missing: most loads find all files here.
        from model_sharing.catalogs.version_downloads import VersionDownloads  # noqa: PLC0415

        return VersionDownloads(
            self._mount,
            self._settings,
            cache=self._cache,
            known_state=self._known_state,
            resolver=self._resolver,
        )

    async def list_files(
        self, version: SharedVersion, name: SharedName, resolved: Resolved
    ) -> VersionListing:
        """List files: as the provider just did, as the cache has them, or as the provider does now."""
        wire, files = resolved.version, resolved.files
        manifest = files.manifest if files else await asyncio.to_thread(self._cached_manifest, name, wire)
        if manifest is None and resolved.offline is not None:
            raise _incomplete(name, wire, resolved.offline)
        if manifest is None:
            files = await self._resolver.files(name, wire.version, wire.digest)
            manifest = files.manifest
        return VersionListing(version, manifest, name, replace(resolved, files=files))

    async def bytes_to_fetch(
        self, listing: VersionListing, selected: Manifest, *, verify: bool
    ) -> Mapping[str, int]:
        """Bytes to fetch of the selected contents that are not here, by sha256.

        Nothing is fetched but the chunk maps, which tell what can be taken from other versions.
        """
        from model_sharing.downloads.fetch_snapshot import bytes_to_fetch  # noqa: PLC0415 - as `_downloads`
        from model_sharing.downloads.plan import make_plan  # noqa: PLC0415

        plan = await asyncio.to_thread(make_plan, selected, self._cache, verify=verify)
        if not plan.missing:
            return {}
        name, resolved = listing.name, listing.resolved
        if resolved.offline is not None:
            raise _incomplete(name, resolved.version, resolved.offline)
        number, digest = resolved.version.version, resolved.version.digest
        files = resolved.files or await self._resolver.files(name, number, digest)
        job = self._downloads.job(name, number, files, ProgressCounter(), selected=selected, verify=verify)
        return await asyncio.to_thread(bytes_to_fetch, job, plan)

    @asynccontextmanager
    async def held(
        self,
        name: SharedName,
        resolved: Resolved,
        patterns: FilePatterns | None,
        counter: ProgressCounter,
        *,
        verify: bool = False,
    ) -> AsyncIterator[VerifiedFiles]:
        """Files from the cache or, where it lacks some, the provider; held in the cache for the block."""
        version = resolved.version
        with ExitStack() as holds:
            counter.enter("looking into the cache")
            files = await asyncio.to_thread(
                self._cached, holds, name, version, patterns=patterns, verify=verify
            )
            if files is None and resolved.offline is not None:
                raise _incomplete(name, version, resolved.offline)
            files = files or await self._download(
                holds, name, version, resolved.files, counter, patterns=patterns, verify=verify
            )
            if resolved.offline is None:
                self._known_state.record_version(name, version, files.manifest.digest)
            yield files

    def _cached(
        self,
        holds: ExitStack,
        name: SharedName,
        version: ModelVersion,
        *,
        patterns: FilePatterns | None,
        verify: bool,
    ) -> VerifiedFiles | None:
        """Files from the cache; None unless it has them complete, intact, and with a good signature."""
        if version.digest is None:
            return None
        with ExitStack() as hold:
            manifest = hold.enter_context(self._cache.held_manifest(version.digest))
            if manifest is None:
                return None
            selected = self._select(patterns, manifest, name, version.version)
            folder = self._cached_folder(manifest, selected, patterns, verify=verify)
            if folder is None:
                return None
            stored = self._known_state.bundle(name, version.version)
            try:
                bundle = self._pinned_keys.check_stored_bundle(stored, name, version.version, manifest)
            except UntrustedSignature:
                return None
            holds.push(hold.pop_all())
        return VerifiedFiles(folder, manifest, bundle, selected)

    def _cached_manifest(self, name: SharedName, version: ModelVersion) -> Manifest | None:
        """Manifest from the cache; None unless it is there with a good signature."""
        manifest = self._cache.manifest(version.digest) if version.digest else None
        if manifest is not None:
            stored = self._known_state.bundle(name, version.version)
            with suppress(UntrustedSignature):
                self._pinned_keys.check_stored_bundle(stored, name, version.version, manifest)
                return manifest
        return None

    def _cached_folder(
        self, manifest: Manifest, selected: Manifest | None, patterns: FilePatterns | None, *, verify: bool
    ) -> Path | None:
        """Folder in the cache that has the selected files; made now, if their contents are all there."""
        cache = self._cache
        if selected is None or patterns is None:
            return cache.snapshot(manifest, verify=verify)
        if folder := cache.snapshot(manifest, selected=selected, verify=verify):
            return folder
        if not all(cache.has_blob(file, verify=verify) for file in selected.files):
            return None
        whole = cache.snapshot_folder(manifest)
        if patterns.of_files and all(
            cache.is_intact(local_path(whole, file.path), file, verify=verify) for file in selected.files
        ):
            return whole
        with suppress(FileNotFoundError):  # dropped in this moment
            return cache.publish_snapshot(manifest, selected=selected)
        return None

    def _select(
        self, patterns: FilePatterns | None, manifest: Manifest, name: SharedName, version: int
    ) -> Manifest | None:
        """Selected files; None if all are."""
        if patterns is None:
            return None
        selected = patterns.select(manifest, f"{self._mount.name}.{name} version {version}")
        return None if len(selected.files) == len(manifest.files) else selected

    async def _download(
        self,
        holds: ExitStack,
        name: SharedName,
        version: ModelVersion,
        files: VersionFiles | None,
        counter: ProgressCounter,
        *,
        patterns: FilePatterns | None,
        verify: bool,
    ) -> VerifiedFiles:
        """Files that the cache lacks, fetched from the provider; `files` if it has listed them already."""
        files = files or await self._resolver.files(name, version.version, version.digest)
        selected = self._select(patterns, files.manifest, name, version.version)
        folder = await self._downloads.fetch(
            holds, name, version.version, files, counter, selected=selected, verify=verify
        )
        self._known_state.store_bundle(name, version.version, files.bundle)
        await asyncio.to_thread(prune_to_size, self._cache, self._settings.cache_max_size)
        return VerifiedFiles(folder, files.manifest, files.bundle, selected)


def _incomplete(name: SharedName, version: ModelVersion, offline: ServerUnreachable) -> ServerUnreachable:
    """Error for what would have to come from the cache, and is not there."""
    error = ServerUnreachable(
        f"{offline.message} {name} version {version.version} is not complete in the cache."
    )
    error.__cause__ = offline
    return error
