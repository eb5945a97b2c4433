"""Volumes and agent skills of a share for its recipients: folders of files in external locations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.shared_tables import FolderFile, SharedFolder, SharedLocation
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.domain.signed_urls import URL_LIFETIME_SECONDS
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.asset_files import file_id, folder_files
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_terms import check_share_terms
from model_sharing_provider.services.sharing.recipient_view import check_schema, view_share

_ONLY_VERSION = 0
"""Version in the URLs of a folder's files, which have none."""


@dataclass(frozen=True, slots=True)
class FolderKind:
    """Kind of assets that are folders, with the audit actions of what recipients do with them."""

    type: ShareObjectType
    list: AuditAction
    get: AuditAction
    query: AuditAction
    credentials: AuditAction


VOLUMES = FolderKind(
    ShareObjectType.VOLUME,
    AuditAction.DELTA_SHARING_LIST_VOLUMES,
    AuditAction.DELTA_SHARING_GET_VOLUME,
    AuditAction.DELTA_SHARING_QUERY_VOLUME,
    AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_VOLUME_CREDENTIAL,
)
SKILLS = FolderKind(
    ShareObjectType.SKILL,
    AuditAction.DELTA_SHARING_LIST_SKILLS,
    AuditAction.DELTA_SHARING_GET_SKILL,
    AuditAction.DELTA_SHARING_QUERY_SKILL,
    AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_SKILL_CREDENTIAL,
)


class FolderAssets:
    """Assets of one kind that are folders."""

    def __init__(
        self,
        kind: FolderKind,
        recipient_files: RecipientFiles,
        artifacts: ArtifactStore,
        folders: SharedFolders,
        vending: Vending,
    ) -> None:
        self._kind = kind
        self._recipient_files = recipient_files
        self._artifacts = artifacts
        self._folders = folders
        self._vending = vending

    async def page(
        self, context: Context, share: str, schema: str | None, page: PageRequest
    ) -> Page[SharedFolder]:
        """Page of the assets of a share, or of one of its schemas. Raises NotFound for a missing schema."""
        schema = schema.lower() if schema is not None else None
        async with view_share(context, self._kind.list, share, schema or "") as (operation, found, _):
            await check_schema(operation, found, schema)
            part = await operation.rows.shared_assets.page(found.id, self._kind.type, schema, page)
            return Page([self._folder(found, each) for each in part.items], part.last_key)

    async def get(self, context: Context, share: str, name: SharedName) -> SharedFolder:
        """Asset by name. Raises NotFound."""
        async with view_share(context, self._kind.get, share, str(name)) as (operation, found, _):
            return self._folder(found, await self._find(operation, found, name))

    async def query(
        self, context: Context, share: str, name: SharedName
    ) -> tuple[SharedFolder, Sequence[FolderFile]]:
        """Files of an asset as URLs, as they are now.

        Raises NotFound, UnsupportedOperation, TermsNotAccepted.
        """
        async with view_share(context, self._kind.query, share, str(name)) as (operation, found, grant):
            shown = await self._find(operation, found, name)
            await check_share_terms(operation, found)
            issuer = self._recipient_files.issuer(operation.principal, found, grant)
        files = await folder_files(self._folders, shown.location)
        paths = [f"{shown.location}/{file.path}" for file in files]
        presigned = await self._artifacts.presign(paths, URL_LIFETIME_SECONDS) if paths else None
        if presigned:
            size = sum(file.size for file in files)
            await self._recipient_files.budget(context, operation.principal).spend_issue(shown.id, size)
        ids = [file_id(file) for file in files]
        urls = presigned or issuer.sign_all(f"assets/{shown.id}/{_ONLY_VERSION}/{each}" for each in ids)
        # This server's answers have the id as their etag.
        etags = [file.etag for file in files] if presigned else ids
        return self._folder(found, shown), [
            FolderFile(url, id_, file.path, file.size, etag, issuer.expires_at)
            for url, id_, etag, file in zip(urls, ids, etags, files, strict=True)
        ]

    async def credentials(self, context: Context, share: str, name: SharedName) -> TemporaryCredentials:
        """Credentials to read an asset's folder. Raises NotFound, UnsupportedOperation, TermsNotAccepted."""
        async with view_share(context, self._kind.credentials, share, str(name)) as (operation, found, _):
            shown = await self._find(operation, found, name)
            await check_share_terms(operation, found)
            if not self._vending.covers(shown.location):
                kind = self._kind.type.lower()
                raise UnsupportedOperation(
                    f"This {kind}'s storage cannot vend credentials; use its access mode 'url': "
                    f"POST to the {kind}'s /query for signed URLs."
                )
            self._artifacts.check_allowed(shown.location)
            return await self._vending.vend(shown.location, shown.id.replace("-", ""))

    def _folder(self, share: Share, found: SharedLocation) -> SharedFolder:
        covered = self._vending.covers(found.location)
        location = self._vending.address(found.location) if covered else _opaque(found)
        return SharedFolder(found.id, share, found.shared_name, location, covered, found.skill)

    async def _find(self, operation: Operation, share: Share, name: SharedName) -> SharedLocation:
        found = await operation.rows.shared_assets.find(share.id, self._kind.type, name)
        if found is None:
            raise NotFound(f"The {self._kind.type.lower()} '{name}' does not exist in this share.")
        return found


def _opaque(found: SharedLocation) -> str:
    """Location that tells no path of this server; that of a skill ends with its name, as it has to."""
    name = f"/{found.shared_name.name}" if found.kind is ShareObjectType.SKILL else ""
    return f"urn:uuid:{found.id}{name}"
