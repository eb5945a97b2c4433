"""Volumes of a share for its recipients: folders of files in external locations."""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.shared_tables import SharedLocation, SharedVolume, VolumeFile
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.domain.signed_urls import URL_LIFETIME_SECONDS
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.asset_files import file_id, volume_files
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_terms import check_share_terms
from model_sharing_provider.services.sharing.recipient_view import check_schema, view_share

_ONLY_VERSION = 0
"""Version in the URLs of a volume's files, which have none."""


class SharedVolumes:
    def __init__(
        self,
        recipient_files: RecipientFiles,
        artifacts: ArtifactStore,
        folders: SharedFolders,
        vending: Vending,
    ) -> None:
        self._recipient_files = recipient_files
        self._artifacts = artifacts
        self._folders = folders
        self._vending = vending

    async def page(
        self, context: Context, share: str, schema: str | None, page: PageRequest
    ) -> Page[SharedVolume]:
        """Page of the volumes of a share, or of one of its schemas. Raises NotFound for a missing schema."""
        schema = schema.lower() if schema is not None else None
        action = AuditAction.DELTA_SHARING_LIST_VOLUMES
        async with view_share(context, action, share, schema or "") as (operation, found, _):
            await check_schema(operation, found, schema)
            shown = await operation.rows.shared_assets.of_share(found.id, ShareObjectType.VOLUME)
            inside = (each for each in shown if schema in (None, each.shared_name.schema))
            part = page_of(inside, page, lambda each: str(each.shared_name))
            return Page([self._volume(found, each) for each in part.items], part.last_key)

    async def get(self, context: Context, share: str, name: SharedName) -> SharedVolume:
        """Volume by name. Raises NotFound."""
        action = AuditAction.DELTA_SHARING_GET_VOLUME
        async with view_share(context, action, share, str(name)) as (operation, found, _):
            return self._volume(found, await _find(operation, found, name))

    async def query(
        self, context: Context, share: str, name: SharedName
    ) -> tuple[SharedVolume, Sequence[VolumeFile]]:
        """Files of a volume as URLs, as they are now.

        Raises NotFound, UnsupportedOperation, TermsNotAccepted.
        """
        action = AuditAction.DELTA_SHARING_QUERY_VOLUME
        async with view_share(context, action, share, str(name)) as (operation, found, grant):
            shown = await _find(operation, found, name)
            await check_share_terms(operation, found)
            issuer = self._recipient_files.issuer(operation.principal, found, grant)
        files = await volume_files(self._folders, shown.location)
        paths = [f"{shown.location}/{file.path}" for file in files]
        presigned = await self._artifacts.presign(paths, URL_LIFETIME_SECONDS) if paths else None
        ids = [file_id(file) for file in files]
        urls = presigned or [issuer.sign(f"assets/{shown.id}/{_ONLY_VERSION}/{each}") for each in ids]
        return self._volume(found, shown), [
            VolumeFile(url, id_, file.path, file.size, issuer.expires_at)
            for url, id_, file in zip(urls, ids, files, strict=True)
        ]

    async def credentials(self, context: Context, share: str, name: SharedName) -> TemporaryCredentials:
        """Credentials to read a volume's folder. Raises NotFound, UnsupportedOperation, TermsNotAccepted."""
        action = AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_VOLUME_CREDENTIAL
        async with view_share(context, action, share, str(name)) as (operation, found, _):
            shown = await _find(operation, found, name)
            await check_share_terms(operation, found)
            if not self._vending.covers(shown.location):
                raise UnsupportedOperation(
                    "This volume's storage cannot vend credentials; use its access mode 'url': "
                    "POST to the volume's /query for signed URLs."
                )
            self._artifacts.check_allowed(shown.location)
            return await self._vending.vend(shown.location, shown.id.replace("-", ""))

    def _volume(self, share: Share, found: SharedLocation) -> SharedVolume:
        covered = self._vending.covers(found.location)
        location = self._vending.address(found.location) if covered else f"urn:uuid:{found.id}"
        return SharedVolume(found.id, share, found.shared_name, location)


async def _find(operation: Operation, share: Share, name: SharedName) -> SharedLocation:
    found = await operation.rows.shared_assets.find(share.id, ShareObjectType.VOLUME, name)
    if found is None:
        raise NotFound(f"The volume '{name}' does not exist in this share.")
    return found
