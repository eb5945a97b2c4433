"""Pulls of a shared catalog's files ahead of use, by its owner: now, or as a job of any server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.progress import Progress, ProgressCallback
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.jobs import Job, JobKind, JobState, ShowProgress
from model_sharing_provider.domain.limits import MAX_ID, check_text
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import (
    ModelVersion,
    RegisteredModel,
    SecurableType,
    VersionStatus,
)
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import MirroredFiles, PullThrough
from model_sharing_provider.services.registry.catalogs import find_catalog

_AT_ONCE = 2
_MODELS_READ_AT_ONCE = 500
_SHOWN_EVERY_SECONDS = 0.2
_TOLD_FOR_MS = 60_000
_KIND = JobKind.PULL_CATALOG


@dataclass(frozen=True, slots=True)
class PullSelection:
    """Selection of versions, by patterns (`*`, `?`, `[…]`): those that matching aliases point at, or all.

    `model` is compared with `schema.model`.
    """

    model: str = "*"
    alias: str = "*"
    all_versions: bool = False

    def __post_init__(self) -> None:
        if self.all_versions and self.alias != "*":
            raise InvalidParameter("Ask for an alias, or for all versions.")
        for pattern in (self.model, self.alias):
            check_text("pattern", pattern, MAX_ID)

    def matches(self, model: RegisteredModel) -> bool:
        """True if the model's schema and name match."""
        name = f"{model.full_name.schema}.{model.full_name.name}"
        return fnmatchcase(name, self.model.lower())

    def versions(self, model: RegisteredModel) -> set[int] | None:
        """Numbers of the versions that are wanted; None for all."""
        if self.all_versions:
            return None
        aliases = model.aliases.items()
        return {number for alias, number in aliases if fnmatchcase(alias.lower(), self.alias.lower())}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPull:
    """Pull of a catalog: its versions and their bytes, and how many of these are here by now.

    `fetched` are the bytes that were not here when it began, as far as they came.
    """

    catalog: str
    versions: int
    size: int
    versions_done: int = 0
    size_done: int = 0
    fetched: int = 0
    running: bool = True


class CatalogPulls:
    def __init__(self, pulls: PullThrough) -> None:
        self._pulls = pulls

    async def pull(
        self,
        context: Context,
        name: str,
        selection: PullSelection,
        progress: ProgressCallback | None = None,
    ) -> CatalogPull:
        """Fetch the files of the selected versions that are not here. What came before an error stays.

        Raises NotFound if nothing is selected, InvalidState for a catalog without files of a provider,
        PermissionDenied, UpstreamUnavailable, DiskFull, CorruptArtifact.
        """
        running = _Running(self._pulls, *await self._select(context, name, selection))
        async with running.shown(progress):
            await running.run(context)
        return running.status

    async def start(self, context: Context, name: str, selection: PullSelection) -> CatalogPull:
        """Queue a pull for any server, unless one of the catalog is: then the status of that is returned.

        So is that of one that has just ended and is to be done again, for those who ask until it is done.
        Raises as `pull` does, but for what fails later, which is in the list of jobs.
        """
        catalog, versions = await self._select(context, name, selection)
        begun = _Running(self._pulls, catalog, versions).status
        with suppress(AlreadyExists):  # another call was faster
            async with context.write_unaudited(cached=False) as rows:
                now = now_ms()
                known = await rows.jobs.find_latest(_KIND, catalog, now - _TOLD_FOR_MS)
                if known is not None and (known.ended_at is None or _has_done(known, begun)):
                    return _status(known)
                job = Job.asked_by(
                    context.caller.principal,
                    _KIND,
                    catalog,
                    now,
                    arguments=asdict(selection),
                    progress=asdict(begun),
                )
                await rows.jobs.add(job)
        return begun

    async def work(self, context: Context, job: Job, show: ShowProgress) -> None:
        """Pull what a job says, if who asked for it still may. Raises as `pull` does."""
        catalog, versions = await self._select(context, job.subject, PullSelection(**job.arguments))
        running = _Running(self._pulls, catalog, versions)
        async with running.shown(lambda _: show(asdict(running.status))):
            await running.run(context)
        show(asdict(running.status))

    async def _select(
        self, context: Context, name: str, selection: PullSelection
    ) -> tuple[str, list[ModelVersion]]:
        name = normalize_name("catalog", name)
        async with context.view(AuditAction.PULL_CATALOG, Target(SecurableType.CATALOG, name)) as operation:
            await operation.authorize(rules.OWN_CATALOG)
            await find_catalog(operation, name)
            mirror = (await operation.rows.registry_reads.mirrors()).get(name)
            _check_pullable(name, mirror)
            versions = await _selected(operation.rows, name, selection)
        if not versions:
            raise NotFound(
                f"Nothing in the catalog {name!r} is selected by the model {selection.model!r} and the alias "
                f"{selection.alias!r}; ask for all versions, or see: "
                f"model-sharing-provider model search --catalog {name}"
            )
        return name, versions


class _Running:
    """Pull in progress."""

    def __init__(self, pulls: PullThrough, catalog: str, versions: Sequence[ModelVersion]) -> None:
        self._pulls = pulls
        self._versions = versions
        self._now: set[MirroredFiles] = set()
        size = sum(version.size for version in versions)
        self._status = CatalogPull(catalog=catalog, versions=len(versions), size=size)

    @property
    def status(self) -> CatalogPull:
        """Status as of now."""
        coming = sum(self._pulls.fetched(mirrored) for mirrored in self._now)
        status = self._status
        return replace(
            status,
            size_done=min(status.size, status.size_done + coming),
            fetched=status.fetched + coming,
        )

    async def run(self, context: Context) -> None:
        """Pull the versions, a few at a time, up to the first error."""
        waiting = iter(self._versions)

        async def pull_some() -> None:
            for version in waiting:
                await self._pull(context, version)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_AT_ONCE):
                    tasks.create_task(pull_some())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._status = replace(self._status, running=False)

    async def _pull(self, context: Context, version: ModelVersion) -> None:
        async with context.read_unaudited() as rows:
            mirrored = await self._pulls.of(rows, version)
        if mirrored is None:
            raise NotFound(f"The catalog {version.full_name.catalog!r} was deleted.")
        self._now.add(mirrored)
        try:
            fetched = await mirrored.pull(context)
        finally:
            self._now.discard(mirrored)
        status = self._status
        self._status = replace(
            status,
            versions_done=status.versions_done + 1,
            size_done=status.size_done + version.size,
            fetched=status.fetched + fetched,
        )

    @asynccontextmanager
    async def shown(self, progress: ProgressCallback | None) -> AsyncIterator[None]:
        """Show the progress during the block."""
        if progress is None:
            yield
            return

        async def show() -> None:
            while True:
                now = self.status
                progress(Progress("fetching", now.size_done, now.size, now.versions_done, now.versions))
                await asyncio.sleep(_SHOWN_EVERY_SECONDS)

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            showing.cancel()


def _has_done(job: Job, begun: CatalogPull) -> bool:
    """True for a pull that fetched all of a selection, as far as versions and bytes tell."""
    status = _status(job)
    return job.state is JobState.DONE and (status.versions, status.size) == (begun.versions, begun.size)


def _status(job: Job) -> CatalogPull:
    return replace(CatalogPull(**job.progress), running=job.ended_at is None)


def _check_pullable(name: str, mirror: Mirror | None) -> None:
    if mirror is None:
        raise InvalidState(f"The catalog {name!r} is this metastore's own; its files are here.")
    if mirror.broker:
        raise InvalidState(
            f"The catalog {name!r} keeps no files: users are given the URLs of {mirror.shown}."
        )


async def _selected(rows: UnitOfWork, catalog: str, selection: PullSelection) -> list[ModelVersion]:
    """READY versions of the selection that were not recalled, by model and number."""
    found: list[ModelVersion] = []
    for schema in await rows.catalogs.all_schemas(catalog):
        matching = filter(selection.matches, await rows.models.all_of_schema(schema.id))
        for model in await _with_aliases(rows, [model.id for model in matching]):
            numbers = selection.versions(model)
            if numbers is None or numbers:
                found += [
                    version
                    for version in await rows.versions.all_of_model(model.id)
                    if version.status is VersionStatus.READY
                    and version.recalled_at is None
                    and (numbers is None or version.version in numbers)
                ]
    return found


async def _with_aliases(rows: UnitOfWork, ids: Sequence[str]) -> list[RegisteredModel]:
    """Complete models by name, read a few at a time: databases limit the parameters of a query."""
    models: list[RegisteredModel] = []
    for start in range(0, len(ids), _MODELS_READ_AT_ONCE):
        models += (await rows.models.by_ids(ids[start : start + _MODELS_READ_AT_ONCE])).values()
    return sorted(models, key=lambda model: str(model.full_name))
