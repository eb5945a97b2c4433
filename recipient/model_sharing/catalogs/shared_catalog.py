"""A mounted share as a read-only catalog of models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from model_sharing.cache.maintenance.pruning import keep_within
from model_sharing.cache.store import Cache
from model_sharing.catalogs.loading import load_folder
from model_sharing.catalogs.shared_models import DownloadedVersion, SharedModel, SharedVersion
from model_sharing.client.invalid_items import InvalidItems
from model_sharing.client.sharing_client import SharingClient
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.downloads.snapshot import fetch_snapshot
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import PACK, FileUrls
from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.exports.destinations import check_destination, copy_to_destination
from model_sharing.exports.verification import find_signature, verify_folder
from model_sharing.mount_table import Mount, MountTable
from model_sharing.policy import check_acts_on_nothing
from model_sharing.resolution.known_state import KnownState
from model_sharing.resolution.resolver import Resolver
from model_sharing.resolution.trust import Trust
from model_sharing.resolution.version_files import VersionFiles
from model_sharing.settings import Settings
from model_sharing.transport.file_origins import FileOrigins
from model_sharing.transport.session import Transport
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotASharingServer,
    ServerUnreachable,
    UntrustedSignature,
)
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import FullName, ModelRef, SharedName, normalize_name
from model_sharing_protocol.open_sharing import READY, ModelVersion, RegisteredModel
from model_sharing_protocol.progress import Progress
from model_sharing_protocol.signatures import Bundle

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version's verified files in the cache: `folder` is not to be changed. `bundle` signs them.

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
        return max(0, self.manifest.size - self.fetched)

    @property
    def progress(self) -> Progress:
        """That of having all of it here."""
        size, files = self.manifest.size, len(self.manifest.files)
        return Progress("done", size, size, files, files, self.reused)


class SharedCatalog:
    """The models of one mount. Names are given as `schema.model` or with the catalog in front.

    Every call asks the provider; a version in the cache can still be had when the provider cannot be
    reached, but not when it says no. Close it when done.
    """

    def __init__(self, mount: Mount, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        """Open a mount for the event loop that all calls will come from."""
        self.mount = mount
        self._settings = settings
        self._loop = loop
        self._transport = Transport(mount.read_profile, retry_for=settings.retry_for)
        self._client = SharingClient(self._transport, mount.endpoint)
        self._trust = Trust(mount, MountTable(settings.mounts), self._client)
        self._cache = Cache(settings.cache, mount.first_key)
        self._known_state = KnownState(settings.cache, mount.endpoint, mount.share)
        self._resolver = Resolver(
            mount,
            self._client,
            self._trust,
            self._known_state,
            has_manifest=lambda digest: self._cache.manifest(digest) is not None,
            alias_max_age=settings.alias_max_age,
        )

    @property
    def name(self) -> str:
        return self.mount.name

    @property
    def cache(self) -> Cache:
        return self._cache

    async def close(self) -> None:
        await self._transport.close()

    def check_loop(self) -> None:
        """Raises InvalidState where another event loop runs: connections and tasks belong to theirs."""
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidState(
                f"This catalog belongs to another event loop. Open one for this loop: async with "
                f"model_sharing.AsyncCatalog({self.name!r})."
            )

    async def list_schemas(self) -> list[str]:
        self.check_loop()
        found = await self._client.list_schemas(self.mount.share)
        schemas = InvalidItems(self.mount.endpoint).keep_valid(
            found,
            lambda schema: self._checked("schema", schema.name),
            lambda schema: f"the schema {schema.name[:80]!a}",
        )
        return sorted(schemas)

    async def list_models(self, schema: str | None = None) -> list[SharedModel]:
        """The models of one schema, or all; NotFound for a schema that the share does not have."""
        self.check_loop()
        wanted = None if schema is None else normalize_name("schema", schema)
        found = await self._client.list_models(self.mount.share, wanted)
        models = InvalidItems(self.mount.endpoint).keep_valid(
            found, self._model, lambda model: f"the model {model.schema[:80]!a}.{model.name[:80]!a}"
        )
        return sorted(models, key=lambda model: model.full_name)

    async def get_model(self, model: str) -> SharedModel:
        self.check_loop()
        return self._model(await self._client.get_model(self.mount.share, self.shared_name(model)))

    async def list_versions(self, model: str) -> list[SharedVersion]:
        """All versions, oldest first."""
        self.check_loop()
        name = self.shared_name(model)
        versions = await self._client.list_versions(self.mount.share, name)
        return sorted((self._version(name, version) for version in versions), key=lambda found: found.version)

    async def resolve(self, ref: str | ModelRef) -> SharedVersion:
        """The version that `ref` names at this moment, by number or by alias."""
        self.check_loop()
        name, parsed = self._parse(ref)
        return self._version(name, (await self._resolver.resolve(name, parsed)).version)

    async def snapshot(
        self, ref: str | ModelRef, *, counter: ProgressCounter | None = None, verify: bool = False
    ) -> Snapshot:
        """A version's files, verified, in the cache; fetches what is missing.

        It stays in the cache until this process ends, or until `cache.release` gives it back. `verify` hashes
        what is in the cache already, too. Raises CorruptArtifact, DiskFull, UnsafePath, UntrustedSignature,
        StaleAnswer, ServerUnreachable and whatever the provider answers.
        """
        self.check_loop()
        counter = counter or ProgressCounter()
        name, parsed = self._parse(ref)
        counter.enter("asking the provider")
        resolved = await self._resolver.resolve(name, parsed, with_files=True)
        version = resolved.version
        if version.status != READY:
            raise InvalidState(
                f"{name} version {version.version} is {version.status}; only READY ones can be had."
            )
        counter.enter("looking into the cache")
        present = await asyncio.to_thread(self._cached, name, version, verify)
        if present is None and resolved.offline is not None:
            raise ServerUnreachable(
                f"{resolved.offline.message} {name} version {version.version} is not complete in the cache."
            ) from resolved.offline
        folder, manifest, bundle = present or await self._fetch(
            name, version, resolved.files, counter, verify
        )
        if resolved.offline is None:
            self._known_state.remember_version(name, version, manifest.digest)
        return Snapshot(self._version(name, version), folder, manifest, bundle, counter.fetched)

    async def download(
        self,
        ref: str | ModelRef,
        destination: Path,
        *,
        counter: ProgressCounter | None = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadedVersion:
        """Copy a version's verified files to `destination`, which must not exist or be an empty folder.

        Their signature goes beside it, into `<destination>.sig`, or as `model.sig` into it where nothing can
        be written beside it. Raises UntrustedCode for files that tools
        act upon unasked, unless there is trust (see `model_sharing.load_model`).
        """
        target = await asyncio.to_thread(check_destination, destination)
        counter = counter or ProgressCounter()
        snapshot = await self.snapshot(ref, counter=counter, verify=verify)
        try:
            if not self._trusted(trust_remote_code):
                check_acts_on_nothing((file.path for file in snapshot.manifest.files), _subject(snapshot))
            await asyncio.to_thread(_copy_snapshot, snapshot, target, counter)
        finally:
            self._cache.release(snapshot.manifest.digest)
        return DownloadedVersion.at(
            target, snapshot.version, fetched=snapshot.fetched, reused=snapshot.reused
        )

    def verify(self, ref: str | ModelRef, folder: Path, signature: Path | None = None) -> int:
        """Check a downloaded folder and its signature, without the provider; the number of its files.

        `ref` names a version by its number. Raises UntrustedSignature if anything is not as it was signed.
        """
        name, parsed = self._parse(ref)
        if parsed.version is None:
            raise InvalidParameter(f"Say which version {folder} should be: {ref!r} names none by its number.")
        target = folder.expanduser().absolute()
        signed_name = self._trust.signed_name(name, parsed.version)
        return verify_folder(target, signature or find_signature(target), signed_name, self._trust.pinned())

    def load(self, snapshot: Snapshot, *, trust_remote_code: bool | None = None) -> Any:
        """Load a snapshot in the calling thread."""
        return load_folder(
            snapshot.folder,
            snapshot.manifest,
            subject=_subject(snapshot),
            trusted=self._trusted(trust_remote_code),
        )

    def _trusted(self, trust_remote_code: bool | None) -> bool:
        return self.mount.trust_remote_code if trust_remote_code is None else trust_remote_code

    def shared_name(self, model: str) -> SharedName:
        """`schema.model` from a name with or without this catalog in front."""
        if model.count(".") == 2:
            full = FullName.parse(model)
            if full.catalog != self.name:
                raise InvalidParameter(f"{model!r} is not in the catalog {self.name!r}.")
            return SharedName(full.schema, full.name)
        return SharedName.parse(model)

    def _parse(self, ref: str | ModelRef) -> tuple[SharedName, ModelRef]:
        parsed = ModelRef.parse(ref) if isinstance(ref, str) else ref
        return self.shared_name(parsed.name), parsed

    def _cached(
        self, name: SharedName, version: ModelVersion, verify: bool
    ) -> tuple[Path, Manifest, Bundle] | None:
        """The version if the cache has it complete and intact, with a signature that is good."""
        present = self._cache.snapshot(version.digest, verify=verify) if version.digest is not None else None
        if present is None:
            return None
        folder, manifest = present
        bundle = self._known_state.bundle(name, version.version)
        try:
            return folder, manifest, self._trust.check_stored_bundle(bundle, name, version.version, manifest)
        except UntrustedSignature:
            self._cache.release(manifest.digest)
            return None

    async def _fetch(
        self,
        name: SharedName,
        version: ModelVersion,
        files: VersionFiles | None,
        counter: ProgressCounter,
        verify: bool,
    ) -> tuple[Path, Manifest, Bundle]:
        files = files or await self._resolver.files(name, version.version, version.digest)
        try:
            folder = await self._fetch_files(name, version, files, counter, verify)
        except FileNotFoundError:  # somebody deleted the cache meanwhile
            folder = await self._fetch_files(name, version, files, counter, verify)
        self._known_state.store_bundle(name, version.version, files.bundle)
        await asyncio.to_thread(keep_within, self._cache, self._settings.cache_max_size)
        return folder, files.manifest, files.bundle

    async def _fetch_files(
        self,
        name: SharedName,
        version: ModelVersion,
        files: VersionFiles,
        counter: ProgressCounter,
        verify: bool,
    ) -> Path:
        manifest = files.manifest
        loop = asyncio.get_running_loop()

        def renew() -> dict[str, str]:
            again = self._resolver.files(name, version.version, manifest.digest)
            return _urls_by_key(asyncio.run_coroutine_threadsafe(again, loop).result())

        limit = RateLimit(self._settings.limit_rate) if self._settings.limit_rate else None
        origins = FileOrigins(self.mount.endpoint, self.mount.file_origins)
        connections = Connections(origins, limit, retry_for=self._settings.retry_for)
        work = loop.run_in_executor(
            None,
            lambda: fetch_snapshot(
                self._cache,
                manifest,
                connections,
                FileUrls(_urls_by_key(files), renew),
                counter,
                jobs=self._settings.jobs,
                bases=lambda: self._known_state.digests(name),
                verify=verify,
            ),
        )
        return await _stoppable(work, connections.stop)

    def _model(self, wire: RegisteredModel) -> SharedModel:
        schema, name = self._checked("schema", wire.schema), self._checked("model", wire.name)
        for alias in wire.aliases:
            self._checked("alias", alias)
        return SharedModel.of(FullName(self.name, schema, name), wire)

    def _version(self, name: SharedName, wire: ModelVersion) -> SharedVersion:
        return SharedVersion.of(FullName(self.name, name.schema, name.name), wire)

    def _checked(self, kind: str, name: str) -> str:
        try:
            return normalize_name(kind, name)
        except InvalidParameter as error:
            raise NotASharingServer(
                f"{self.mount.endpoint} listed a name that is none: {error.message}"
            ) from error


def _urls_by_key(files: VersionFiles) -> dict[str, str]:
    return files.urls | ({PACK: files.pack_url} if files.pack_url else {})


def _subject(snapshot: Snapshot) -> str:
    return f"{snapshot.version.full_name} version {snapshot.version.version}"


async def _stoppable(work: asyncio.Future[T], stop: Callable[[], None]) -> T:
    """Await a thread's work; when cancelled, stop it and wait until it has tidied up."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # seen, so that asyncio does not report it
        raise


def _copy_snapshot(snapshot: Snapshot, target: Path, counter: ProgressCounter) -> None:
    counter.enter("copying", snapshot.manifest.size, len(snapshot.manifest.files))
    copy_to_destination(snapshot.folder, snapshot.manifest, snapshot.bundle.to_json(), target, counter.step)
