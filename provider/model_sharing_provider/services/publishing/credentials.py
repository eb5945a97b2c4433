"""Give out temporary credentials for the files of one version, at the object store itself.

They are given under the same grants and privileges as the files. Those of a READY version are for reading;
the owner of a PENDING one may write to a folder that its files are taken from when it is finalized, so that
what is READY cannot be changed with any. Nobody can take them back: access that is revoked ends for their
bearer when they expire.
"""

from __future__ import annotations

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.locations import direct_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.uploads import find_pending
from model_sharing_provider.services.registry.versions import find_version, version_target
from model_sharing_provider.services.sharing.recipient_view import view_version


class Credentials:
    def __init__(self, artifacts: ArtifactStore, vending: Vending) -> None:
        self._artifacts = artifacts
        self._vending = vending

    @property
    def offered(self) -> bool:
        """Whether there are any for what is stored below the artifact root."""
        return self._vending.covers(self._artifacts.location(""))

    def location(self, version: ModelVersion) -> str | None:
        """The folder of a version as its cloud's clients write it, if there are credentials for it.

        Of a PENDING version, the one to write to.
        """
        location = self._location(version)
        return self._vending.address(location) if location else None

    async def for_recipient(
        self, context: Context, share: str, name: SharedName, number: int
    ) -> TemporaryCredentials:
        """To read a version that is shared with the caller. Raises NotFound, UnsupportedOperation."""
        action = AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        async with view_version(context, action, share, name, number=number) as (_, found, _grant):
            given = await self._vend(found.version)
            if given is None:
                raise UnsupportedOperation(
                    "This version's storage cannot vend credentials; use its access mode 'url': "
                    "POST to the version's /query for signed URLs."
                )
            return given

    async def for_reader(self, context: Context, name: FullName, number: int) -> TemporaryCredentials | None:
        """Credentials to read a version; None where the storage has none, which is logged as a mere read.

        Raises NotFound, PermissionDenied.
        """
        action = AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        async with context.view(action, version_target(name, number)) as operation:
            await operation.authorize(rules.READ_MODEL)
            given = await self._vend(await find_version(operation, name, number))
            if given is None:
                operation.refine_action(AuditAction.GET_MODEL_VERSION)
            return given

    async def for_writer(self, context: Context, name: FullName, number: int) -> TemporaryCredentials | None:
        """Credentials to write the files of a PENDING version; None where the storage has none.

        The caller may upload either way. Raises NotFound, PermissionDenied, InvalidState.
        """
        action = AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
        async with context.change(action, version_target(name, number)) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_pending(operation, name, number)
            await operation.rows.versions.claim(version.id)
            if self._location(version) is None:
                operation.refine_action(AuditAction.BEGIN_MODEL_VERSION_UPLOAD)
        return await self._vend(version, write=True)

    async def _vend(self, version: ModelVersion, *, write: bool = False) -> TemporaryCredentials | None:
        location = self._location(version)
        if location is None or (version.status is VersionStatus.READY) is write:
            return None
        self._artifacts.check_allowed(version.storage_path)
        return await self._vending.vend(location, version.id.replace("-", ""), write=write)

    def _location(self, version: ModelVersion) -> str | None:
        match version.status:
            case VersionStatus.READY:
                location = self._artifacts.location(version.storage_path)
            case VersionStatus.PENDING_REGISTRATION:
                location = self._artifacts.location(direct_root(version.id))
            case VersionStatus.FAILED_REGISTRATION:
                return None
        return location if self._vending.covers(location) else None
