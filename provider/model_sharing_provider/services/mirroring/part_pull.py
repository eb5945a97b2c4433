"""Pull of one part of a version: fetched once, however many ask, in this process and in others.

A row is the right to fetch: its holder renews it, others look at it until the part is here, and take it over
if the holder dies. What a pull needs of rows is read in transactions of its own, which are short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from model_sharing_protocol.errors import (
    AlreadyExists,
    ArtifactStoreUnavailable,
    CorruptArtifact,
    DiskFull,
    MetastoreUnavailable,
    NotFound,
    SharingError,
    TermsNotAccepted,
    UpstreamUnavailable,
)
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.mirrors import SMALL_FILES, PulledPart
from model_sharing_provider.domain.pulls import BaseVersion, PullSource
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.refused_terms import terms_refusal
from model_sharing_provider.services.mirroring.upstream_fetcher import UpstreamFetcher
from model_sharing_provider.services.registry.versions import version_target
from model_sharing_provider.telemetry.log import log
from model_sharing_provider.telemetry.reports import Measured, report

LEASE_SECONDS = 15.0
RENEWED_EVERY_SECONDS = 4.0
POLLED_EVERY_SECONDS = 0.2
STALLED_SECONDS = 900.0
"""Time without progress after which a pull ends. A recipient's own rules bound the network, this bounds
disks, and work on large files between two bytes, such as deltas."""
_MOST_BASES = 16
_OURS = (ArtifactStoreUnavailable, CorruptArtifact, MetastoreUnavailable)
"""Errors that say by themselves what is wrong."""


@dataclass(frozen=True, slots=True)
class PullTools:
    """Parts of this server that a pull works with."""

    artifacts: ArtifactStore
    manifests: Manifests
    fetcher: UpstreamFetcher


class PartPull:
    """Pull of one part, for all who wait for its `files` in this process; `fetched` bytes are done."""

    def __init__(
        self,
        tools: PullTools,
        context: Context,
        source: PullSource,
        version: ModelVersion,
        *,
        part: str,
        files: Sequence[ManifestFile],
        slots: asyncio.Semaphore,
    ) -> None:
        self.files = files
        self.fetched = 0
        self._moved = 0
        self._tools = tools
        self._context = context
        self._source = source
        self._version = version
        self._row = PulledPart(version_id=version.id, part=part, size=sum(file.size for file in files))
        self._slots = slots
        self._holder = uuid4().hex
        self._arrived: set[str] = set()
        self._changed = asyncio.Condition()
        self._done = False
        self._error: Exception | None = None

    async def run(self) -> None:
        """Pull the part; all who wait learn of its end. Never raises but when cancelled."""
        try:
            await self._pull()
        except Exception as error:
            if not isinstance(error, SharingError):
                log.exception("pull failed", version=self._version.id, part=self._row.part)
            self._error = error
        except asyncio.CancelledError:
            self._error = UpstreamUnavailable(
                "This server stops. Try again at another, or when it serves again."
            )
            raise
        finally:
            self._done = True
            with suppress(asyncio.CancelledError):
                await self._tell()

    async def wait(self, files: Sequence[ManifestFile], *, to_the_end: bool = False) -> None:
        """Wait until these files of the part are in the store, or `to_the_end` until that is recorded, too.

        Raises what the pull failed with.
        """
        wanted = {file.sha256 for file in files}

        def is_here() -> bool:
            return wanted <= self._arrived and not to_the_end

        async with self._changed:
            await self._changed.wait_for(lambda: self._done or is_here())
        if self._error is not None and not is_here():
            if isinstance(self._error, SharingError):
                raise type(self._error)(self._error.message) from self._error
            raise RuntimeError("a pull failed") from self._error

    def is_over_for(self, file: ManifestFile) -> bool:
        """True if a file is in the store, or the pull has ended."""
        return self._done or file.sha256 in self._arrived

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _pull(self) -> None:
        while True:
            async with self._slots:
                if await self._claim() and await self._fetch_audited():
                    return
            if await self._is_pulled_by_another():
                return

    async def _claim(self) -> bool:
        """Take the right to fetch. Raises NotFound for a version that was deleted."""
        now = now_ms()
        with suppress(AlreadyExists):  # another server was faster
            async with self._context.write_unaudited(cached=False) as rows:
                is_there = await rows.versions.statuses({self._version.id})
                if is_there:
                    return await rows.pulled_parts.claim(self._row, self._holder, now, _lease_from(now))
            await self._tools.artifacts.discard_below(self._version.storage_path)
            raise NotFound(f"Version {self._version.version} of '{self._version.full_name}' was deleted.")
        return False

    async def _is_pulled_by_another(self) -> bool:
        """Wait for the process that has the right to fetch; False once it has lost or given it up."""
        while True:
            async with self._context.read_unaudited() as rows:
                found = (await rows.pulled_parts.of_version(self._version.id)).get(self._row.part)
            if found is not None and found.pulled_at is not None:
                return True
            if found is None or found.fetched_until < now_ms():
                return False
            await asyncio.sleep(POLLED_EVERY_SECONDS)

    async def _fetch_audited(self) -> bool:
        """Fetch with one audit event; False if the right to fetch was lost."""
        name, number = self._version.full_name, self._version.version
        what = "small files" if self._row.part == SMALL_FILES else self.files[0].path
        target = version_target(name, number)
        async with self._context.view(AuditAction.PULL_MODEL_VERSION, target) as operation:
            operation.authorized_before()
            try:
                size = await self._fetch()
            except (SharingError, TimeoutError) as error:
                report(Measured.FAILED_PULLS, provider=self._source.mirror.provider)
                raise self._translated(error) from error
            if size is not None:
                report(Measured.PULLED_BYTES, size, provider=self._source.mirror.provider)
                operation.refine_target(name=f"{name}/{number}: {what}, {size} bytes")
        return size is not None

    async def _fetch(self) -> int | None:
        """Fetch the part into the store; the bytes that crossed, None if the right to fetch was lost."""
        try:
            size = await self._fetch_files_in_time()
        except BaseException:
            await asyncio.shield(self._release())
            raise
        if size is None:
            return None
        async with self._context.write_unaudited(cached=False) as rows:
            completed = await rows.pulled_parts.complete(
                self._version.id, self._row.part, self._holder, now_ms()
            )
        return size if completed else None

    async def _fetch_files_in_time(self) -> int | None:
        """Fetch the files while bytes move; None once the right to fetch is lost. Raises TimeoutError."""
        async with asyncio.timeout(STALLED_SECONDS) as limit:
            fetching = asyncio.create_task(self._fetch_files())
            renewing = asyncio.create_task(self._renew(limit))
            try:
                await asyncio.wait((fetching, renewing), return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    renewing.result()  # raises what the database failed with
                    return None
                return fetching.result()
            finally:
                for task in (fetching, renewing):
                    task.cancel()
                await asyncio.wait((fetching, renewing))

    async def _fetch_files(self) -> int:
        size = await self._tools.fetcher.fetch(
            self._source,
            self.files,
            bases=await self._bases(),
            deliver=self._deliver,
            restore=self._restore,
            observe=self._observe,
        )
        of_one = f"{self._version.storage_path}/{self.files[0].path}"
        await self._tools.artifacts.sync(of_one if len(self.files) == 1 else self._version.storage_path)
        return size

    async def _deliver(self, file: ManifestFile, local: Path) -> None:
        """Put a verified file into the store; whoever waits for it is served."""
        path = f"{self._version.storage_path}/{file.path}"
        await self._tools.artifacts.adopt_file(path, local, file.sha256, self._count_moved)
        if all(other.path <= file.path for other in self.files if other.sha256 == file.sha256):
            self._arrived.add(file.sha256)  # the last of the paths that have this content
            await self._tell()

    async def _restore(self, base: BaseVersion, file: ManifestFile, local: Path) -> None:
        await self._tools.artifacts.copy_out(f"{base.storage_path}/{file.path}", file.size, local)

    def _observe(self, size: int) -> None:
        self.fetched += size
        self._moved += abs(size)

    def _count_moved(self, size: int) -> None:
        self._moved += size

    async def _bases(self) -> list[BaseVersion]:
        """Versions of the same share that are here, of which large files may be made."""
        if self._row.part == SMALL_FILES:
            return []
        catalog_id, model_id = self._source.mirror.catalog_id, self._version.model_id
        found = []
        async with self._context.read_unaudited() as rows:
            parts = await rows.pulled_parts.bases(catalog_id, model_id, _MOST_BASES)
            versions = [await rows.versions.find_by_id(version_id) for version_id in parts]
        for version in filter(None, versions):
            with suppress(NotFound, CorruptArtifact):
                manifest = (await self._tools.manifests.read(version.id)).manifest
                found.append(
                    BaseVersion(storage_path=version.storage_path, manifest=manifest, parts=parts[version.id])
                )
        return found

    async def _renew(self, limit: asyncio.Timeout) -> None:
        """Renew the right to fetch, and the patience while bytes move; returns once the right is lost."""
        moved = self._moved
        while True:
            await asyncio.sleep(RENEWED_EVERY_SECONDS)
            if self._moved != moved:
                moved = self._moved
                limit.reschedule(asyncio.get_running_loop().time() + STALLED_SECONDS)
            async with self._context.write_unaudited(cached=False) as rows:
                until = _lease_from(now_ms())
                if not await rows.pulled_parts.renew(self._version.id, self._row.part, self._holder, until):
                    return

    async def _release(self) -> None:
        with suppress(SharingError):  # it ends by itself
            async with self._context.write_unaudited(cached=False) as rows:
                await rows.pulled_parts.release(self._version.id, self._row.part, self._holder)

    def _translated(self, error: SharingError | TimeoutError) -> SharingError:
        """Error for those who wait. What the provider did is in the log: it may tell of our network."""
        if isinstance(error, _OURS):
            return error
        if isinstance(error, TermsNotAccepted):
            return terms_refusal(self._source.mirror, self._version, error)
        name, number = self._version.full_name, self._version.version
        if isinstance(error, DiskFull):
            return DiskFull(
                f"The files of version {number} of '{name}' have not been fetched: this server has no disk "
                "space left. Free some space, or set MODEL_SHARING_PROVIDER_MIRROR_MAX_SIZE."
            )
        reason = error.message if isinstance(error, SharingError) else "it made no progress"
        log.warning("pull failed", model=str(name), version=number, reason=reason)
        return UpstreamUnavailable(
            f"The files of version {number} of '{name}' are not here yet, and cannot be fetched from "
            f"{self._source.mirror.shown} at the moment. Try again later; 'catalog show {name.catalog}' says "
            "more, and so does this server's log."
        )


def _lease_from(now: int) -> int:
    return now + int(LEASE_SECONDS * 1000)
