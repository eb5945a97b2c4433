"""Multipart uploads: parts are stored separately until the file is assembled.

A session belongs to one file of one version, and to the principal that began it. For every other principal or
version it does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_model_path
from model_sharing_provider.artifacts.layout import uploads_root
from model_sharing_provider.artifacts.store import ArtifactStore, check_storable
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.uploads import (
    ArrivedFiles,
    UploadedFile,
    UploadedPart,
    UploadSession,
)
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.publishing.uncommitted import discard_unless_committed
from model_sharing_provider.services.publishing.uploads import Uploads, find_pending
from model_sharing_provider.services.registry.versions import version_target

MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class PartSeen:
    """Part as listed by the client: its number, and the ETag from the response to its upload."""

    number: int
    etag: str


class Multipart:
    def __init__(self, artifacts: ArtifactStore, uploads: Uploads) -> None:
        self._artifacts = artifacts
        self._uploads = uploads

    async def begin(
        self, context: Context, name: FullName, number: int, path: str, *, overwrite: bool = True
    ) -> str:
        """Begin a session to upload the parts of one file.

        Raises UnsafePath, InvalidState, NotFound; without `overwrite`, AlreadyExists, now or at completion.
        """
        check_storable(check_model_path(path))
        async with context.change(
            AuditAction.CREATE_MULTIPART_UPLOAD, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            await operation.rows.versions.end_replay(version.id)
            session = UploadSession(
                id=str(uuid4()),
                version_id=version.id,
                principal_id=operation.principal.id,
                path=path,
                overwrite=overwrite,
            )
            await operation.rows.uploads.add_session(session)
        if not overwrite:
            await self._uploads.check_absent(context, version, path)
        return session.id

    async def arrived(self, context: Context, name: FullName, number: int) -> ArrivedFiles:
        """Files and parts of a PENDING version that have arrived, so that an upload can go on.

        Sessions of other principals are left out. Raises NotFound, InvalidState, PermissionDenied.
        """
        async with context.view(AuditAction.LIST_UPLOADS, version_target(name, number)) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            sessions = await operation.rows.uploads.sessions_of(version.id, operation.principal.id)
            parts = await operation.rows.uploads.parts_of(version.id)
            files = await operation.rows.uploads.files(version.id)
        return ArrivedFiles(
            [file for file in files if not file.expected],
            {session.id: parts.get(session.id, []) for session in sessions},
            {session.id: session.path for session in sessions},
        )

    async def write_part(
        self,
        context: Context,
        version: ModelVersion,
        session: str,
        number: int,
        chunks: AsyncIterable[bytes],
        *,
        by: Principal,
    ) -> str:
        """Store one part, replacing an earlier one with its number; return its ETag.

        Raises InvalidParameter, InvalidState, NotFound for a session that is not the caller's, DiskFull.
        """
        if not 1 <= number <= MAX_PARTS:
            raise InvalidParameter(f"The part number {number} is not between 1 and {MAX_PARTS}.")
        staged = f"{uploads_root(version.id)}/{uuid4()}"
        found = await self._artifacts.put_stream(staged, chunks, chunked=False)
        part = UploadedPart(number, staged, found.size, found.sha256)
        target = version_target(version.full_name, version.version)
        async with (
            discard_unless_committed(lambda: self._artifacts.discard(staged)),
            context.change(AuditAction.UPLOAD_PART, target, model=version.full_name) as operation,
        ):
            operation.act_as(by)
            await operation.authorize(rules.OWN_MODEL)
            pending = await find_pending(operation, version.full_name, version.version)
            found_session = await find_session(operation, pending.id, session)
            replaced = await operation.rows.uploads.put_part(found_session, part)
        if replaced:
            await self._artifacts.discard(replaced)
        return part.sha256

    async def complete(
        self,
        context: Context,
        name: FullName,
        number: int,
        path: str,
        *,
        session: str,
        seen: Sequence[PartSeen],
    ) -> UploadedFile:
        """Assemble a file from its parts, in the order of their numbers.

        Raises NotFound for a session that is not the caller's, InvalidParameter for a part that is missing,
        repeated, or not the one with the client's ETag, and the errors of `Uploads.write`.
        """
        if len({part.number for part in seen}) < len(seen):
            raise InvalidParameter("The upload cannot be completed: the request lists a part more than once.")
        target = version_target(name, number)
        async with context.view(AuditAction.COMPLETE_MULTIPART_UPLOAD, target) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            begun = await find_session(operation, version.id, session, path)
            known = {part.number: part for part in await operation.rows.uploads.parts(begun)}
        parts = [_matching(known, part) for part in sorted(seen, key=lambda part: part.number)]
        if not parts:
            raise InvalidParameter("The upload cannot be completed: the request lists no parts.")
        joined = self._joined(parts)
        file = await self._uploads.write(context, version, path, joined, overwrite=begun.overwrite)
        with suppress(NotFound):
            # Finalizing the version meanwhile has deleted its sessions.
            await self._delete_parts(AuditAction.DISCARD_UPLOAD_PARTS, context, version, session)
        return file

    async def abort(self, context: Context, version: ModelVersion, session: str, *, by: Principal) -> None:
        """Abort an upload and delete its parts. Raises PermissionDenied, NotFound."""
        await self._delete_parts(AuditAction.ABORT_MULTIPART_UPLOAD, context, version, session, by=by)

    async def _delete_parts(
        self,
        action: AuditAction,
        context: Context,
        version: ModelVersion,
        session: str,
        *,
        by: Principal | None = None,
    ) -> None:
        target = version_target(version.full_name, version.version)
        async with context.change(action, target) as operation:
            operation.act_as(by or operation.principal)
            await operation.authorize(rules.OWN_MODEL)
            begun = await find_session(operation, version.id, session)
            parts = await operation.rows.uploads.parts(begun)
            await operation.rows.uploads.forget_session(begun)
        for part in parts:
            await self._artifacts.discard(part.staged)

    async def _joined(self, parts: Sequence[UploadedPart]) -> AsyncIterator[bytes]:
        for part in parts:
            async for piece in self._artifacts.read(part.staged, 0, part.size):
                yield bytes(piece)


async def find_session(
    operation: Operation, version_id: str, session: str, path: str | None = None
) -> UploadSession:
    """Find the caller's session for a version and, if given, a path. Raises NotFound."""
    found = await operation.rows.uploads.find_session(
        session, version_id=version_id, principal_id=operation.principal.id
    )
    if found is None or path not in (None, found.path):
        raise NotFound("You have no such upload session for this file; begin another one.")
    return found


def _matching(known: dict[int, UploadedPart], seen: PartSeen) -> UploadedPart:
    part = known.get(seen.number)
    if part is None or part.sha256 != seen.etag.strip('"'):
        raise InvalidParameter(
            f"Part {seen.number} is missing, or its ETag is not {seen.etag!r}; upload it again."
        )
    return part
