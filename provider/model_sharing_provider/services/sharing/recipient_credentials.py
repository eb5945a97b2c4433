"""Temporary credentials for recipients, under the same grants as files."""

from __future__ import annotations

from functools import partial

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
from model_sharing_provider.services.sharing.recipient_terms import check_terms_accepted
from model_sharing_provider.services.sharing.recipient_view import view_version


class RecipientCredentials:
    def __init__(self, storage: StorageCredentials, pulls: PullThrough) -> None:
        self._storage = storage
        self._pulls = pulls

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

        Raises NotFound, VersionRecalled, TermsNotAccepted, UnsupportedOperation, UpstreamUnavailable.
        """
        action = AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        viewing = partial(
            view_version,
            context,
            action,
            share,
            name,
            Revision(number=number),
            include_recalled=include_recalled,
        )
        async with viewing() as (operation, found, _grant):
            check_terms_accepted(operation, found)
            version = found.version
            mirrored = await self._pulls.of(operation.rows, version)
            if mirrored is None:
                operation.refine_target(version_id=version.id)
                return await self._vend(version)
            operation.refine_action(AuditAction.DELTA_SHARING_GET_MODEL_VERSION)
        await mirrored.pull_for_direct_reads(context)
        async with viewing() as (operation, found, _grant):
            check_terms_accepted(operation, found)
            operation.refine_target(version_id=found.version.id)
            given = await self._vend(version)
        await mirrored.keep(context, given.expiration_time)
        return given

    async def _vend(self, version: ModelVersion) -> TemporaryCredentials:
        given = await self._storage.vend(version)
        if given is None:
            raise UnsupportedOperation(
                "This version's storage cannot vend credentials; use its access mode 'url': "
                "POST to the version's /query for signed URLs."
            )
        return given
