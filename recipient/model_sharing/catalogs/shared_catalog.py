"""Shared catalog: a mounted share's models, read-only, asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_sharing.cache.maintenance.pruning import drop_version
from model_sharing.cache.store import Cache
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.model_listing import ModelListing
from model_sharing.catalogs.shared_assets import SharedAssets
from model_sharing.catalogs.shared_models import SharedModel, SharedVersion
from model_sharing.catalogs.snapshots import (
    PartialSnapshot,
    Snapshot,
    SnapshotSource,
    VerifiedFiles,
    VersionListing,
)
from model_sharing.catalogs.watching import Watcher
from model_sharing.client.sharing_client import SharingClient
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.exports.verification import find_signature, verify_folder
from model_sharing.mount_table import Mount, MountTable
from model_sharing.mounting.terms import Terms, accept_terms, fetch_terms
from model_sharing.resolution.known_state import KnownState
from model_sharing.resolution.pinned_keys import PinnedKeys
from model_sharing.resolution.resolver import Resolved, Resolver
from model_sharing.settings import Settings
from model_sharing.transport.session import Transport
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
)
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import FullName, ModelRef, SharedName
from model_sharing_protocol.open_sharing import READY, ModelVersion

if TYPE_CHECKING:
    from model_sharing.catalogs.folder_downloads import FolderDownloads


class SharedCatalog:
    """Catalog of one mount's models. Names are given as `schema.model` or with the catalog in front.

    Every call asks the provider; a version in the cache can still be had when the provider cannot be
    reached, but not when it says no. Close it when done. `assets` are the tables, volumes and agent skills
    beside the models.
    """

    def __init__(
        self,
        mount: Mount,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        *,
        accepts_blocks: bool = True,
    ) -> None:
        """Open a mount for the event loop that all calls will come from.

        `accepts_blocks` as for `Cache`: not for what is served to others, who know files by their sha256.
        """
        self.mount = mount
        self._settings = settings
        self._loop = loop
        self._transport = Transport(mount.read_profile, retry_for=settings.retry_for)
        self._client = SharingClient(self._transport, mount.endpoint)
        self.assets = SharedAssets(self._client, mount)
        self._listing = ModelListing(self._client, mount)
        self._pinned_keys = PinnedKeys(mount, MountTable(settings.mounts), self._client)
        self._cache = Cache(settings.cache, mount.provider_fingerprint, accepts_blocks=accepts_blocks)
        self._known_state = KnownState(settings.cache, mount.endpoint, mount.share)
        self._resolver = Resolver(
            mount,
            self._client,
            self._pinned_keys,
            self._known_state,
            has_manifest=lambda digest: self._cache.manifest(digest) is not None,
            drop=lambda digest: drop_version(self._cache, digest),
            alias_max_age=settings.alias_max_age,
            recalled=settings.recalled,
        )
        self._source = SnapshotSource(
            mount,
            settings,
            cache=self._cache,
            known_state=self._known_state,
            pinned_keys=self._pinned_keys,
            resolver=self._resolver,
        )

    @cached_property
    def folders(self) -> FolderDownloads:
        """Downloads of volumes and agent skills."""
        from model_sharing.catalogs.folder_downloads import FolderDownloads  # noqa: PLC0415 - for few calls

        return FolderDownloads(self._client, self.mount, self._settings)

    @property
    def name(self) -> str:
        """Name that the share is mounted under."""
        return self.mount.name

    @property
    def cache(self) -> Cache:
        """Cache, as this provider sees it."""
        return self._cache

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._transport.close()

    def check_loop(self) -> None:
        """Raise InvalidState on another event loop than this catalog's, to which its connections belong."""
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidState(
                f"This catalog belongs to another event loop. Open one for this loop: async with "
                f"model_sharing.AsyncCatalog({self.name!r})."
            )

    async def list_schemas(self) -> list[str]:
        """List the names of the share's schemas, sorted."""
        self.check_loop()
        return await self._listing.schemas()

    async def list_models(self, schema: str | None = None) -> list[SharedModel]:
        """List the models of one schema, or all; NotFound for a schema that the share does not have."""
        self.check_loop()
        return await self._listing.models(schema)

    def model_pages(self, schema: str | None = None) -> AsyncIterator[list[SharedModel]]:
        """Iterate over the models of one schema, or all, page by page, as the provider orders them."""
        self.check_loop()
        return self._listing.pages(schema)

    async def get_model(self, model: str) -> SharedModel:
        """Look up one model; NotFound if it is not shared."""
        self.check_loop()
        return self._listing.model(await self._client.get_model(self.mount.share, self.shared_name(model)))

    async def list_versions(self, model: str) -> list[SharedVersion]:
        """List all versions of a model, oldest first."""
        self.check_loop()
        name = self.shared_name(model)
        versions = await self._client.list_versions(self.mount.share, name)
        return sorted((self._version(name, version) for version in versions), key=lambda found: found.version)

    async def list_terms(self) -> list[Terms]:
        """List the terms in force of the share and of its models."""
        self.check_loop()
        return await fetch_terms(self._client, self.mount.endpoint, self.mount.share)

    async def accept_terms(self, digests: Collection[str], accepted_by: str | None = None) -> list[Terms]:
        """Accept terms by their digests. Raises NotFound for those that do not apply."""
        self.check_loop()
        return await accept_terms(self._client, self.mount.share, digests, accepted_by)

    async def resolve(self, ref: str | ModelRef) -> SharedVersion:
        """Resolve a reference to the version that it names at this moment. Raises VersionRecalled."""
        self.check_loop()
        name, parsed = self._parse(ref)
        return self._version(name, (await self._resolver.resolve(name, parsed)).version)

    async def snapshot(
        self, ref: str | ModelRef, *, counter: ProgressCounter | None = None, verify: bool = False
    ) -> Snapshot:
        """Get a snapshot as by `held_snapshot`, held until this process ends or calls `release`."""
        async with self.held_snapshot(ref, counter=counter, verify=verify) as snapshot:
            self._cache.hold_until_exit(snapshot.manifest.digest)
            return snapshot

    async def snapshot_to_load(
        self, ref: str | ModelRef, *, counter: ProgressCounter | None = None
    ) -> Snapshot:
        """Get a snapshot for `load`, as by `snapshot`.

        Raises InvalidModel, before anything is fetched, for a format that other programs read.
        """
        from model_sharing.catalogs.loading import check_loadable  # noqa: PLC0415 - slow to import: the policy

        counter = counter or ProgressCounter()
        counter.enter("asking the provider")
        listing = await self.list_files(ref)
        paths = [file.path for file in listing.manifest.files]
        check_loadable(paths, subject=_subject(listing), uri=listing.version.uri)
        async with self._source.held(listing.name, listing.resolved, None, counter) as files:
            self._cache.hold_until_exit(files.manifest.digest)
            return Snapshot(listing.version, files.folder, files.manifest, files.bundle, counter.fetched)

    def release(self, snapshot: Snapshot | PartialSnapshot) -> None:
        """Undo one `snapshot` or `partial_snapshot`, for pruning. InvalidState if it is not held."""
        try:
            self._cache.release(snapshot.manifest.digest)
        except KeyError as error:
            raise InvalidState(
                f"{_subject(snapshot)} is not held by this process; release a snapshot once for each time "
                "that it was asked for."
            ) from error

    @contextlib.asynccontextmanager
    async def held_snapshot(
        self, ref: str | ModelRef, *, counter: ProgressCounter | None = None, verify: bool = False
    ) -> AsyncIterator[Snapshot]:
        """Get a version's verified snapshot, held in the cache for the block; fetches what is missing.

        `verify` hashes what is in the cache already, too. Raises CorruptArtifact, DiskFull, UnsafePath,
        UntrustedSignature, StaleAnswer, VersionRecalled, ServerUnreachable and whatever the provider answers.
        """
        counter = counter or ProgressCounter()
        async with self._held_files(ref, None, counter, verify=verify) as (version, files):
            yield Snapshot(version, files.folder, files.manifest, files.bundle, counter.fetched)

    async def partial_snapshot(
        self,
        ref: str | ModelRef,
        patterns: FilePatterns,
        *,
        counter: ProgressCounter | None = None,
        verify: bool = False,
    ) -> PartialSnapshot:
        """Get files as by `held_partial_snapshot`, held until this process ends or calls `release`."""
        async with self.held_partial_snapshot(ref, patterns, counter=counter, verify=verify) as snapshot:
            self._cache.hold_until_exit(snapshot.manifest.digest)
            return snapshot

    @contextlib.asynccontextmanager
    async def held_partial_snapshot(
        self,
        ref: str | ModelRef,
        patterns: FilePatterns,
        *,
        counter: ProgressCounter | None = None,
        verify: bool = False,
    ) -> AsyncIterator[PartialSnapshot]:
        """Get some of a version's files, verified, held in the cache for the block; fetches what is missing.

        One file: `patterns` is `FilePatterns(paths=frozenset({path}))`, and `snapshot.path_of(path)` is where
        its content is. It is never fetched again, neither alone nor with all of the version; who wants a
        small file does not wait for others' downloads. Raises NotFound for files that the version does not
        have, and what `held_snapshot` raises.
        """
        counter = counter or ProgressCounter()
        async with self._held_files(ref, patterns, counter, verify=verify) as (version, files):
            yield _partial_snapshot(version, files, counter)

    @contextlib.asynccontextmanager
    async def _held_files(
        self,
        ref: str | ModelRef,
        patterns: FilePatterns | None,
        counter: ProgressCounter,
        *,
        verify: bool,
    ) -> AsyncIterator[tuple[SharedVersion, VerifiedFiles]]:
        counter.enter("asking the provider")
        name, resolved = await self._resolve_ready(ref)
        async with self._source.held(name, resolved, patterns, counter, verify=verify) as files:
            yield self._version(name, resolved.version), files

    async def list_files(self, ref: str | ModelRef) -> VersionListing:
        """List a version's files as the provider signed them, without fetching any.

        Raises what `held_snapshot` raises.
        """
        name, resolved = await self._resolve_ready(ref)
        return await self._source.list_files(self._version(name, resolved.version), name, resolved)

    def held_files(
        self, listing: VersionListing, paths: Iterable[str], counter: ProgressCounter
    ) -> contextlib.AbstractAsyncContextManager[PartialSnapshot]:
        """Get these files of a listed version, as by `held_selection`."""
        return self.held_selection(listing, FilePatterns(paths=frozenset(paths)), counter)

    @contextlib.asynccontextmanager
    async def held_selection(
        self,
        listing: VersionListing,
        patterns: FilePatterns | None,
        counter: ProgressCounter,
        *,
        verify: bool = False,
    ) -> AsyncIterator[PartialSnapshot]:
        """Get files of a version that was listed a moment ago, as by `held_partial_snapshot`.

        The provider is not asked again whether the version still stands.
        """
        held = self._source.held(listing.name, listing.resolved, patterns, counter, verify=verify)
        async with held as files:
            yield _partial_snapshot(listing.version, files, counter)

    async def bytes_to_fetch(
        self, listing: VersionListing, selected: Manifest, *, verify: bool = False
    ) -> Mapping[str, int]:
        """Bytes to fetch of the selected contents that are not here, by sha256. Fetches no file."""
        self.check_loop()
        return await self._source.bytes_to_fetch(listing, selected, verify=verify)

    def hold_until_exit(self, snapshot: PartialSnapshot) -> None:
        """Hold a snapshot that is held now until this process ends or calls `release`, too."""
        self._cache.hold_until_exit(snapshot.manifest.digest)

    def known_digests(self, model: SharedName) -> Mapping[int, str]:
        """Digests of a model's versions that were used here, by number. The provider is not asked."""
        return self._known_state.versions(model)

    async def _resolve_ready(self, ref: str | ModelRef) -> tuple[SharedName, Resolved]:
        """Resolve a reference to a version that can be had. Raises InvalidState, VersionRecalled."""
        self.check_loop()
        name, parsed = self._parse(ref)
        resolved = await self._resolver.resolve(name, parsed, with_files=True)
        version = resolved.version
        if version.status != READY:
            raise InvalidState(
                f"{name} version {version.version} is {version.status}; only READY ones can be had."
            )
        return name, resolved

    def watcher(self, notify: Callable[[str], None]) -> Watcher:
        """Watcher of this catalog's events; `notify` gets lines for people about gaps and failures."""
        self.check_loop()
        return Watcher(self.mount, self._client, self._pinned_keys, self._resolver, notify)

    def verify(
        self,
        ref: str | ModelRef,
        folder: Path,
        signature: Path | None = None,
        patterns: FilePatterns | None = None,
    ) -> int:
        """Check a downloaded folder and its signature, without the provider; the number of its files.

        With `patterns`, it is to hold exactly those of the version's files that these match. `ref` names a
        version by its number. Raises UntrustedSignature if anything is not as it was signed.
        """
        name, parsed = self._parse(ref)
        if parsed.version is None:
            raise InvalidParameter(
                f"Name the version of {folder} by its number: {ref!r} has no version number."
            )
        target = folder.expanduser().absolute()
        signed_name = self._pinned_keys.signed_name(name, parsed.version)
        return verify_folder(
            target,
            signature or find_signature(target),
            signed_name,
            self._pinned_keys.all(),
            wanted=lambda paths: patterns.match(paths, str(signed_name)) if patterns else paths,
        )

    def load(self, snapshot: Snapshot, *, trust_remote_code: bool | None = None) -> Any:
        """Load a snapshot's model in the calling thread."""
        from model_sharing.catalogs.loading import load_folder  # noqa: PLC0415 - slow to import: the policy

        return load_folder(
            snapshot.folder,
            snapshot.manifest,
            subject=_subject(snapshot),
            uri=snapshot.version.uri,
            trusted=self._is_trusted(trust_remote_code),
        )

    def _is_trusted(self, trust_remote_code: bool | None) -> bool:
        return self.mount.trust_remote_code if trust_remote_code is None else trust_remote_code

    def shared_name(self, model: str) -> SharedName:
        """Split a name with or without this catalog in front into schema and model."""
        if model.count(".") == 2:
            full = FullName.parse(model)
            if full.catalog != self.name:
                raise InvalidParameter(f"{model!r} is not in the catalog {self.name!r}.")
            return SharedName(full.schema, full.name)
        return SharedName.parse(model)

    def _parse(self, ref: str | ModelRef) -> tuple[SharedName, ModelRef]:
        parsed = ModelRef.parse(ref) if isinstance(ref, str) else ref
        return self.shared_name(parsed.name), parsed

    def _version(self, name: SharedName, wire: ModelVersion) -> SharedVersion:
        return SharedVersion.of(FullName(self.name, name.schema, name.name), wire)


def _partial_snapshot(
    version: SharedVersion, files: VerifiedFiles, counter: ProgressCounter
) -> PartialSnapshot:
    selected = (files.selected or files.manifest).files
    return PartialSnapshot(version, files.folder, selected, files.manifest, files.bundle, counter.fetched)


def _subject(snapshot: Snapshot | PartialSnapshot | VersionListing) -> str:
    return f"{snapshot.version.full_name} version {snapshot.version.version}"
