"""Temporary credentials for the metastore's own principals, with the same privileges as for files."""

from __future__ import annotations

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.publishing.uploads import find_pending
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
from model_sharing_provider.services.registry.versions import find_version, version_target


class PrincipalCredentials:
    def __init__(self, storage: StorageCredentials, recall_policy: RecallPolicy, pulls: PullThrough) -> None:
        self._storage = storage
        self._recall_policy = recall_policy
        self._pulls = pulls

    async def read(self, context: Context, name: FullName, number: int) -> TemporaryCredentials | None:
        """Credentials to read a version; None if the storage issues none, which is logged as a plain read.

        Those for a version of a shared catalog are given once all its files are here. Raises NotFound,
        PermissionDenied, VersionRecalled, UpstreamUnavailable, and UnsupportedOperation for a catalog that
        keeps no files.
        """
        action, target = AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL, version_target(name, number)
        async with context.view(action, target) as operation:
            await operation.authorize(rules.READ_MODEL)
            version = await find_version(operation, name, number)
            await self._recall_policy.check(operation, version)
            mirrored = await self._pulls.of(operation.rows, version)
            if mirrored is None or self._storage.location(version) is None:
                given = await self._storage.vend(version)
                if given is None:
                    operation.refine_action(AuditAction.GET_MODEL_VERSION)
                return given
            operation.refine_action(AuditAction.GET_MODEL_VERSION)
        await mirrored.pull_for_direct_reads(context)
        async with context.view(action, target) as operation:
            await operation.authorize(rules.READ_MODEL)
            await self._recall_policy.check(operation, version)
            given = await self._storage.vend(version)
        if given is not None:
            await mirrored.keep(context, given.expiration_time)
        return given

    async def write(self, context: Context, name: FullName, number: int) -> TemporaryCredentials | None:
        """Credentials to write the files of a PENDING version; None if the storage issues none.

        Uploads through the server work either way. Raises NotFound, PermissionDenied, InvalidState.
        """
        target = version_target(name, number)
        async with context.change(AuditAction.BEGIN_MODEL_VERSION_UPLOAD, target, model=name) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            await operation.rows.versions.end_replay(version.id)
        if self._storage.location(version) is None:
            return None
        action = AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        async with context.view(action, target) as operation:
            operation.authorized_before()
            return await self._storage.vend(version, write=True)
