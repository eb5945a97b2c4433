"""Finalization of a PENDING version: check its uploads, move them in place, and make it READY.

It is a job from the start, held by the server that was asked. If that one dies, another finishes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import (
    InvalidModel,
    InvalidParameter,
    InvalidState,
    MetastoreUnavailable,
    NotFound,
    SharingError,
    UnsafePath,
)
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.layout import direct_root, uploads_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.jobs import Job, JobKind, JobState, ShowProgress
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.uploads import UploadedFile
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.jobs.lease import JobLost, lease_from, while_held
from model_sharing_provider.services.publishing.copied_versions import find_source, without_note
from model_sharing_provider.services.publishing.formats.format_reader import Reading, with_reading
from model_sharing_provider.services.publishing.formats.model_files import StoredFiles
from model_sharing_provider.services.publishing.formats.table import (
    choose_format,
    find_any_format,
    read_model,
)
from model_sharing_provider.services.publishing.model_folders import check_paths
from model_sharing_provider.services.publishing.uploads import FINALIZING_ENDS_AFTER_MS
from model_sharing_provider.services.registry.removal import discard_uploads, fail_version
from model_sharing_provider.services.registry.versions import find_version, version_target
from model_sharing_provider.services.tasks import end_tasks
from model_sharing_provider.telemetry.reports import Measured, timed

_PATIENCE_SECONDS = 30.0
_SECONDS_BETWEEN_CHECKS = 0.5
_SECONDS_BETWEEN_RENEWALS = 60
_KIND = JobKind.FINALIZE_VERSION


class Finalization:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests, bundles: Bundles) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._bundles = bundles

    async def finalize(
        self, context: Context, name: FullName, number: int, *, any_format: bool = False
    ) -> ModelVersion:
        """Publish a PENDING version. A READY one is returned unchanged, since clients resend requests.

        Unless it may have `any_format`, it has to be an MLflow model, or a copy of a version that is none.
        Uploads that lack what their format needs, such as MLflow's signature, make it FAILED_REGISTRATION.
        Raises InvalidModel, InvalidState, NotFound, PermissionDenied.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            version, files, job = await self._begin(context, name, number, any_format=any_format)
            if version.status is VersionStatus.READY:
                return version
            if job is not None:
                with contextlib.suppress(JobLost):  # another server finishes it
                    return await self._publish_or_let_go(context, version, files, job)
            await self._wait_for_others(context, version, deadline)

    async def work(self, context: Context, job: Job, _show: ShowProgress) -> None:
        """Finish what a server began that stopped. Raises as `finalize` does."""
        name, number = FullName.parse(job.arguments["model"]), int(job.arguments["version"])
        async with context.change(
            AuditAction.START_MODEL_VERSION_FINALIZATION, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            if version.id != job.subject or version.status is not VersionStatus.PENDING_REGISTRATION:
                return  # deleted, or published: nothing is left to do
            # Whoever had the right lost it with the job.
            await operation.rows.versions.begin_finalizing(version.id, operation.now, operation.now + 1)
            files = await operation.rows.uploads.files(version.id)
        await self._publish(context, version, files, job)

    async def _wait_for_others(self, context: Context, version: ModelVersion, deadline: float) -> None:
        """Wait until no other call finalizes the version. Raises InvalidState after the deadline."""
        while time.monotonic() < deadline:
            await asyncio.sleep(_SECONDS_BETWEEN_CHECKS)
            async with context.read_unaudited() as rows:
                stale_before = now_ms() - FINALIZING_ENDS_AFTER_MS
                if not await rows.versions.is_finalizing(version.id, stale_before):
                    return
        raise InvalidState(
            f"Version {version.version} of '{version.full_name}' is still being finalized; try again later."
        )

    async def _begin(
        self, context: Context, name: FullName, number: int, *, any_format: bool
    ) -> tuple[ModelVersion, list[UploadedFile], Job | None]:
        """Version, its uploads, and the job of publishing it, unless another call has it."""
        async with context.change(
            AuditAction.START_MODEL_VERSION_FINALIZATION, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            if version.status is VersionStatus.FAILED_REGISTRATION:
                raise InvalidState(
                    f"Version {number} of '{name}' failed: {version.status_message} Create a new one."
                )
            before = operation.now - FINALIZING_ENDS_AFTER_MS
            known = await operation.rows.jobs.find_latest(_KIND, version.id, ended_since=operation.now)
            if known is not None and known.leased_until < operation.now:
                before = operation.now + 1  # its server has died, or left it to others
            job = None
            if await operation.rows.versions.begin_finalizing(version.id, operation.now, before):
                job = _job(operation, version, any_format=any_format)
                await operation.rows.jobs.replace(job)
            return version, await operation.rows.uploads.files(version.id), job

    async def _publish_or_let_go(
        self, context: Context, version: ModelVersion, files: list[UploadedFile], job: Job
    ) -> ModelVersion:
        """Publish a version for a caller who waits. If this server stops meanwhile, another goes on."""
        try:
            with timed(Measured.FINALIZE):
                return await while_held(context, job, self._publish(context, version, files, job), {})
        except asyncio.CancelledError:
            async with context.write_unaudited(cached=False) as rows:
                await rows.jobs.put_back(job.id, job.claimed_by, now_ms(), attempts=0)
            raise
        except Exception:
            # The caller is told, and decides whether to try again.
            with contextlib.suppress(SharingError):
                async with context.write_unaudited(cached=False) as rows:
                    await rows.jobs.delete(job.id, job.claimed_by)
            raise

    async def _publish(
        self, context: Context, version: ModelVersion, files: list[UploadedFile], job: Job
    ) -> ModelVersion:
        name, number = version.full_name, version.version
        target = version_target(name, number)
        try:
            files = await self._take_in(context, version, files)
            source = await find_source(context, self._manifests, version, files)
            copied = source if source is not None and source.origin is not None else None
            if copied is not None:
                files = without_note(files)
            required = (
                None if job.arguments["any_format"] else (source and source.format) or ModelFormat.MLFLOW
            )
            model_format, reading, manifest = await self._inspect_uploads(version, files, required)
            maps, vouched = await self._manifests.waiting(version.id, files)
            for file in files:
                await self._artifacts.move(file.staged, f"{version.storage_path}/{file.path}")
            await self._artifacts.sync(version.storage_path)
            written = await self._manifests.write(version.id, manifest, maps)
            if copied is not None:
                await self._bundles.copy(copied.id, version.id)
            async with context.change(AuditAction.FINALIZE_MODEL_VERSION, target, model=name) as operation:
                await operation.authorize(rules.OWN_MODEL)
                found = await find_version(operation, name, number)
                if found.id != version.id:
                    raise NotFound(f"Version {number} of '{name}' was deleted while it was finalized.")
                published = replace(
                    with_reading(found, model_format, reading),
                    status=VersionStatus.READY,
                    digest=manifest.digest,
                    size=manifest.size,
                    num_files=len(manifest.files),
                    chunk_maps=written.chunk_maps.sha256 if written.chunk_maps and vouched else "",
                    updated_at=operation.now,
                    updated_by=operation.principal.name,
                )
                if copied is not None:
                    published = published.with_origin_of(copied)
                if not await operation.rows.jobs.delete(job.id, job.claimed_by):
                    raise JobLost  # what the files are, the other server's commit says
                await operation.rows.versions.publish(published)
                await operation.rows.uploads.forget(version.id)
                await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)
        except (InvalidModel, UnsafePath, InvalidParameter) as error:
            await self._fail(context, version, job, error)
            raise
        except BaseException:
            # Full disk, lost connection: the uploads are still there, so a retry can succeed.
            async with context.change(AuditAction.STOP_MODEL_VERSION_FINALIZATION, target) as operation:
                operation.authorized_before()
                # Unless another server finalizes it by now, the right to do so is free again.
                if await operation.rows.jobs.renew(job.id, job.claimed_by, lease_from(operation.now), {}):
                    await operation.rows.versions.stop_finalizing(version.id)
            raise
        await discard_uploads(self._artifacts, version.id)
        return published

    async def _take_in(
        self, context: Context, version: ModelVersion, files: list[UploadedFile]
    ) -> list[UploadedFile]:
        """Collect all files, including those that clients wrote to the bucket or folder directly.

        Those are copied to where neither they nor credentials or URLs reach, and hashed there. A file that
        was also uploaded through the server is taken from there, unless a URL was issued for it later.
        Raises InvalidState if a URL was issued for a file that is missing.
        """
        folder = direct_root(version.id)
        taken = [file for file in files if not file.expected]
        arrived = {file.path for file in taken}
        paths = [path for path in await self._artifacts.files_below(folder) if path not in arrived]
        if missing := {file.path for file in files if file.expected}.difference(paths):
            raise InvalidState(
                f"{min(missing)!r} of version {version.version} of '{version.full_name}' was not uploaded to "
                "its URL. Upload or delete it, and finalize again."
            )
        check_paths(paths)
        async with self._still_finalizing(context, version):
            for path in paths:
                staged = f"{uploads_root(version.id)}/{uuid4()}"
                await self._artifacts.copy(f"{folder}/{path}", staged)
                read = await self._artifacts.fingerprint(staged, await self._artifacts.size(staged))
                maps = await self._manifests.put_waiting(version.id, read.sha256, read.maps)
                taken.append(UploadedFile(path, staged, read.size, read.sha256, maps))
        return taken

    @contextlib.asynccontextmanager
    async def _still_finalizing(self, context: Context, version: ModelVersion) -> AsyncIterator[None]:
        """Renew the right to finalize a version while its files are read."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_SECONDS_BETWEEN_RENEWALS)
                with contextlib.suppress(MetastoreUnavailable):
                    async with context.write_unaudited() as rows:
                        now = now_ms()
                        await rows.versions.begin_finalizing(version.id, now, stale_before=now)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            await end_tasks((renewing,))

    async def _inspect_uploads(
        self, version: ModelVersion, files: list[UploadedFile], required: ModelFormat | None
    ) -> tuple[ModelFormat, Reading, Manifest]:
        """Format of the uploads, what they say, and their manifest. Some may have been moved before."""
        if not files:
            raise InvalidModel("The version has no MLmodel file, and no other: upload its files first.")
        sizes = {file.path: file.size for file in files}
        staged = {file.path: file.staged for file in files}
        place = f"Version {version.version} of '{version.full_name}'"
        chosen = choose_format(place, sizes, required) if required else find_any_format(sizes)
        manifest = Manifest.of(ManifestFile(file.path, file.size, file.sha256) for file in files)
        stored = StoredFiles(
            self._artifacts, sizes, lambda path: [staged[path], f"{version.storage_path}/{path}"]
        )
        return chosen, await read_model(stored, chosen), manifest

    async def _fail(self, context: Context, version: ModelVersion, job: Job, error: SharingError) -> None:
        target = version_target(version.full_name, version.version)
        async with context.change(AuditAction.FAIL_MODEL_VERSION, target) as operation:
            operation.authorized_before()
            if not await operation.rows.jobs.delete(job.id, job.claimed_by):
                raise JobLost
            await fail_version(operation, version.id, error.message)
        await discard_uploads(self._artifacts, version.id)
        await self._artifacts.discard_below(version.storage_path)


def _job(operation: Operation, version: ModelVersion, *, any_format: bool) -> Job:
    """Job of publishing a version, held by the call that asks for it."""
    return Job.asked_by(
        operation.principal,
        _KIND,
        version.id,
        operation.now,
        arguments={"model": str(version.full_name), "version": version.version, "any_format": any_format},
        state=JobState.RUNNING,
        attempts=1,
        claimed_by=uuid4().hex,
        leased_until=lease_from(operation.now),
    )
