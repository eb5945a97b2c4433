"""Pull-through of mirrored versions' files: the first need of a file fetches it, then it is the server's own.

Whoever opens files of a version asks here. For a version that is no mirror's the answer is None, at no cost;
else it is told which of its files are here, waits for others, and keeps in use what it reads.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cachetools import LRUCache

from model_sharing_protocol.errors import (
    SharingError,
    TermsNotAccepted,
    UnsupportedOperation,
    UpstreamUnavailable,
)
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.mirrors import LARGE_FILE_BYTES, Mirror, part_of
from model_sharing_provider.domain.pulls import PullSource
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.arriving_files import ArrivingFile
from model_sharing_provider.services.mirroring.part_pull import PartPull, PullTools
from model_sharing_provider.services.mirroring.refused_terms import terms_refusal
from model_sharing_provider.services.signed_files import Whereabouts
from model_sharing_provider.services.tasks import end_tasks

PULLS_AT_ONCE = 4
"""Parts of one provider that a process fetches at the same time."""
READ_RECORDED_EVERY = timedelta(minutes=1)
_SEEN_PARTS = 100_000

FilesByPart = Mapping[str, Sequence[ManifestFile]]


@dataclass(frozen=True, slots=True, eq=False)
class MirroredFiles:
    """Files of a mirrored version that somebody is about to read."""

    pulls: PullThrough
    mirror: Mirror
    version: ModelVersion
    manifest: Manifest
    files: Sequence[ManifestFile]

    @property
    def provider(self) -> str:
        """Name of the provider that the files are from."""
        return self.mirror.provider

    @property
    def broker(self) -> bool:
        """True if the provider's URLs are handed on, and nothing is to be kept."""
        return self.mirror.broker

    async def are_here(self, context: Context) -> bool:
        """True if all of the files are in this server's store. Then they stay there for some minutes."""
        return not await self.pulls.absent(context, self)

    async def are_here_to_share(self, context: Context) -> bool:
        """True as for `are_here`. Raises UnsupportedOperation for a catalog that keeps no files."""
        if self.mirror.broker:
            raise UnsupportedOperation(
                f"The files of the catalog {self.mirror.catalog!r} stay with another provider, so they "
                "cannot be shared further from here."
            )
        return await self.are_here(context)

    async def locate(self, context: Context, *, from_start: bool = False) -> Whereabouts:
        """Wait until the files are here; or the provider's URL of the first, if the catalog keeps none.

        One large file that is read `from_start` need only have begun to arrive.

        Raises UpstreamUnavailable, TermsNotAccepted, DiskFull, CorruptArtifact.
        """
        if self.mirror.broker:
            return Whereabouts(url=await self.pulls.upstream_url(self, self.files[0]))
        if from_start and self.files[0].size > LARGE_FILE_BYTES:
            return await self.pulls.follow(context, self, self.files[0])
        return Whereabouts(waited=await self.pulls.ensure(context, self))

    async def pull(self, context: Context) -> int:
        """Wait until the files are here, and known to be; the bytes of those that were not.

        Raises as `locate` does.
        """
        absent = await self.pulls.absent(context, self)
        await self.pulls.ensure(context, self, to_the_end=True)
        return sum(file.size for file in self.files if part_of(file.sha256, file.size) in absent)

    async def pull_for_direct_reads(self, context: Context) -> None:
        """Wait until the files are here, for somebody who will read them from the object store itself.

        Raises UnsupportedOperation for a catalog that keeps none, and as `locate` does.
        """
        if self.mirror.broker:
            raise UnsupportedOperation(
                f"The files of the catalog {self.mirror.catalog!r} stay with {self.mirror.shown}, so this "
                "server has no credentials for them: fetch them by signed URLs."
            )
        await self.pulls.ensure(context, self, to_the_end=True)

    async def keep(self, context: Context, until: int | None = None) -> None:
        """Keep the files from being evicted for some more minutes, from now or a moment (epoch ms) on."""
        await self.pulls.record_read(context, self.version.id, by_part(self.files), until)


class PullThrough:
    """Pull-through of this process. `close` it before the database."""

    def __init__(
        self,
        tools: PullTools,
        profile_of: Callable[[Mirror], Profile],
        check_usable: Callable[[UnitOfWork, Mirror], Awaitable[None]],
    ) -> None:
        self._tools = tools
        self._check_usable = check_usable
        self._profile_of = profile_of
        self._pulls: dict[tuple[str, str], tuple[PartPull, asyncio.Task[None]]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        # What was here and in use so lately that nobody evicts it before it is looked at again.
        self._seen_at: LRUCache[tuple[str, str], int] = LRUCache(_SEEN_PARTS)

    async def of(
        self,
        rows: UnitOfWork,
        version: ModelVersion,
        files: Sequence[ManifestFile] | None = None,
        *,
        paths: Collection[str] = (),
    ) -> MirroredFiles | None:
        """Mirrored files of a version: all, these, or those at `paths`. None if it is not mirrored.

        Raises UpstreamUnavailable for a catalog that may not be used at present.
        """
        mirror = await _mirror_of(rows, version)
        if mirror is None:
            return None
        await self._check_usable(rows, mirror)
        manifest = (await self._tools.manifests.read(version.id)).manifest
        if files is None:
            files = [file for file in manifest.files if not paths or file.path in paths]
        return MirroredFiles(self, mirror, version, manifest, files)

    async def stored_files(
        self, context: Context, version: ModelVersion, manifest: Manifest
    ) -> Sequence[ManifestFile]:
        """Files of a version that are to be in the store now: all, but for those that were not pulled."""
        async with context.read_unaudited() as rows:
            if await _mirror_of(rows, version) is None:
                return manifest.files
            parts = await rows.pulled_parts.of_version(version.id)
        pulled = {name for name, part in parts.items() if part.pulled_at is not None}
        return [file for file in manifest.files if part_of(file.sha256, file.size) in pulled]

    @asynccontextmanager
    async def held(self, context: Context, mirrored: MirroredFiles | None) -> AsyncIterator[None]:
        """Pull files, whatever the catalog keeps, and keep them for the block. Raises as `locate` does."""
        if mirrored is None:
            yield
            return
        await self.ensure(context, mirrored)
        keeping = asyncio.create_task(self._keep(context, mirrored))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait((keeping,))

    async def ensure(self, context: Context, mirrored: MirroredFiles, *, to_the_end: bool = False) -> bool:
        """Wait until files are in the store, whatever the catalog keeps; True if some were not."""
        absent = await self.absent(context, mirrored)
        wanted = by_part(mirrored.files)
        pulls = [(self._start(context, mirrored, part), wanted[part]) for part in absent]
        await asyncio.gather(*(pull.wait(files, to_the_end=to_the_end) for pull, files in pulls))
        return bool(absent)

    async def absent(self, context: Context, mirrored: MirroredFiles) -> set[str]:
        """Parts of the files that are not in the store. The others are in use, and stay for some minutes."""
        version_id, now = mirrored.version.id, now_ms()
        recorded = now - READ_RECORDED_EVERY // timedelta(milliseconds=1)
        asked = {
            part for part in by_part(mirrored.files) if self._seen_at.get((version_id, part), 0) <= recorded
        }
        if not asked:
            return asked
        async with context.read_unaudited() as rows:
            found = await rows.pulled_parts.of_version(version_id)
        here = {part for part in asked if part in found and found[part].pulled_at is not None}
        stale = {part for part in here if found[part].read_at <= recorded}
        if stale:
            here -= stale - await self.record_read(context, version_id, stale)
        self._seen_at.update({(version_id, part): now for part in here})
        return asked - here

    async def record_read(
        self, context: Context, version_id: str, parts: Collection[str], until: int | None = None
    ) -> set[str]:
        """Record that parts are read until a moment, or now; those of them that are here."""
        async with context.write_unaudited(cached=False) as rows:
            return await rows.pulled_parts.record_read(version_id, parts, until or now_ms())

    async def follow(self, context: Context, mirrored: MirroredFiles, file: ManifestFile) -> Whereabouts:
        """Wait until a large file is in the store, or begins to arrive and can be read meanwhile."""
        absent = await self.absent(context, mirrored)
        for part in absent:
            pull = self._start(context, mirrored, part)
            tools = self._tools
            arriving = ArrivingFile(tools.fetcher, tools.artifacts, self._source(mirrored), file)
            if await arriving.has_begun(pull):
                path = f"{mirrored.version.storage_path}/{file.path}"
                return Whereabouts(waited=True, arriving=arriving.read(pull, path))
            await pull.wait([file])
        return Whereabouts(waited=bool(absent))

    async def upstream_url(self, mirrored: MirroredFiles, file: ManifestFile) -> str:
        """The provider's own URL of a file. Raises UpstreamUnavailable, TermsNotAccepted."""
        try:
            return await self._tools.fetcher.url(self._source(mirrored), file.sha256)
        except TermsNotAccepted as error:
            raise terms_refusal(mirrored.mirror, mirrored.version, error) from error
        except (SharingError, TimeoutError) as error:
            name, number = mirrored.version.full_name, mirrored.version.version
            raise UpstreamUnavailable(
                f"The files of version {number} of '{name}' stay with {mirrored.mirror.shown}, which cannot "
                f"be asked for them at the moment. Try again later; 'catalog show {name.catalog}' says more."
            ) from error

    def fetched(self, mirrored: MirroredFiles) -> int:
        """Bytes that the pulls in progress of a version's files have fetched so far, in this process."""
        found = (self._pulls.get((mirrored.version.id, part)) for part in by_part(mirrored.files))
        return sum(each[0].fetched for each in found if each)

    async def close(self) -> None:
        """End the pulls in progress: what has arrived of large files is kept, and gone on with."""
        await end_tasks(task for _, task in self._pulls.values())

    async def _keep(self, context: Context, mirrored: MirroredFiles) -> None:
        while True:
            await asyncio.sleep(READ_RECORDED_EVERY.total_seconds())
            await mirrored.keep(context)

    def _start(self, context: Context, mirrored: MirroredFiles, part: str) -> PartPull:
        """Pull of a part that is in progress here, or begins now. It goes on if the caller goes away."""
        key = mirrored.version.id, part
        if key not in self._pulls:
            files = by_part(mirrored.manifest.files)[part]
            slots = self._slots.setdefault(mirrored.mirror.provider_id, asyncio.Semaphore(PULLS_AT_ONCE))
            source = self._source(mirrored)
            pull = PartPull(
                self._tools, context, source, mirrored.version, part=part, files=files, slots=slots
            )
            task = asyncio.create_task(pull.run())
            self._pulls[key] = pull, task
            task.add_done_callback(lambda _: self._pulls.pop(key))
        return self._pulls[key][0]

    def _source(self, mirrored: MirroredFiles) -> PullSource:
        name = mirrored.version.full_name
        return PullSource(
            mirror=mirrored.mirror,
            profile=self._profile_of(mirrored.mirror),
            name=SharedName(name.schema, name.name),
            number=mirrored.version.version,
            manifest=mirrored.manifest,
        )


async def _mirror_of(rows: UnitOfWork, version: ModelVersion) -> Mirror | None:
    """Mirror that a version belongs to; None for one of an own catalog, which may be a copy."""
    if not version.origin_provider:
        return None
    return (await rows.registry_reads.mirrors()).get(version.full_name.catalog)


def by_part(files: Sequence[ManifestFile]) -> FilesByPart:
    """Files by the part that they belong to."""
    parts: dict[str, list[ManifestFile]] = defaultdict(list)
    for file in files:
        parts[part_of(file.sha256, file.size)].append(file)
    return parts
