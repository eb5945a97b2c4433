"""Versions for recipients by revision: the list of their files, and single files by path.

A file may be read while the grant and the token that it was asked for with are valid, and until its version
is recalled, as by a signed URL.
"""

from __future__ import annotations

import time

from model_sharing_protocol.manifest import ManifestFile, find_file
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.sharing import SharedVersion, ShareGrant
from model_sharing_provider.domain.signed_urls import URL_LIFETIME_SECONDS, Ticket
from model_sharing_provider.domain.versions import VersionContent
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles, transfer_permission
from model_sharing_provider.services.sharing.recipient_terms import check_terms_accepted
from model_sharing_provider.services.sharing.recipient_view import view_version
from model_sharing_provider.services.signed_files import FoundFile, OpenFile
from model_sharing_provider.telemetry.reports import Measured, report


class RecipientRevisions:
    def __init__(
        self,
        artifacts: ArtifactStore,
        manifests: Manifests,
        pulls: PullThrough,
        recipient_files: RecipientFiles,
    ) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._pulls = pulls
        self._recipient_files = recipient_files

    async def content(
        self, context: Context, share: str, name: SharedName, revision: Revision, *, to_read: bool = False
    ) -> VersionContent:
        """Version with the list of its files, for whoever is about to read one if `to_read`.

        Raises NotFound, VersionNotFound, VersionRecalled, and TermsNotAccepted if `to_read`.
        """
        action = AuditAction.DELTA_SHARING_LIST_MODEL_VERSION_FILES
        async with view_version(context, action, share, name, revision) as (operation, found, _grant):
            if to_read:
                check_terms_accepted(operation, found)
            version = found.version
            operation.refine_target(name=f"{version.full_name}/{version.version}")
            return VersionContent(version, await self._files(version), bool(found.unaccepted))

    async def open(
        self, context: Context, share: str, name: SharedName, revision: Revision, path: str
    ) -> FoundFile:
        """Open a file by its path.

        Raises PathNotFound, TermsNotAccepted, and as `content` does.
        """
        async with view_version(context, AuditAction.GET_FILE, share, name, revision) as (
            operation,
            found,
            grant,
        ):
            check_terms_accepted(operation, found)
            version = found.version
            place = f"{version.full_name}/{version.version}:{path}"
            operation.refine_target(name=place, version_id=version.id)
            file = find_file(await self._files(version), path)
            return await self._opened(context, operation, found, grant, file)

    async def _files(self, version: ModelVersion) -> tuple[ManifestFile, ...]:
        self._artifacts.check_allowed(version.storage_path)
        return (await self._manifests.read(version.id)).manifest.files

    async def _opened(
        self,
        context: Context,
        operation: Operation,
        found: SharedVersion,
        grant: ShareGrant,
        file: ManifestFile,
    ) -> FoundFile:
        version = found.version
        stored = f"{version.storage_path}/{file.path}"
        mirrored = await self._pulls.of(operation.rows, version, [file])
        here = mirrored is None or await mirrored.are_here_to_share(context)
        urls = await self._artifacts.presign([stored], URL_LIFETIME_SECONDS) if here else None
        budget = self._recipient_files.budget(context, operation.principal)
        if urls:
            await budget.spend_issue(f"{version.id}/{file.sha256}", file.size)
            target = operation.target
            report(Measured.ISSUED_BYTES, file.size, share=target.share, recipient=target.recipient)
        elif version.in_place:
            await self._artifacts.check_size(stored, file.size)
        under = grant.id, operation.principal.token_id, found.share.revision
        expires = int(time.time()) + URL_LIFETIME_SECONDS
        ticket = Ticket(f"versions/{version.id}/{file.sha256}", *under, expires)
        permission = transfer_permission(context, operation, ticket, budget)
        opened = OpenFile(file.size, file.sha256, stored, version.created_at, permission, mirrored)
        return FoundFile(version, opened, urls[0] if urls else "")
