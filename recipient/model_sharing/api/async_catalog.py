"""Asynchronous catalog: a mounted share for code that awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from model_sharing.api.progress_display import Display, ShowProgress, open_display
from model_sharing.api.records import Records
from model_sharing.catalogs import exporting
from model_sharing.catalogs.download_plan import DownloadPlan
from model_sharing.catalogs.events import CatalogEvent, EventFilter
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_assets import SharedSkill, SharedTable, SharedVolume
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_folders import DownloadedFolder, FolderKind, FolderPlan
from model_sharing.catalogs.shared_models import DownloadedVersion, SharedModel, SharedVersion
from model_sharing.catalogs.snapshots import PartialSnapshot, Snapshot
from model_sharing.catalogs.watching import log_notice
from model_sharing.downloads.progress_counter import PhaseQueue, ProgressCounter
from model_sharing.mount_table import Mount, MountTable
from model_sharing.mounting.terms import Terms
from model_sharing.settings import Settings
from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.names import ModelRef

_SECONDS_BETWEEN_CALLS = 0.1

T = TypeVar("T")


class AsyncCatalog:
    """Catalog of a mounted share's models, read-only, for code that awaits.

    Use it as an async context manager: it is open in the block, for the event loop that entered it, and
    every call elsewhere raises InvalidState. Its methods take and give what those of `Catalog` do, and
    raise the same errors. Calls may run at the same time; a call that is cancelled stops its transfers
    before it ends, and what has arrived is kept.

    Example:
        >>> async def champion():
        ...     async with model_sharing.AsyncCatalog("vendor") as catalog:
        ...         return (await catalog.resolve("ml_team.iris_model@Champion")).version
        >>> asyncio.run(champion())
        1
    """

    def __init__(self, name: str, *, jobs: int | None = None, limit_rate: int | None = None) -> None:
        """Get a mounted share by its name, or NotFound. For the rest, see `Catalog.with_limits`."""
        settings = Settings.from_environment()
        self._mount = MountTable(settings.mounts).get(name)
        self._settings = settings.with_limits(jobs=jobs, limit_rate=limit_rate)
        self._open: SharedCatalog | None = None

    def __repr__(self) -> str:
        return f"AsyncCatalog({self.name!r}, share={self._mount.share!r}, endpoint={self._mount.endpoint!r})"

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise InvalidState(f"{self!r} is open already; make another one.")
        self._open = SharedCatalog(self._mount, self._settings, asyncio.get_running_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        closing, self._open = self._open, None
        if closing is not None:
            await closing.close()

    @property
    def name(self) -> str:
        """Name that the share is mounted under."""
        return self._mount.name

    @property
    def mount(self) -> Mount:
        """Mount record: where the share comes from, and what is trusted about it."""
        return self._mount

    async def list_schemas(self) -> list[str]:
        """List the schemas of the share; see `Catalog.list_schemas`."""
        return await self._shared().list_schemas()

    async def list_models(self, schema: str | None = None) -> Records[SharedModel]:
        """List the models of the share, or of one schema; see `Catalog.list_models`."""
        return Records(await self._shared().list_models(schema), SharedModel)

    async def iter_models(self, schema: str | None = None) -> AsyncIterator[SharedModel]:
        """Iterate over the models as their pages arrive; see `Catalog.iter_models`."""
        async for page in self._shared().model_pages(schema):
            for model in page:
                yield model

    async def list_tables(self, schema: str | None = None) -> Records[SharedTable]:
        """List the tables of the share, or of one schema; see `Catalog.list_tables`."""
        return Records(await self._shared().assets.tables(schema), SharedTable)

    async def list_volumes(self, schema: str | None = None) -> Records[SharedVolume]:
        """List the volumes of the share, or of one schema; see `Catalog.list_volumes`."""
        return Records(await self._shared().assets.volumes(schema), SharedVolume)

    async def list_skills(self, schema: str | None = None) -> Records[SharedSkill]:
        """List the agent skills of the share, or of one schema; see `Catalog.list_skills`."""
        return Records(await self._shared().assets.skills(schema), SharedSkill)

    async def get_model(self, model: str) -> SharedModel:
        """Look up one model; see `Catalog.get_model`."""
        return await self._shared().get_model(model)

    async def list_versions(self, model: str) -> Records[SharedVersion]:
        """List all versions of a model; see `Catalog.list_versions`."""
        return Records(await self._shared().list_versions(model), SharedVersion)

    async def resolve(self, ref: str | ModelRef) -> SharedVersion:
        """Ask which version a reference names at this moment; see `Catalog.resolve`."""
        return await self._shared().resolve(ref)

    async def list_terms(self) -> Records[Terms]:
        """List the terms that the share and its models have; see `Catalog.list_terms`."""
        return Records(await self._shared().list_terms(), Terms)

    async def accept_terms(self, *digests: str, accepted_by: str | None = None) -> Records[Terms]:
        """Accept terms by their digests; see `Catalog.accept_terms`."""
        return Records(await self._shared().accept_terms(digests, accepted_by), Terms)

    async def snapshot(
        self, ref: str | ModelRef, *, progress: ShowProgress = None, verify: bool = False
    ) -> Snapshot:
        """Get a version's verified files in the cache; see `Catalog.snapshot`.

        A callable as `progress` is called on the event loop, so it must not block.
        """
        with open_display(progress) as display:
            snapshot = await self._snapshot(ref, display, verify=verify)
            display.done(snapshot.progress)
        return snapshot

    async def partial_snapshot(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
    ) -> PartialSnapshot:
        """Get some of a version's verified files in the cache; see `Catalog.partial_snapshot`."""
        patterns = FilePatterns.of(include, exclude, file) or FilePatterns()
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            work = self._shared().partial_snapshot(ref, patterns, counter=counter, verify=verify)
            snapshot = await _reporting(work, counter.phases, display)
            display.done(snapshot.progress)
        return snapshot

    def release(self, snapshot: Snapshot | PartialSnapshot) -> None:
        """Release a snapshot that is no longer used; see `Catalog.release`."""
        self._shared().release(snapshot)

    async def path(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> Path:
        """Get a version's verified files as a path for another program; see `Catalog.path`."""
        shared, patterns = self._shared(), FilePatterns.of(include, exclude, file)
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            work = exporting.local_files(
                shared, ref, patterns, counter, verify=verify, trust_remote_code=trust_remote_code
            )
            snapshot = await _reporting(work, counter.phases, display)
            display.done(snapshot.progress)
        return exporting.asked_path(snapshot, patterns)

    async def plan_download(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadPlan:
        """Plan what `path` or `download` would fetch; see `Catalog.plan_download`."""
        patterns = FilePatterns.of(include, exclude, file)
        return await exporting.plan_download(
            self._shared(), ref, patterns, verify=verify, trust_remote_code=trust_remote_code
        )

    async def download(
        self,
        ref: str | ModelRef,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadedVersion:
        """Copy a version's verified files to a folder; see `Catalog.download`."""
        shared, patterns = self._shared(), FilePatterns.of(include, exclude, file)
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            work = exporting.download(
                shared,
                ref,
                Path(destination),
                patterns,
                counter,
                verify=verify,
                trust_remote_code=trust_remote_code,
            )
            version = await _reporting(work, counter.phases, display)
            display.done(replace(counter.progress, reused=version.reused))
        return version

    async def download_volume(
        self,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> DownloadedFolder:
        """Download a volume to a folder; see `Catalog.download_volume`."""
        patterns = FilePatterns.of(include, exclude, file)
        return await self._download_folder(
            FolderKind.VOLUME,
            name,
            Path(destination),
            patterns,
            progress=progress,
            trust_remote_code=trust_remote_code,
        )

    async def download_skill(
        self,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> DownloadedFolder:
        """Download an agent skill to a folder; see `Catalog.download_skill`."""
        patterns = FilePatterns.of(include, exclude, file)
        return await self._download_folder(
            FolderKind.SKILL,
            name,
            Path(destination),
            patterns,
            progress=progress,
            trust_remote_code=trust_remote_code,
        )

    async def _download_folder(
        self,
        kind: FolderKind,
        name: str,
        target: Path,
        patterns: FilePatterns | None,
        *,
        progress: ShowProgress,
        trust_remote_code: bool | None,
    ) -> DownloadedFolder:
        folders = self._shared().folders
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            work = folders.download(
                kind, name, target, patterns, counter, trust_remote_code=trust_remote_code
            )
            folder = await _reporting(work, counter.phases, display)
            display.done(counter.progress)
        return folder

    async def plan_folder_download(
        self,
        kind: str,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        trust_remote_code: bool | None = None,
    ) -> FolderPlan:
        """Plan what the download of a volume or skill would fetch; see `Catalog.plan_folder_download`."""
        patterns = FilePatterns.of(include, exclude, file)
        return await self._shared().folders.plan(
            FolderKind.parse(kind), name, Path(destination), patterns, trust_remote_code=trust_remote_code
        )

    async def watch(
        self,
        *,
        model: str | None = None,
        alias: str | None = None,
        kinds: Collection[str] = (),
        notify: Callable[[str], None] | None = None,
    ) -> AsyncIterator[CatalogEvent]:
        """Watch what changes in the share from now on; see `Catalog.watch`."""
        wanted = EventFilter.of(model, alias, kinds)
        watcher = self._shared().watcher(notify or log_notice)
        await watcher.start()
        async for event in watcher.events():
            if wanted.matches(event):
                yield event

    async def verify(
        self,
        ref: str | ModelRef,
        folder: str | Path,
        signature: str | Path | None = None,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
    ) -> int:
        """Check a downloaded folder and its signature, without the provider; see `Catalog.verify`."""
        given = Path(signature) if signature else None
        patterns = FilePatterns.of(include, exclude, file)
        return await asyncio.to_thread(self._shared().verify, ref, Path(folder), given, patterns)

    async def load_model(
        self,
        ref: str | ModelRef,
        *,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> Any:
        """Load a version as an MLflow pyfunc model or a pipeline, in a thread; see `Catalog.load_model`."""
        shared = self._shared()
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            work = shared.snapshot_to_load(ref, counter=counter)
            snapshot = await _reporting(work, counter.phases, display)
            display.show(replace(snapshot.progress, phase="loading"))
            model = await asyncio.to_thread(shared.load, snapshot, trust_remote_code=trust_remote_code)
            display.done(snapshot.progress)
        return model

    async def _snapshot(self, ref: str | ModelRef, display: Display, *, verify: bool = False) -> Snapshot:
        counter = ProgressCounter(display.observer)
        return await _reporting(
            self._shared().snapshot(ref, counter=counter, verify=verify), counter.phases, display
        )

    def _shared(self) -> SharedCatalog:
        if self._open is None:
            raise InvalidState(
                f"{self!r} is not open. Use it inside of: "
                f"async with model_sharing.AsyncCatalog({self.name!r})."
            )
        self._open.check_loop()
        return self._open


async def _reporting(work: Coroutine[Any, Any, T], phases: PhaseQueue, display: Display) -> T:
    """Result of `work`, while the display shows its progress. What the display raises ends the work."""
    if display.callback is None:
        return await work
    task = asyncio.ensure_future(work)
    reported = None
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_SECONDS_BETWEEN_CALLS)
            for now in phases.waiting():
                if now != reported:
                    display.show(now)
                reported = now
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # seen, so that asyncio does not report it
