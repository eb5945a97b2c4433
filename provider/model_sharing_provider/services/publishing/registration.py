"""Registration of models as new versions, copied from a local folder, as they arrive from elsewhere, or in
place: bytes first, row last.

A version is invisible until its row is committed. If a step fails, the copied bytes are deleted; if the
process dies, they are orphans, which garbage collection finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName, check_alias
from model_sharing_protocol.progress import Meter, ProgressCallback
from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.limits import MAX_SOURCE, check_text
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.arriving_models import ArrivingModel
from model_sharing_provider.services.publishing.deltas import find_base, make_deltas
from model_sharing_provider.services.publishing.formats.format_reader import with_reading
from model_sharing_provider.services.publishing.formats.model_files import LocalFiles, ModelFiles, StoredFiles
from model_sharing_provider.services.publishing.formats.table import choose_format, read_model
from model_sharing_provider.services.publishing.model_folders import LocalModel, check_paths, inspect_local
from model_sharing_provider.services.publishing.new_versions import add_version, draft_version
from model_sharing_provider.services.publishing.uncommitted import discard_unless_committed
from model_sharing_provider.services.registry.models import (
    add_model,
    authorize_new_version,
    model_target,
    point_alias,
)
from model_sharing_provider.services.registry.tags import check_tags

_PARALLEL_FILES = 4

_Contents = dict[str, Fingerprint]


class Registration:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests) -> None:
        self._artifacts = artifacts
        self._manifests = manifests

    async def register(
        self,
        context: Context,
        source: Path,
        name: FullName,
        *,
        model_format: ModelFormat | None = None,
        alias: str | None = None,
        comment: str = "",
        origin: NewVersion | None = None,
        delta_from: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> ModelVersion:
        """Copy a model from a folder or file and publish it as the next version of `name`.

        The model is created if it does not exist; its schema must exist. Its format is found by looking at
        its files, unless it is given. With `delta_from`, the number of an older version, large files get
        deltas from that one's. Raises InvalidModel for what is in no known format, is not complete, or is an
        MLflow model without a signature; UnsafePath, NotFound, InvalidState, DiskFull.
        """
        origin = replace(origin or NewVersion(), comment=comment)
        async with self._check(context, name, alias, origin, delta_from) as (model_id, base):
            found, chosen = await _inspect_local(source, model_format)
            draft = _draft(name, model_id, found.location, alias=alias, origin=origin)
            version = await _described(draft, chosen, LocalFiles(found.folder, found.files))

        async def copy(path: str) -> Fingerprint:
            return await self._artifacts.put_file(
                f"{version.storage_path}/{path}", found.folder / path, meter.advance
            )

        meter = Meter(progress)
        meter.begin("copying", sum(found.files.values()), len(found.files))
        async with self._discarded_on_failure(version):
            contents = await self._copy(version, _each(found.files, copy, meter), meter)
        return await self._add(context, version, contents, base, meter)

    async def register_arriving(
        self,
        context: Context,
        source: ArrivingModel,
        name: FullName,
        *,
        model_format: ModelFormat | None = None,
        alias: str | None = None,
        comment: str = "",
        origin: NewVersion | None = None,
        progress: ProgressCallback | None = None,
    ) -> ModelVersion:
        """Publish a model that arrives from elsewhere; each file is stored and hashed as it does.

        What its format asks of the files is checked once they are here. Raises the errors of `register`, and
        those of the source.
        """
        origin = replace(origin or NewVersion(), comment=comment)
        sizes = source.sizes
        async with self._check(context, name, alias, origin, None) as (model_id, _):
            chosen = choose_format(source.location, sizes, model_format)
            check_paths(sizes)
            draft = _draft(name, model_id, source.location, alias=alias, origin=origin)

        def place(path: str) -> str:
            return f"{draft.storage_path}/{path}"

        async def arrive(path: str) -> Fingerprint:
            return await source.deliver(
                path, lambda stream: self._artifacts.put_stream(place(path), stream), meter.advance
            )

        meter = Meter(progress)
        known = [size for size in sizes.values() if size is not None]
        meter.begin("fetching", sum(known) if len(known) == len(sizes) else None, len(sizes))
        async with self._discarded_on_failure(draft):
            contents = await self._copy(draft, _each(sizes, arrive, meter), meter)
            async with self._check(context, name, alias, origin, None):
                arrived = {path: found.size for path, found in contents.items()}
                files = StoredFiles(self._artifacts, arrived, lambda path: [place(path)])
                version = await _described(draft, chosen, files)
        return await self._add(context, version, contents, None, meter)

    async def register_in_place(
        self,
        context: Context,
        location: str,
        name: FullName,
        *,
        model_format: ModelFormat | None = None,
        alias: str | None = None,
        comment: str = "",
        origin: NewVersion | None = None,
        delta_from: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> ModelVersion:
        """Publish a model in an external location; its files are read once and stay in place.

        The location is that of a folder, or of a model's only file. Only administrators may: what is in
        external locations belongs to no securable, so that no privilege says who may read it. Raises
        PermissionDenied also for a location that is not allowed, CorruptArtifact for files that change while
        they are read, and the errors of `register`.
        """
        origin = replace(origin or NewVersion(), comment=comment)
        check_text("location", location, MAX_SOURCE)
        async with context.view(AuditAction.CHECK_MODEL_REGISTRATION, model_target(name)) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
        async with self._check(context, name, alias, origin, delta_from) as (model_id, base):
            location = parse_location(location)
            folder, sizes, chosen = await self._inspect_location(location, model_format)
            draft = _draft(name, model_id, location, alias=alias, origin=origin)
            files = StoredFiles(self._artifacts, sizes, lambda path: [f"{folder}/{path}"])
            version = await _described(replace(draft, storage_path=folder), chosen, files)

        async def read(path: str) -> Fingerprint:
            return await self._artifacts.fingerprint(f"{folder}/{path}", sizes[path], advance=meter.advance)

        meter = Meter(progress)
        meter.begin("reading", sum(sizes.values()), len(sizes))
        return await self._add(context, version, await _each(sizes, read, meter), base, meter)

    async def find_unchanged(
        self,
        context: Context,
        source: Path | str,
        name: FullName,
        *,
        model_format: ModelFormat | None = None,
        progress: ProgressCallback | None = None,
    ) -> ModelVersion | None:
        """Find the newest version of `name` with the content of a folder or file, or of a location (text).

        Each file is read once. Raises the errors of a registration.
        """
        async with self._check(context, name, None, NewVersion(), None) as (model_id, _):
            if isinstance(source, Path):
                found, _ = await _inspect_local(source, model_format)
                sizes = found.files
            else:
                folder, sizes, _ = await self._inspect_location(parse_location(source), model_format)

        async def read(path: str) -> Fingerprint:
            if isinstance(source, Path):
                return await self._artifacts.fingerprint_file(found.folder / path, meter.advance)
            return await self._artifacts.fingerprint(
                f"{folder}/{path}", sizes[path], chunked=False, advance=meter.advance
            )

        meter = Meter(progress)
        meter.begin("reading", sum(sizes.values()), len(sizes))
        contents = await _each(sizes, read, meter)
        digest = Manifest.of(content.file(path) for path, content in contents.items()).digest
        return await self._find_same(context, name, model_id, digest)

    async def find_same(self, context: Context, version: ModelVersion) -> ModelVersion | None:
        """Find the newest other version of the same model with the same content."""
        return await self._find_same(
            context, version.full_name, version.model_id, version.digest, other_than=version.id
        )

    async def _find_same(
        self, context: Context, name: FullName, model_id: str, digest: str, *, other_than: str = ""
    ) -> ModelVersion | None:
        async with context.view(AuditAction.FIND_MODEL_VERSION_BY_CONTENT, model_target(name)) as operation:
            await authorize_new_version(operation, name)
            return await operation.rows.versions.find_by_digest(model_id, digest, other_than)

    @asynccontextmanager
    async def _check(
        self, context: Context, name: FullName, alias: str | None, origin: NewVersion, delta_from: int | None
    ) -> AsyncIterator[tuple[str, ModelVersion | None]]:
        """Id of the existing or future model, and the version to make deltas from, if any.

        An error here is audited as a failed registration.
        """
        if alias is not None:
            check_alias(alias)
        check_tags(origin.tags)
        async with context.view(AuditAction.CHECK_MODEL_REGISTRATION, model_target(name)) as operation:
            known = await authorize_new_version(operation, name)
            base = await find_base(operation, name, known, delta_from) if delta_from is not None else None
            yield known.id if known else str(uuid4()), base

    async def _inspect_location(
        self, location: str, wanted: ModelFormat | None
    ) -> tuple[str, dict[str, int], ModelFormat]:
        """Folder of a location, its files with their sizes, and their format."""
        folder, sizes = location, await self._artifacts.external_files(location)
        if not sizes:
            folder, sizes = await self._only_file(location)
        chosen = choose_format(location, sizes, wanted)
        check_paths(sizes)
        return folder, sizes, chosen

    async def _only_file(self, location: str) -> tuple[str, dict[str, int]]:
        """Folder and file of a location at which there is no folder; no file if there is nothing at all."""
        folder, _, name = location.rpartition("/")
        try:
            return folder, {name: await self._artifacts.size(location)}
        except NotFound:
            return location, {}

    async def _copy(self, version: ModelVersion, copying: Awaitable[_Contents], meter: Meter) -> _Contents:
        contents = await copying
        meter.begin("waiting for the disk")
        await self._artifacts.sync(version.storage_path)
        return contents

    async def _add(
        self,
        context: Context,
        draft: ModelVersion,
        contents: _Contents,
        base: ModelVersion | None,
        meter: Meter,
    ) -> ModelVersion:
        async with self._discarded_on_failure(draft):
            manifest = Manifest.of(found.file(path) for path, found in contents.items())
            if base is not None:
                deltas = await make_deltas(
                    self._artifacts,
                    self._manifests,
                    version=draft,
                    manifest=manifest,
                    base=base,
                    meter=meter,
                )
                manifest = Manifest.of(manifest.files, deltas=deltas)
            meter.begin("publishing")
            maps = (each for found in contents.values() for each in found.maps)
            written = await self._manifests.write(draft.id, manifest, maps)
        async with (
            discard_unless_committed(lambda: self._discard(draft)),
            context.change(
                AuditAction.CREATE_MODEL_VERSION, model_target(draft.full_name), model=draft.full_name
            ) as operation,
        ):
            model = await authorize_new_version(operation, draft.full_name)
            if model is None:
                model = await add_model(operation, draft.full_name, model_id=draft.model_id)
            complete = replace(
                draft,
                model_id=model.id,
                digest=manifest.digest,
                size=manifest.size,
                num_files=len(manifest.files),
                chunk_maps=written.chunk_maps.sha256 if written.chunk_maps else "",
            )
            version = await add_version(operation, complete)
            await operation.rows.models.touch(model.id, operation.now, operation.principal.name)
            for alias in version.aliases:
                await point_alias(operation, version.full_name, alias, version.version)
        return version

    @asynccontextmanager
    async def _discarded_on_failure(self, draft: ModelVersion) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self._discard(draft)
            raise

    async def _discard(self, version: ModelVersion) -> None:
        if not version.in_place:
            await self._artifacts.discard_below(version.storage_path)
        await self._manifests.delete(version.id)


def _draft(
    name: FullName, model_id: str, location: str, *, alias: str | None, origin: NewVersion
) -> ModelVersion:
    new = replace(origin, source=origin.source or location)
    draft = draft_version(name, model_id, VersionStatus.READY, new)
    return replace(draft, aliases=(alias,) if alias else ())


async def _described(draft: ModelVersion, model_format: ModelFormat, files: ModelFiles) -> ModelVersion:
    """Draft with what its files say, which fills in what its origin leaves out."""
    return with_reading(draft, model_format, await read_model(files, model_format))


async def _inspect_local(source: Path, wanted: ModelFormat | None) -> tuple[LocalModel, ModelFormat]:
    found = await asyncio.to_thread(inspect_local, source)
    return found, choose_format(source, found.files, wanted)


async def _each(
    paths: Iterable[str], work: Callable[[str], Awaitable[Fingerprint]], meter: Meter
) -> _Contents:
    """Results of `work` for each path, a few at a time."""
    slots = asyncio.Semaphore(_PARALLEL_FILES)

    async def one(path: str) -> tuple[str, Fingerprint]:
        async with slots:
            found = await work(path)
        meter.file_done()
        return path, found

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(path)) for path in paths]
    except ExceptionGroup as failures:
        # One failing file cancels the others; its own error is the one to act on.
        raise failures.exceptions[0] from failures
    return dict(task.result() for task in tasks)
