"""Files of shared assets by this server's URLs, which name a file by the id of its asset and its own.

The path is looked up among the asset's files: none from a request reaches storage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.shared_tables import MAX_FOLDER_FILES, DataFile
from model_sharing_provider.domain.sharing import ShareObjectType
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles, transfer_permission
from model_sharing_provider.services.signed_files import OpenFile

_GONE = "This file is gone, or was replaced; ask for the files again."


def file_id(file: DataFile) -> str:
    """Id of a file, which differs as soon as it is known that the file does."""
    return hashlib.sha256("\n".join((file.path, str(file.size), file.etag)).encode()).hexdigest()


async def folder_files(folders: SharedFolders, location: str) -> list[DataFile]:
    """Files of a folder as they are now, by path. Raises UnsupportedOperation for too many."""
    found = await folders.list(location, MAX_FOLDER_FILES)
    return sorted((DataFile(each.path, each.size, each.etag) for each in found), key=lambda file: file.path)


class AssetFiles:
    def __init__(self, recipient_files: RecipientFiles, folders: SharedFolders) -> None:
        self._recipient_files = recipient_files
        self._folders = folders

    async def open(self, context: Context, resource: str, query: Mapping[str, str]) -> OpenFile:
        """Verify a signed URL and open its file.

        Raises PermissionDenied, and NotFound or InvalidState for a file that is no longer what it was.
        """
        _, asset_id, version, wanted = resource.split("/")
        admitted = self._recipient_files.admit(context, AuditAction.GET_FILE, resource, dict(query))
        async with admitted as (operation, ticket, _):
            asset = await operation.rows.shared_assets.by_id(asset_id)
            if asset is None:
                raise NotFound("What this URL is for is no longer shared.")
            operation.refine_target(name=f"{asset.shared_name}: {wanted}")
            access = transfer_permission(context, operation, ticket)
        if asset.kind in (ShareObjectType.VOLUME, ShareObjectType.SKILL):
            files: Sequence[DataFile] = await folder_files(self._folders, asset.location)
        else:
            files = (await self._folders.table_at(asset.location, int(version))).files
        file = next((each for each in files if file_id(each) == wanted), None)
        if file is None:
            raise InvalidState(_GONE)
        etag = await self._folders.check_file(asset.location, file.path, file.size, file.etag)
        path = f"{asset.location}/{file.path}"
        return OpenFile(file.size, wanted, path, int(version), access, etag=etag)
