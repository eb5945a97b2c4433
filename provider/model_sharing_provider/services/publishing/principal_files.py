"""Files of versions for the metastore's own principals: folders, single files, and signed URLs.

A signed URL works while the token it was issued under is valid and its holder may still read the model. Files
of a recalled version are given as the recall policy says.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from model_sharing_protocol.errors import NotFound, PermissionDenied
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_model_path
from model_sharing_protocol.revisions import Revision
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.layout import direct_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore, check_storable
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import ModelVersion, SecurableType, VersionStatus
from model_sharing_provider.domain.signed_urls import (
    UPLOAD_URL_LIFETIME_SECONDS,
    URL_LIFETIME_SECONDS,
    Ticket,
)
from model_sharing_provider.domain.stored_objects import UploadUrl
from model_sharing_provider.domain.uploads import UploadedFile
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.pull_through import MirroredFiles, PullThrough
from model_sharing_provider.services.publishing.multipart import find_session
from model_sharing_provider.services.publishing.uploads import exists_already, find_pending
from model_sharing_provider.services.registry.models import model_target
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.versions import find_version, version_target
from model_sharing_provider.services.signed_files import OpenFile, SignedFiles, TransferPermission
from model_sharing_provider.telemetry.reports import Measured, Refusal, report

_CLOSED = "Access to this file has ended; request another URL."


@dataclass(frozen=True, slots=True)
class Entry:
    """File or folder in a version. `path` is relative to the version; `modified` is in epoch ms."""

    path: str
    is_directory: bool
    size: int
    modified: int


class PrincipalFiles:
    def __init__(
        self,
        signed_files: SignedFiles,
        artifacts: ArtifactStore,
        manifests: Manifests,
        recall_policy: RecallPolicy,
        pulls: PullThrough,
    ) -> None:
        self._signed_files = signed_files
        self._artifacts = artifacts
        self._manifests = manifests
        self._recall_policy = recall_policy
        self._pulls = pulls

    async def folder(self, context: Context, name: FullName, number: int, path: str) -> list[Entry]:
        """Entries of a folder by name; an empty `path` is the version's top folder. Raises NotFound."""
        async with context.view(AuditAction.LIST_DIRECTORY, _target(name, number, path)) as operation:
            version, files = await self._files(operation, name, number)
        entries = _entries(files, path, version.updated_at)
        if not entries and path:
            raise NotFound(f"{path!r} is not a folder in version {number} of '{name}'.")
        return entries

    async def open_path(self, context: Context, name: FullName, number: int, path: str) -> OpenFile:
        """Open a file of a READY version by its path. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.GET_FILE, _target(name, number, path)) as operation:
            version, file = await self._find(operation, name, number, path)
            return await self.opened(operation, version, file)

    async def sign(self, context: Context, name: FullName, number: int, path: str) -> str:
        """Sign a URL to fetch a file from, valid for 300 seconds. Raises NotFound.

        It is relative to the server's URL, or a URL of the object store itself, or of the provider that keeps
        the file. Raises UpstreamUnavailable if that cannot be asked.
        """
        async with context.view(AuditAction.CREATE_DOWNLOAD_URL, _target(name, number, path)) as operation:
            version, file = await self._find(operation, name, number, path)
            mirrored = await self._pulls.of(operation.rows, version, [file])
            if url := await presign(context, self._artifacts, version, file, mirrored):
                return url
            own = self._signed(operation, f"files/{version.id}/{file.sha256}", URL_LIFETIME_SECONDS)
        if mirrored is not None and mirrored.broker:
            return (await mirrored.locate(context)).url
        return own

    async def sign_session_uploads(
        self,
        context: Context,
        name: FullName,
        number: int,
        path: str,
        *,
        session: str,
        upload_suffixes: Sequence[str],
    ) -> list[str]:
        """Sign URLs, relative to the server's, to PUT parts of a session or DELETE it; valid for 15 minutes.

        `upload_suffixes`, in the caller's own words, end the URLs and come back unchanged. Raises NotFound,
        also for a session that is not the caller's, InvalidState, PermissionDenied.
        """
        async with self._uploading(context, name, number) as (operation, version):
            await find_session(operation, version.id, session, path)
            return [self._signed_upload(operation, version, each) for each in upload_suffixes]

    async def sign_file_upload(
        self,
        context: Context,
        name: FullName,
        number: int,
        path: str,
        upload_suffix: str,
        *,
        overwrite: bool = True,
    ) -> UploadUrl:
        """Sign a URL to PUT a whole file to: one of the object store itself, if that can sign it.

        Without `overwrite` it is this server's, since only the server can prevent that a file is replaced.

        What is written there is hashed when the version is finalized. It takes the place of what was
        uploaded at this path before, and gives it up to what is uploaded later. `upload_suffix` is as above.
        Raises UnsafePath, NotFound, AlreadyExists, InvalidState, PermissionDenied.
        """
        check_storable(check_model_path(path))
        replaced = None
        async with self._uploading(context, name, number) as (operation, version):
            place = f"{direct_root(version.id)}/{path}"
            url = None
            known = await operation.rows.uploads.find_file(version.id, path)
            if known is not None and not (overwrite or known.expected):
                raise exists_already(version, path)
            if overwrite:
                url = await self._artifacts.presign_upload(place, UPLOAD_URL_LIFETIME_SECONDS)
            if url is None:
                return UploadUrl(self._signed_upload(operation, version, upload_suffix))
            expected = UploadedFile.expect(path, place)
            replaced = await operation.rows.uploads.put_file(version.id, expected, operation.now)
        if replaced is not None and replaced != place:
            await self._artifacts.discard(replaced)
        return url

    @asynccontextmanager
    async def _uploading(
        self, context: Context, name: FullName, number: int
    ) -> AsyncIterator[tuple[Operation, ModelVersion]]:
        async with context.change(
            AuditAction.CREATE_UPLOAD_URL, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            await operation.rows.versions.end_replay(version.id)
            yield operation, version

    async def open(self, context: Context, resource: str, query: dict[str, str]) -> OpenFile:
        """Verify a signed URL and open its file. Raises PermissionDenied, or NotFound for missing bytes."""
        target = Target(SecurableType.MODEL, detail=resource)
        ticket = await self._signed_files.verify(context, AuditAction.GET_FILE, target, query)
        _, version_id, sha256 = resource.split("/")
        async with context.view(AuditAction.GET_FILE, target) as operation:
            version = await self._admit(operation, ticket, version_id, rules.READ_MODEL)
            await self._recall_policy.check(operation, version)
            file = (await self._manifests.read(version.id)).file(sha256)
            operation.refine_target(name=f"{version.full_name}/{version.version}:{file.path}")
            return await self.opened(operation, version, file)

    async def accept_upload(
        self, context: Context, resource: str, query: dict[str, str]
    ) -> tuple[ModelVersion, Principal]:
        """Verify a signed upload URL; return its version, and the principal that it was issued to.

        Raises PermissionDenied, NotFound, InvalidState.
        """
        target = Target(SecurableType.MODEL, detail=resource)
        ticket = await self._signed_files.verify(context, AuditAction.USE_UPLOAD_URL, target, query, "PUT")
        version_id = resource.split("/")[1]
        async with context.view(AuditAction.USE_UPLOAD_URL, target) as operation:
            version = await self._admit(operation, ticket, version_id, rules.OWN_MODEL)
            operation.refine_target(name=f"{version.full_name}/{version.version}")
            await find_pending(operation, version.full_name, version.version)
            return version, operation.principal

    async def opened(self, operation: Operation, version: ModelVersion, file: ManifestFile) -> OpenFile:
        """File of a version that the caller of an authorized operation may read."""
        path = f"{version.storage_path}/{file.path}"
        if version.in_place:
            await self._artifacts.check_size(path, file.size)
        access = self._access(operation, version)
        source = await self._pulls.of(operation.rows, version, [file])
        return OpenFile(file.size, file.sha256, path, version.created_at, access, source)

    def _access(self, operation: Operation, opened: ModelVersion) -> TransferPermission:
        """Access that lasts as long as the caller's token, and until the version is recalled."""
        token_id = operation.principal.token_id

        async def holds(rows: UnitOfWork) -> bool:
            if await rows.principals.find_by_token_id(token_id, now_ms()) is None:
                return False
            version = await rows.registry_reads.version(opened.full_name, Revision(number=opened.version))
            return not self._recall_policy.ends_transfer(opened, version)

        return TransferPermission(operation.target, holds)

    def _signed(self, operation: Operation, resource: str, lifetime: int, method: str = "GET") -> str:
        holder, expires = operation.principal, int(time.time()) + lifetime
        if holder.token_expires_at is not None:
            # A policy, by which a token of another issuer is known later, does not end with it.
            expires = min(expires, holder.token_expires_at // 1000)
        groups = tuple(group.id for group in holder.token_groups)
        return self._signed_files.sign(Ticket(resource, "", holder.token_id, 0, expires, method, groups))

    def _signed_upload(self, operation: Operation, version: ModelVersion, upload_suffix: str) -> str:
        resource = f"uploads/{version.id}/{upload_suffix}"
        return self._signed(operation, resource, UPLOAD_URL_LIFETIME_SECONDS, "PUT")

    async def _admit(
        self, operation: Operation, ticket: Ticket, version_id: str, rule: rules.Rule
    ) -> ModelVersion:
        """Act as the holder of the ticket's token, which must still have the privileges of `rule`."""
        principals = operation.rows.principals
        holder = await principals.find_by_token_id(ticket.token_id, operation.now, ticket.group_ids)
        if holder is None:
            report(Measured.REFUSED_URLS, reason=Refusal.ACCESS_ENDED)
            raise operation.denied("the access token has ended", PermissionDenied(_CLOSED))
        operation.act_as(holder)
        version = await operation.rows.versions.find_by_id(version_id)
        if version is None:
            raise NotFound("The version of this URL was deleted.")
        try:
            await operation.authorize(rule, model_target(version.full_name))
        except PermissionDenied:
            report(Measured.REFUSED_URLS, reason=Refusal.ACCESS_ENDED)
            raise
        return version

    async def _find(
        self, operation: Operation, name: FullName, number: int, path: str
    ) -> tuple[ModelVersion, ManifestFile]:
        version, files = await self._files(operation, name, number)
        for file in files:
            if file.path == path and version.status is VersionStatus.READY:
                return version, file
        raise NotFound(f"Version {number} of '{name}' has no readable file {path!r}.")

    async def _files(
        self, operation: Operation, name: FullName, number: int
    ) -> tuple[ModelVersion, list[ManifestFile]]:
        """Files of a READY version for its readers, or the uploads of a PENDING one for its owner."""
        await operation.authorize(rules.READ_MODEL)
        version = await find_version(operation, name, number)
        await self._recall_policy.check(operation, version)
        if version.status is VersionStatus.READY:
            return version, list((await self._manifests.read(version.id)).manifest.files)
        await operation.authorize(rules.OWN_MODEL)
        uploads = await operation.rows.uploads.files(version.id)
        return version, [
            ManifestFile(file.path, file.size, file.sha256) for file in uploads if not file.expected
        ]


async def presign(
    context: Context,
    artifacts: ArtifactStore,
    version: ModelVersion,
    file: ManifestFile,
    mirrored: MirroredFiles | None,
) -> str:
    """Presigned URL of the object store for a file; empty if this server or another one sends it."""
    if mirrored is not None and (mirrored.broker or not await mirrored.are_here(context)):
        return ""
    urls = await artifacts.presign([f"{version.storage_path}/{file.path}"], URL_LIFETIME_SECONDS)
    if not urls:
        return ""
    report(Measured.ISSUED_BYTES, file.size, share="", recipient="")
    if mirrored is not None:
        report(Measured.MIRRORED_BYTES, file.size, provider=mirrored.provider)
    return urls[0]


def _entries(files: list[ManifestFile], folder: str, modified: int) -> list[Entry]:
    prefix = f"{folder}/" if folder else ""
    found: dict[str, Entry] = {}
    for file in files:
        if not file.path.startswith(prefix):
            continue
        name, _, deeper = file.path.removeprefix(prefix).partition("/")
        path = prefix + name
        found[path] = Entry(path, bool(deeper), 0 if deeper else file.size, modified)
    return [found[path] for path in sorted(found)]


def _target(name: FullName, number: int, path: str) -> Target:
    return Target(SecurableType.MODEL, str(name), f"{name}/{number}:{path}")
