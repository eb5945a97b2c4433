"""Signed file URLs and transfers, for recipients and for the metastore's own principals.

URLs are verified here; the service that issued one decides whether it may still be used, and decides again
every second until the last byte is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import count
from typing import Protocol

from model_sharing_protocol.errors import CorruptArtifact, PermissionDenied
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.artifacts.small_files import SMALL_FILE_BYTES, SmallFiles
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.signed_urls import Ticket
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.byte_budgets import ByteBudget
from model_sharing_provider.services.context import Context
from model_sharing_provider.telemetry.reports import Measured, report

_RECHECK_SECONDS = 1.0
_KEPT_EVERY = 60
"""Checks of a transfer after which its bytes are kept for some more minutes."""


@dataclass(frozen=True, slots=True)
class TransferPermission:
    """Access of a transfer: its audit target, a check that it still holds, and a recipient's budget."""

    target: Target
    holds: Callable[[UnitOfWork], Awaitable[bool]]
    budget: ByteBudget | None = None

    async def spend(self, size: int) -> None:
        """Count bytes that are about to be sent. Raises TooManyRequests once a recipient had enough."""
        if self.budget is not None:
            await self.budget.spend(size)

    def refund(self, size: int) -> None:
        """Take back bytes that were counted and not sent."""
        if self.budget is not None and size:
            self.budget.refund(size)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Whereabouts of a file: in the store, for which somebody may have `waited`, or elsewhere, at a `url`.

    With `arriving`, all of it is read by that, while it arrives.
    """

    waited: bool = False
    url: str = ""
    arriving: AsyncIterator[memoryview] | None = None


IN_STORE = Whereabouts()


class ByteSource(Protocol):
    """Source of bytes that may not be in the store yet: another `provider`."""

    @property
    def provider(self) -> str:
        """Name of the provider."""

    async def locate(self, context: Context, *, from_start: bool = False) -> Whereabouts:
        """Wait until the bytes are in the store, or tell where else they are.

        Who reads one file `from_start` to its end may be given it while it arrives.
        """

    async def keep(self, context: Context) -> None:
        """Keep the bytes in the store for some more minutes."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """File that may be read: its size in bytes, its sha256, and its path in the store.

    `modified` is in epoch ms: the version's creation, since files never change. Without a `source` the bytes
    are in the store. Files that others may replace have an `etag`, which is checked when they are read.
    """

    size: int
    sha256: str
    path: str
    modified: int
    access: TransferPermission
    source: ByteSource | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """File of a version, found by its path. If the object store sends it, `url` is a presigned one."""

    version: ModelVersion
    file: OpenFile
    url: str = ""


@dataclass(frozen=True, slots=True)
class OpenPack:
    """Pack of small files that may be read, by path and size in bytes."""

    files: Sequence[tuple[str, int]]
    access: TransferPermission
    source: ByteSource | None = None

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)


class SignedFiles:
    def __init__(self, signer: UrlSigner, artifacts: ArtifactStore) -> None:
        self._signer = signer
        self._artifacts = artifacts
        self._small_files = SmallFiles(artifacts)

    def sign(self, ticket: Ticket) -> str:
        """Sign a URL, relative to the server's, for a ticket."""
        return self._signer.sign(ticket)

    def sign_all(self, tickets: Iterable[Ticket]) -> list[str]:
        """Sign the URLs of one response, relative to the server's."""
        return self._signer.sign_all(tickets)

    async def verify(
        self,
        context: Context,
        action: AuditAction,
        target: Target,
        query: Mapping[str, str],
        method: str = "GET",
    ) -> Ticket:
        """Verify a URL for the resource in `target`, and return its ticket.

        Raises PermissionDenied for a forged or expired URL, TooManyRequests.
        """
        try:
            ticket = self._signer.verify(target.detail, query, method)
        except PermissionDenied as error:
            context.check_failures(action, target)
            await context.record_bad_secret(action, target, error)
            raise
        context.check_file_requests(action, target, ticket.token_id)
        return ticket

    async def locate(
        self, context: Context, file: OpenFile | OpenPack, *, from_start: bool = False
    ) -> Whereabouts:
        """Wait until the bytes are in the store, begin to arrive there, or are known to stay elsewhere.

        Raises PermissionDenied if access ended meanwhile, and what the source raises.
        """
        if file.source is None:
            return IN_STORE
        found = await file.source.locate(context, from_start=from_start)
        if found.waited:
            async with context.read_unaudited() as rows:
                holds = await file.access.holds(rows)
            if not holds:
                await context.record_denial(
                    _action(file), file.access.target, "access ended before the file was here"
                )
                raise PermissionDenied("Access to this file has ended while it was fetched.")
        return found

    def read(
        self, file: OpenFile, start: int, end: int, found: Whereabouts = IN_STORE
    ) -> AsyncIterator[memoryview]:
        """Read the bytes from `start` up to `end`, of a file that was `found`.

        Raises NotFound or CorruptArtifact for damaged storage, and what fetching an arriving file ends with.
        """
        if file.etag:
            return self._unchanged(file, start, end)
        return _reported(found.arriving or self._artifacts.read(file.path, start, end), file.source)

    async def read_at_once(self, file: OpenFile, start: int, end: int) -> bytes:
        """Read the few bytes from `start` up to `end`, of a file in the store. Raises as `read` does.

        Those of a small file are kept for whoever asks next.
        """
        if file.size > SMALL_FILE_BYTES or file.etag:
            return b"".join([bytes(piece) async for piece in self.read(file, start, end)])
        content = await self._small_files.read(file.path, file.sha256, file.size)
        report_mirrored(file.source, end - start)
        return content[start:end]

    async def open(self, file: OpenFile, found: Whereabouts) -> FileIO | None:
        """Open a file that was `found`, for the kernel to send; None where it has to be read.

        That is in a bucket, while it arrives, and where others may replace it. Raises NotFound.
        """
        if file.etag or found.arriving:
            return None
        return await self._artifacts.open(file.path)

    async def _unchanged(self, file: OpenFile, start: int, end: int) -> AsyncIterator[memoryview]:
        """Bytes of a file that others may replace; the last piece only if it is still the same file.

        Raises CorruptArtifact.
        """
        held: memoryview | None = None
        async for piece in self._artifacts.read(file.path, start, end):
            if held is not None:
                yield held
            held = piece
        if (await self._artifacts.head(file.path))[1] != file.etag:
            raise CorruptArtifact("The file was replaced while it was read.")
        if held is not None:
            yield held

    def read_pack(self, pack: OpenPack) -> AsyncIterator[memoryview]:
        """Read the files of a pack, concatenated. Raises NotFound or CorruptArtifact as `read` does."""
        return _reported(self._artifacts.read_all(pack.files), pack.source)

    async def access_ended(self, context: Context, file: OpenFile | OpenPack) -> None:
        """Polls once a second; returns, and records the denial, when access ends."""
        for second in count(1):
            await asyncio.sleep(_RECHECK_SECONDS)
            async with context.read_unaudited() as rows:
                if not await file.access.holds(rows):
                    break
            if file.source is not None and second % _KEPT_EVERY == 0:
                await file.source.keep(context)
        await context.record_denial(
            _action(file), file.access.target, "access ended while the file was being read"
        )


async def _reported(
    pieces: AsyncIterator[memoryview], source: ByteSource | None
) -> AsyncIterator[memoryview]:
    async for piece in pieces:
        report_mirrored(source, len(piece))
        yield piece


def report_mirrored(source: ByteSource | None, count: int) -> None:
    """Report bytes that are given to a reader, if they come from another provider."""
    if source is not None:
        report(Measured.MIRRORED_BYTES, count, provider=source.provider)


def _action(file: OpenFile | OpenPack) -> AuditAction:
    return AuditAction.GET_FILES if isinstance(file, OpenPack) else AuditAction.GET_FILE
