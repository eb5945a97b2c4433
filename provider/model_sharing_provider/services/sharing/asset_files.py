"""Files of shared assets by this server's URLs, which name a file by the id of its asset and its own.

The path is looked up among the asset's files: none from a request reaches storage. They are listed once for
many requests, since what was listed counts only if the file is still the same when it is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from weakref import WeakValueDictionary

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.shared_tables import MAX_FOLDER_FILES, DataFile, SharedLocation
from model_sharing_provider.domain.sharing import ShareObjectType
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles, transfer_permission
from model_sharing_provider.services.signed_files import OpenFile

_LISTINGS_KEPT = 8
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
        self._listings = _Listings(folders)
        self._folders = folders

    async def open(self, context: Context, resource: str, query: Mapping[str, str]) -> OpenFile:
        """Verify a signed URL and open its file.

        Raises PermissionDenied, and NotFound or InvalidState for a file that is no longer what it was.
        """
        _, asset_id, version, wanted = resource.split("/")
        admitted = self._recipient_files.admit(context, AuditAction.GET_FILE, resource, dict(query))
        async with admitted as (operation, ticket, _, budget):
            asset = await operation.rows.shared_assets.by_id(asset_id)
            if asset is None:
                raise NotFound("What this URL is for is no longer shared.")
            operation.refine_target(name=f"{asset.shared_name}: {wanted}")
            access = transfer_permission(context, operation, ticket, budget)
        file = await self._listings.find(asset, int(version), wanted)
        if file is None:
            raise InvalidState(_GONE)
        try:
            etag = await self._folders.check_file(asset.location, file.path, file.size, file.etag)
        except NotFound as error:
            raise InvalidState(_GONE) from error
        path = f"{asset.location}/{file.path}"
        return OpenFile(file.size, wanted, path, int(version), access, etag=etag)


_Key = tuple[str, str, int]


class _Listings:
    """Listings of the assets that were asked for last, by the ids of their files."""

    def __init__(self, folders: SharedFolders) -> None:
        self._folders = folders
        self._kept: OrderedDict[_Key, dict[str, DataFile]] = OrderedDict()
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def find(self, asset: SharedLocation, version: int, wanted: str) -> DataFile | None:
        """File of an asset by its id; what is not in the kept listing may be in a newer one."""
        key = (asset.id, asset.location, version)
        if (file := self._kept.get(key, {}).get(wanted)) is not None:
            return file
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if (file := self._kept.get(key, {}).get(wanted)) is not None:
                return file
            files = await self._list(asset, version)
            self._kept[key] = {file_id(each): each for each in files}
            self._kept.move_to_end(key)
            while len(self._kept) > _LISTINGS_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key].get(wanted)

    async def _list(self, asset: SharedLocation, version: int) -> Sequence[DataFile]:
        if asset.kind in (ShareObjectType.VOLUME, ShareObjectType.SKILL):
            return await folder_files(self._folders, asset.location)
        return (await self._folders.table_at(asset.location, version)).files
