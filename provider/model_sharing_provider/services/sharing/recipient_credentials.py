"""Temporary credentials for recipients, under the same grants as files."""

from __future__ import annotations

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
from model_sharing_provider.services.sharing.recipient_view import view_version


class RecipientCredentials:
    def __init__(self, storage: StorageCredentials) -> None:
        self._storage = storage

    async def read(
        self,
        context: Context,
        share: str,
        name: SharedName,
        number: int,
        *,
        include_recalled: bool = False,
    ) -> TemporaryCredentials:
        """Credentials to read a version shared with the caller.

        Raises NotFound, VersionRecalled, UnsupportedOperation.
        """
        action = AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        async with view_version(
            context, action, share, name, number=number, include_recalled=include_recalled
        ) as (_, found, _grant):
            given = await self._storage.vend(found.version)
            if given is None:
                raise UnsupportedOperation(
                    "This version's storage cannot vend credentials; use its access mode 'url': "
                    "POST to the version's /query for signed URLs."
                )
            return given
