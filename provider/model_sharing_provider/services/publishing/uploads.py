"""Uploads of versions: PENDING_REGISTRATION until finalized, then immutable.

Uploaded files have names of their own, so that a late upload cannot change a READY version.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import suppress
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidState, NotFound
from model_sharing_protocol.names import FullName, ModelRef
from model_sharing_protocol.paths import check_model_path
from model_sharing_provider.artifacts.layout import direct_root, uploads_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore, check_storable
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.uploads import UploadedFile
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.publishing.new_versions import add_version, draft_version
from model_sharing_provider.services.publishing.uncommitted import discard_unless_committed
from model_sharing_provider.services.registry.lineage import UPSTREAM, add_lineage
from model_sharing_provider.services.registry.models import (
    add_model,
    authorize_new_version,
    find_model,
    model_target,
)
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.tags import check_tags
from model_sharing_provider.services.registry.versions import find_version, version_target

_REPLAYED_WITHIN_MS = 60_000
FINALIZING_ENDS_AFTER_MS = 600_000


class Uploads:
    def __init__(
        self,
        artifacts: ArtifactStore,
        manifests: Manifests,
        recall_policy: RecallPolicy,
        pulls: PullThrough,
    ) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._recall_policy = recall_policy
        self._pulls = pulls

    async def create(
        self,
        context: Context,
        name: FullName,
        new: NewVersion,
        request: str = "",
        *,
        create_model: bool = False,
    ) -> ModelVersion:
        """Create a PENDING version of an existing model, or with `create_model` also of a new one.

        `request` is a digest of the request. Clients resend a request whose response they did not receive:
        resent by the same principal before the version is used, it returns the same version. A `source` of
        the form `models:/c.s.m/3` links that version's files into the new one, without copying bytes. Raises
        NotFound, PermissionDenied, InvalidParameter, VersionRecalled.
        """
        check_tags(new.tags)
        version_id = str(uuid4())
        async with discard_unless_committed(lambda: self._artifacts.discard_below(uploads_root(version_id))):
            linked = await self._link_source(context, version_id, new.source)
            version = await self._add(
                context,
                name,
                new,
                request,
                version_id=version_id,
                linked=linked,
                create_model=create_model,
            )
        if version.id != version_id:
            await self._artifacts.discard_below(uploads_root(version_id))
        return version

    async def _add(
        self,
        context: Context,
        name: FullName,
        new: NewVersion,
        request: str,
        *,
        version_id: str,
        linked: list[UploadedFile],
        create_model: bool,
    ) -> ModelVersion:
        async with context.change(
            AuditAction.CREATE_MODEL_VERSION, model_target(name), model=name
        ) as operation:
            if create_model:
                model = await authorize_new_version(operation, name) or await add_model(operation, name)
            else:
                await operation.authorize(rules.OWN_MODEL)
                model = await find_model(operation, name)
            if request:
                since = operation.now - _REPLAYED_WITHIN_MS
                number = await operation.rows.versions.find_replayed(model.id, request, since)
                if number is not None:
                    return await find_version(operation, name, number)
            draft = draft_version(name, model.id, VersionStatus.PENDING_REGISTRATION, new, version_id)
            version = await add_version(operation, draft, request)
            await operation.rows.uploads.add_files(version.id, linked, operation.now)
            if new.lineage:
                await add_lineage(operation, version.id, UPSTREAM, new.lineage)
            return await find_version(operation, name, version.version)

    async def begin(self, context: Context, name: FullName, number: int) -> ModelVersion:
        """Authorize uploads to a PENDING version. Raises NotFound, InvalidState, PermissionDenied."""
        async with context.change(
            AuditAction.BEGIN_MODEL_VERSION_UPLOAD, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            await operation.rows.versions.end_replay(version.id)
            return version

    async def write(
        self,
        context: Context,
        version: ModelVersion,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        by: Principal | None = None,
        overwrite: bool = True,
    ) -> UploadedFile:
        """Store a file of a PENDING version; with `overwrite`, it replaces one with the same path.

        `by` is the principal that a signed URL was issued to. Raises UnsafePath, AlreadyExists, InvalidState,
        DiskFull.
        """
        check_storable(check_model_path(path))
        if not overwrite:
            await self.check_absent(context, version, path, by=by)
        staged = f"{uploads_root(version.id)}/{uuid4()}"
        found = await self._artifacts.put_stream(staged, chunks)
        async with discard_unless_committed(lambda: self._artifacts.discard(staged)):
            maps = await self._manifests.put_waiting(version.id, found.sha256, found.maps)
            file = UploadedFile(path, staged, found.size, found.sha256, maps)
            unneeded = await self._note(context, version, file, by, overwrite)
        if unneeded:
            await self._artifacts.discard(unneeded)
        return file

    async def check_absent(
        self, context: Context, version: ModelVersion, path: str, *, by: Principal | None = None
    ) -> None:
        """Check that a PENDING version has no file at this path, however uploaded. Raises AlreadyExists."""
        target = version_target(version.full_name, version.version)
        async with context.view(AuditAction.CHECK_FILE_EXISTS, target) as operation:
            if by is not None:
                operation.act_as(by)
            await operation.authorize(rules.OWN_MODEL)
            known = await operation.rows.uploads.find_file(version.id, path)
            if known is not None and not known.expected:
                raise exists_already(version, path)
        with suppress(NotFound):
            # Uploaded by a URL of the bucket, or with credentials: only the bucket knows.
            await self._artifacts.size(f"{direct_root(version.id)}/{path}")
            raise exists_already(version, path)

    async def remove(self, context: Context, name: FullName, number: int, path: str) -> None:
        """Remove a file from a PENDING version. Raises NotFound, InvalidState."""
        async with context.change(
            AuditAction.DELETE_FILE, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            staged = await operation.rows.uploads.remove_file(version.id, path)
            if staged is None:
                raise NotFound(f"Version {number} of '{name}' has no file {path!r}.")
        await self._artifacts.discard(staged)

    async def _note(
        self,
        context: Context,
        version: ModelVersion,
        file: UploadedFile,
        by: Principal | None,
        overwrite: bool,
    ) -> str | None:
        """Record an uploaded file; return the path of bytes that are no longer needed, if any."""
        name, number = version.full_name, version.version
        async with context.change(
            AuditAction.UPLOAD_FILE, version_target(name, number), model=name
        ) as operation:
            if by is not None:
                operation.act_as(by)
            await operation.authorize(rules.OWN_MODEL)
            operation.refine_target(name=f"{name}/{number}:{file.path}")
            if (await find_pending(operation, name, number)).id != version.id:
                raise NotFound(f"Version {number} of '{name}' was deleted while {file.path!r} was uploaded.")
            await operation.rows.versions.end_replay(version.id)
            known = await operation.rows.uploads.find_file(version.id, file.path)
            if known is not None and not (overwrite or known.expected):
                # It was uploaded at the same time.
                raise exists_already(version, file.path)
            if known is not None and (known.size, known.sha256) == (file.size, file.sha256):
                # Linked from the copied version, or sent twice: one file with the same bytes is enough.
                return file.staged
            return await operation.rows.uploads.put_file(version.id, file, operation.now)

    async def _link_source(self, context: Context, version_id: str, source: str) -> list[UploadedFile]:
        """Link the files of the version that `source` names, if it is in this registry.

        Those of another provider that were not fetched yet are left to the client, which sends all files.
        """
        reference = referenced_version(source)
        if reference is None:
            return []
        name, number = reference
        async with context.view(AuditAction.COPY_MODEL_VERSION, version_target(name, number)) as operation:
            await operation.authorize(rules.READ_MODEL)
            found = await find_version(operation, name, number)
            await self._recall_policy.check(operation, found)
            if found.status is not VersionStatus.READY or found.in_place:
                return []
        for sha256, chunk_map in (await self._manifests.chunk_maps(found.id)).items():
            await self._manifests.put_waiting(version_id, sha256, [chunk_map])  # as they are in the store
        linked = []
        manifest = (await self._manifests.read(found.id)).manifest
        for file in await self._pulls.stored_files(context, found, manifest):
            staged = f"{uploads_root(version_id)}/{uuid4()}"
            await self._artifacts.link(f"{found.storage_path}/{file.path}", staged)
            linked.append(UploadedFile(file.path, staged, file.size, file.sha256))
        return linked


async def find_pending(operation: Operation, name: FullName, number: int) -> ModelVersion:
    """Find a version that accepts files. Raises NotFound, InvalidState."""
    version = await find_version(operation, name, number)
    if version.status is not VersionStatus.PENDING_REGISTRATION:
        raise InvalidState(
            f"Version {number} of '{name}' is {version.status}, so its files cannot be changed. "
            "Create a new version."
        )
    if await operation.rows.versions.is_finalizing(version.id, operation.now - FINALIZING_ENDS_AFTER_MS):
        raise InvalidState(f"Version {number} of '{name}' is being finalized and accepts no more files.")
    return version


def exists_already(version: ModelVersion, path: str) -> AlreadyExists:
    """Error for a file that would replace another without `overwrite`."""
    return AlreadyExists(
        f"Version {version.version} of '{version.full_name}' has a file {path!r} already; "
        "send it with overwrite=true to replace it."
    )


def referenced_version(source: str) -> tuple[FullName, int] | None:
    """Parse a source like `models:/catalog.schema.model/3`; None for any other."""
    if not source.startswith("models:/") or source.count(".") != 2 or "@" in source:
        return None
    reference = ModelRef.parse(source)
    return (FullName.parse(reference.name), reference.version) if reference.version else None
