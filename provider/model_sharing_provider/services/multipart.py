"""Files that come in several parts: each waits by itself until all are put together."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from model_sharing_protocol.errors import InvalidParameter, MetastoreUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.artifacts.locations import uploads_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.uploads import UploadedFile, UploadedPart
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.uploads import Uploads, find_pending
from model_sharing_provider.services.versions import version_target

MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class PartSeen:
    """A part as the client knows it: its number, and the ETag that its upload was answered with."""

    number: int
    etag: str


class Multipart:
    def __init__(self, artifacts: ArtifactStore, uploads: Uploads) -> None:
        self._artifacts = artifacts
        self._uploads = uploads

    async def begin(self, context: Context, name: FullName, number: int, path: str) -> str:
        """A session to upload the parts of one file in. Raises UnsafePath, InvalidState, NotFound."""
        check_relative_path(path)
        await self._uploads.begin(context, name, number)
        return str(uuid4())

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
        """Take in one part; sent again, it replaces the one before. Its ETag.

        Raises InvalidParameter, InvalidState, DiskFull.
        """
        if not 1 <= number <= MAX_PARTS:
            raise InvalidParameter(f"The part number {number} is not between 1 and {MAX_PARTS}.")
        staged = f"{uploads_root(version.id)}/{uuid4()}"
        found = await self._artifacts.put_stream(staged, chunks, chunked=False)
        part = UploadedPart(number, staged, found.size, found.sha256)
        target = version_target(version.full_name, version.version)
        try:
            async with context.change("uploadFilePart", target) as operation:
                operation.acts_for(by)
                await operation.authorize(rules.OWN_MODEL)
                await find_pending(operation, version.full_name, version.version)
                replaced = await operation.rows.uploads.put_part(version.id, session, part)
        except MetastoreUnavailable:
            # The commit may have gone through; so it may for a cancellation.
            raise
        except Exception:
            await self._artifacts.discard(staged)
            raise
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
        """Put a file together from its parts, in the order of their numbers.

        Raises InvalidParameter for a part that is missing, named twice, or another than the client saw, and
        what `Uploads.write` raises.
        """
        if len({part.number for part in seen}) < len(seen):
            raise InvalidParameter("The upload is completed with the same part more than once.")
        target = version_target(name, number)
        async with context.view("completeFileUpload", target) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            known = {part.number: part for part in await operation.rows.uploads.parts(version.id, session)}
        parts = [_matching(known, part) for part in sorted(seen, key=lambda part: part.number)]
        if not parts:
            raise InvalidParameter("The upload is completed without any part.")
        file = await self._uploads.write(context, version, path, self._joined(parts))
        await self._forget(context, version, session)
        return file

    async def abort(self, context: Context, version: ModelVersion, session: str, *, by: Principal) -> None:
        """Forget the parts of an upload that is given up. Raises PermissionDenied."""
        await self._forget(context, version, session, by=by)

    async def _forget(
        self, context: Context, version: ModelVersion, session: str, *, by: Principal | None = None
    ) -> None:
        target = version_target(version.full_name, version.version)
        async with context.change("forgetFileParts", target) as operation:
            operation.acts_for(by or operation.principal)
            await operation.authorize(rules.OWN_MODEL)
            parts = await operation.rows.uploads.parts(version.id, session)
            await operation.rows.uploads.forget_session(version.id, session)
        for part in parts:
            await self._artifacts.discard(part.staged)

    async def _joined(self, parts: Sequence[UploadedPart]) -> AsyncIterator[bytes]:
        for part in parts:
            async for piece in self._artifacts.read(part.staged, 0, part.size):
                yield bytes(piece)


def _matching(known: dict[int, UploadedPart], seen: PartSeen) -> UploadedPart:
    part = known.get(seen.number)
    if part is None or part.sha256 != seen.etag.strip('"'):
        raise InvalidParameter(
            f"Part {seen.number} is missing, or is not the one whose ETag was {seen.etag!r}; upload it again."
        )
    return part
