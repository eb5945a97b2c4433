"""Signed file URLs and transfers, for recipients and for the metastore's own principals.

URLs are verified here; the service that issued one decides whether it may still be used, and decides again
every second until the last byte is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.signed_urls import Ticket
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context

_RECHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TransferPermission:
    """Access of a transfer: its audit target, and a check that it still holds."""

    target: Target
    holds: Callable[[UnitOfWork], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """File that may be read: its size in bytes, its sha256, and its path in the store.

    `modified` is in epoch ms: the version's creation, since files never change.
    """

    size: int
    sha256: str
    path: str
    modified: int
    access: TransferPermission


@dataclass(frozen=True, slots=True)
class OpenPack:
    """Pack of small files that may be read, by path and size in bytes."""

    files: Sequence[tuple[str, int]]
    access: TransferPermission

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)


class SignedFiles:
    def __init__(self, signer: UrlSigner, artifacts: ArtifactStore) -> None:
        self._signer = signer
        self._artifacts = artifacts

    def sign(self, ticket: Ticket) -> str:
        """Sign a URL, relative to the server's, for a ticket."""
        return self._signer.sign(ticket)

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

    def read(self, file: OpenFile, start: int, end: int) -> AsyncIterator[memoryview]:
        """Read the bytes from `start` up to `end`. Raises NotFound or CorruptArtifact for damaged storage."""
        return self._artifacts.read(file.path, start, end)

    def read_pack(self, pack: OpenPack) -> AsyncIterator[memoryview]:
        """Read the files of a pack, concatenated. Raises NotFound or CorruptArtifact as `read` does."""
        return self._artifacts.read_all(pack.files)

    async def access_ended(self, context: Context, file: OpenFile | OpenPack) -> None:
        """Polls once a second; returns, and records the denial, when access ends."""
        holds = True
        while holds:
            await asyncio.sleep(_RECHECK_SECONDS)
            async with context.read_unaudited() as rows:
                holds = await file.access.holds(rows)
        action = AuditAction.GET_FILES if isinstance(file, OpenPack) else AuditAction.GET_FILE
        await context.record_denial(action, file.access.target, "access ended while the file was being read")
