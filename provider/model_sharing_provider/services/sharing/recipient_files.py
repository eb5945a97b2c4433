"""Files for recipients: issue signed URLs, and serve them.

A URL is valid for 300 seconds, any number of times, and only while the grant and the token it was issued
under are valid, and until its version is recalled. This is checked at each request, and again every second
until its last byte is sent.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from model_sharing_protocol.errors import InvalidParameter, NotFound, PermissionDenied, VersionRecalled
from model_sharing_protocol.manifest import PACKED_FILE_BYTES, PACKED_FILES, Delta, ManifestFile
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.revisions import Revision
from model_sharing_protocol.signatures import Bundle
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.download_origins import DownloadOrigins
from model_sharing_provider.artifacts.layout import share_table_path
from model_sharing_provider.artifacts.manifests import Manifests, auxiliary_file_paths
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import ModelVersion, SecurableType
from model_sharing_provider.domain.sharing import Share, SharedVersion, ShareGrant
from model_sharing_provider.domain.signed_urls import URL_LIFETIME_SECONDS, Ticket
from model_sharing_provider.governance.addresses import allows
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.byte_budgets import ByteBudget
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.recipient_budgets import RecipientBudgets
from model_sharing_provider.services.sharing.published_deltas import published_deltas
from model_sharing_provider.services.sharing.recipient_sign_in import address_refused
from model_sharing_provider.services.sharing.recipient_terms import check_terms_accepted
from model_sharing_provider.services.sharing.recipient_view import view_version
from model_sharing_provider.services.sharing.signing import Signing
from model_sharing_provider.services.signed_files import OpenFile, OpenPack, SignedFiles, TransferPermission
from model_sharing_provider.telemetry.reports import Measured, Refusal, report

_DELETED = "The version of this URL was deleted."
_CLOSED = "Access to this file has ended; request the version's files again, or ask the provider."
_RECALLED = "The version of this URL was recalled after the URL was issued; ask for the version to read why."


@dataclass(frozen=True, slots=True)
class SignedFile:
    """File with its URL; `expires_at` is in epoch ms.

    The URL is relative to the server's, or a URL of the object store itself.
    """

    url: str
    expires_at: int
    file: ManifestFile


@dataclass(frozen=True, slots=True)
class SignedVersionFiles:
    """Access to a version: its files with their URLs, and everything else needed to fetch it.

    `chunk_maps` is None if no file is large. `deltas` are paired with their files. `pack_url`, relative to
    the server's, is None if files are fetched from the object store.
    """

    shared: SharedVersion
    bundle: Bundle
    files: list[SignedFile]
    chunk_maps: SignedFile | None
    deltas: list[tuple[Delta, SignedFile]]
    pack_url: str | None


class UrlIssuer:
    """Issuer of URLs for one recipient under one grant; all URLs of one response expire together.

    Those of a `recalled` version are valid a second longer, which tells them from the ones issued before.
    """

    def __init__(
        self,
        signed_files: SignedFiles,
        principal: Principal,
        share: Share,
        grant: ShareGrant,
        *,
        recalled: bool = False,
    ) -> None:
        self._signed_files = signed_files
        self._under = (grant.id, principal.token_id, share.revision)
        self._expires = int(time.time()) + int(recalled) + URL_LIFETIME_SECONDS

    @property
    def expires_at(self) -> int:
        return self._expires * 1000

    def sign(self, resource: str, method: str = "GET") -> str:
        return self._signed_files.sign(self._ticket(resource, method))

    def sign_all(self, resources: Iterable[str]) -> list[str]:
        return self._signed_files.sign_all(map(self._ticket, resources))

    def _ticket(self, resource: str, method: str = "GET") -> Ticket:
        return Ticket(resource, *self._under, self._expires, method)


class RecipientFiles:
    def __init__(
        self,
        signed_files: SignedFiles,
        artifacts: ArtifactStore,
        manifests: Manifests,
        signing: Signing,
        *,
        pulls: PullThrough,
        origins: DownloadOrigins,
        budgets: RecipientBudgets,
    ) -> None:
        self._signed_files = signed_files
        self._artifacts = artifacts
        self._manifests = manifests
        self._signing = signing
        self._pulls = pulls
        self._origins = origins
        self._budgets = budgets

    async def version_files(
        self,
        context: Context,
        share: str,
        name: SharedName,
        *,
        number: int | None = None,
        alias: str | None = None,
        include_recalled: bool = False,
        include_urls: bool = True,
    ) -> SignedVersionFiles:
        """Version by number or alias, with its signature, files and URLs, or with empty ones.

        Raises NotFound, VersionRecalled, TermsNotAccepted if URLs are wanted.
        """
        action = AuditAction.DELTA_SHARING_QUERY_MODEL_VERSION
        revision = Revision(number=number, alias=alias)
        async with view_version(
            context, action, share, name, revision, include_recalled=include_recalled
        ) as (operation, found, grant):
            version = found.version
            self._artifacts.check_allowed(version.storage_path)
            manifest = (await self._manifests.read(version.id)).manifest
            bundle = self._signing.bundle(found, manifest)
            if not include_urls:
                operation.refine_action(AuditAction.DELTA_SHARING_GET_MODEL_VERSION)
                listed = [SignedFile("", 0, file) for file in manifest.files]
                return SignedVersionFiles(found, bundle, listed, None, [], None)
            check_terms_accepted(operation, found)
            operation.refine_target(version_id=version.id)
            recalled = version.recall is not None
            issuer = UrlIssuer(self._signed_files, operation.principal, found.share, grant, recalled=recalled)
            places = [(file, f"{version.storage_path}/{file.path}") for file in manifest.files]
            mirrored = await self._pulls.of(operation.rows, version)
            here = mirrored is None or await mirrored.are_here_to_share(context)
            files, elsewhere = await self._sign(issuer, version, places, here=here)
            if elsewhere:
                _report_issued(operation.target, manifest.files)
                await self.budget(context, operation.principal).spend_issue(version.id, manifest.size)
            pack = None if elsewhere else issuer.sign(f"versions/{version.id}/pack", "POST")
            deltas = await published_deltas(operation, version, manifest)
            published = msgspec.structs.replace(manifest, deltas=tuple(deltas))
            auxiliary, _ = await self._sign(
                issuer, version, list(auxiliary_file_paths(version.id, published))
            )
            maps = auxiliary.pop(0) if manifest.chunk_maps else None
            return SignedVersionFiles(
                found, bundle, files, maps, list(zip(deltas, auxiliary, strict=True)), pack
            )

    async def _sign(
        self,
        issuer: UrlIssuer,
        version: ModelVersion,
        places: Sequence[tuple[ManifestFile, str]],
        *,
        here: bool = True,
    ) -> tuple[list[SignedFile], bool]:
        """Sign URLs for these files of a version; also return whether they are the object store's.

        Files that are not `here` yet are fetched by this server's URLs, which wait for them.
        """
        paths = [path for _, path in places]
        elsewhere = await self._artifacts.presign(paths, URL_LIFETIME_SECONDS) if paths and here else None
        urls = elsewhere or issuer.sign_all(f"versions/{version.id}/{file.sha256}" for file, _ in places)
        signed = [
            SignedFile(url, issuer.expires_at, file) for url, (file, _) in zip(urls, places, strict=True)
        ]
        return signed, elsewhere is not None

    async def file_origins(self) -> tuple[str, ...]:
        """Origins of files besides this server, which recipients record when they mount."""
        return await self._origins.origins()

    def budget(self, context: Context, holder: Principal) -> ByteBudget:
        """Budget of a recipient, for whatever gives it bytes or URLs."""
        return ByteBudget(self._budgets, context, holder)

    def issuer(self, principal: Principal, share: Share, grant: ShareGrant) -> UrlIssuer:
        """Issuer for other services that issue URLs."""
        return UrlIssuer(self._signed_files, principal, share, grant)

    async def open(self, context: Context, resource: str, query: dict[str, str]) -> OpenFile:
        """Verify a signed URL and open its file. Raises PermissionDenied, or NotFound for missing bytes."""
        kind, *parts = resource.split("/")
        async with self.admit(context, AuditAction.GET_FILE, resource, query) as (
            operation,
            ticket,
            version,
            budget,
        ):
            if kind == "tables":
                path = share_table_path(parts[0])
                size = await self._artifacts.size(path)
                access = transfer_permission(context, operation, ticket, budget)
                return OpenFile(size, parts[0], path, operation.now, access)
            if version is None:
                raise NotFound(_DELETED)
            known = await self._manifests.read(version.id)
            auxiliary = await self._auxiliary_file(operation, version, parts[1])
            file = auxiliary[0] if auxiliary else known.file(parts[1])
            path = auxiliary[1] if auxiliary else f"{version.storage_path}/{file.path}"
            operation.refine_target(name=f"{version.full_name}/{version.version}:{file.path}")
            if version.in_place and not auxiliary:
                await self._artifacts.check_size(path, file.size)
            access = transfer_permission(context, operation, ticket, budget)
            source = None if auxiliary else await self._pulls.of(operation.rows, version, [file])
            return OpenFile(file.size, file.sha256, path, version.created_at, access, source)

    async def open_pack(
        self, context: Context, resource: str, query: dict[str, str], digests: Sequence[str]
    ) -> OpenPack:
        """Verify a signed URL for a pack of small files, and open them in the order of their digests.

        Raises InvalidParameter for too many files, or one that is too large.
        """
        async with self.admit(context, AuditAction.GET_FILES, resource, query, "POST") as (
            operation,
            ticket,
            version,
            budget,
        ):
            if version is None:
                raise NotFound(_DELETED)
            known = await self._manifests.read(version.id)
            files = [known.file(sha256) for sha256 in digests]
            check_pack(files)
            operation.refine_target(name=f"{version.full_name}/{version.version}: {len(files)} files")
            places = [(f"{version.storage_path}/{file.path}", file.size) for file in files]
            source = await self._pulls.of(operation.rows, version, files)
            return OpenPack(places, transfer_permission(context, operation, ticket, budget), source)

    async def _auxiliary_file(
        self, operation: Operation, version: ModelVersion, sha256: str
    ) -> tuple[ManifestFile, str] | None:
        """Auxiliary file with this digest (chunk maps, or a published delta), and its path in the store."""
        known = await self._manifests.read(version.id)
        auxiliary = known.auxiliary_files.get(sha256)
        if auxiliary is None or auxiliary[0] == known.manifest.chunk_maps:
            return auxiliary
        published = await published_deltas(operation, version, known.manifest)
        return auxiliary if any(delta.sha256 == sha256 for delta in published) else None

    @asynccontextmanager
    async def admit(
        self, context: Context, action: AuditAction, resource: str, query: dict[str, str], method: str = "GET"
    ) -> AsyncIterator[tuple[Operation, Ticket, ModelVersion | None, ByteBudget]]:
        """Authorize the holder of a signed URL, and find its version, if it has one, and its budget."""
        target = Target(SecurableType.SHARE, detail=resource)
        ticket = await self._signed_files.verify(context, action, target, query, method)
        async with context.view(action, target) as operation:
            under = ticket.grant_id, ticket.token_id, ticket.revision, operation.now
            access = await operation.rows.recipient_reads.access(*under, version_id=_version_id(resource))
            if access is None:
                report(Measured.REFUSED_URLS, reason=Refusal.ACCESS_ENDED)
                holder = await operation.rows.recipients.find_name_by_token_id(ticket.token_id)
                operation.refine_target(recipient=holder or "")
                reason = "the grant was revoked, the token expired, or the share changed"
                raise operation.denied(reason, PermissionDenied(_CLOSED))
            operation.refine_target(share=access.share, recipient=access.holder.name)
            if not allows(access.networks, context.caller.address):
                report(Measured.REFUSED_URLS, reason=Refusal.ADDRESS)
                reason = "the address is not in the IP access list"
                raise operation.denied(reason, address_refused(context))
            operation.authorized_by_credential()
            if access.version is not None and _was_recalled_since(ticket, access.version):
                report(Measured.REFUSED_URLS, reason=Refusal.ACCESS_ENDED)
                raise VersionRecalled(_RECALLED)
            yield operation, ticket, access.version, self.budget(context, access.holder)


def transfer_permission(
    context: Context, operation: Operation, ticket: Ticket, budget: ByteBudget
) -> TransferPermission:
    """Permission under the grant, token and revision of a ticket, from the caller's address."""
    under = ticket.grant_id, ticket.token_id, ticket.revision

    async def holds(rows: UnitOfWork) -> bool:
        found = await rows.recipient_reads.access(*under, now_ms(), version_id=_version_id(ticket.resource))
        if found is None or (found.version is not None and _was_recalled_since(ticket, found.version)):
            return False
        return allows(found.networks, context.caller.address)

    return TransferPermission(operation.target, holds, budget)


def _was_recalled_since(ticket: Ticket, version: ModelVersion) -> bool:
    """True if the version was recalled after a URL was issued.

    Those issued later are for clients that asked for a recalled version.
    """
    issued_at = (ticket.expires - URL_LIFETIME_SECONDS) * 1000
    return version.recalled_at is not None and issued_at <= version.recalled_at


def check_pack(files: Sequence[ManifestFile]) -> None:
    """Check the limits of a pack. Raises InvalidParameter."""
    if len(files) > PACKED_FILES:
        raise InvalidParameter(f"A pack has at most {PACKED_FILES} files; the request lists {len(files)}.")
    for file in files:
        if file.size > PACKED_FILE_BYTES:
            raise InvalidParameter(
                f"The file {file.path!r} is larger than {PACKED_FILE_BYTES} bytes; fetch it by its own URL."
            )


def _report_issued(target: Target, files: Sequence[ManifestFile]) -> None:
    size = sum(file.size for file in files)
    report(Measured.ISSUED_BYTES, size, share=target.share, recipient=target.recipient)


def _version_id(resource: str) -> str:
    kind, version_id = resource.split("/")[:2]
    return version_id if kind == "versions" else ""
