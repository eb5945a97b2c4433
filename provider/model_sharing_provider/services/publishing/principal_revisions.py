"""Versions for the metastore's own principals by revision: the list of their files, and files by path.

Those of a shared catalog are as recent as its other answers, and their files are pulled at the first need.
"""

from __future__ import annotations

from model_sharing_protocol.manifest import ManifestFile, find_file
from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.missing_revisions import missing_revision
from model_sharing_provider.domain.securables import ModelVersion, SecurableType, VersionStatus
from model_sharing_provider.domain.versions import VersionContent
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.publishing.principal_files import PrincipalFiles, presign
from model_sharing_provider.services.registry.models import find_model
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.shared_catalog_freshness import SharedCatalogFreshness
from model_sharing_provider.services.signed_files import FoundFile


class PrincipalRevisions:
    def __init__(
        self,
        principal_files: PrincipalFiles,
        artifacts: ArtifactStore,
        manifests: Manifests,
        *,
        recall_policy: RecallPolicy,
        pulls: PullThrough,
        freshness: SharedCatalogFreshness,
    ) -> None:
        self._principal_files = principal_files
        self._artifacts = artifacts
        self._pulls = pulls
        self._manifests = manifests
        self._recall_policy = recall_policy
        self._freshness = freshness

    async def content(self, context: Context, name: FullName, revision: Revision) -> VersionContent:
        """Version with the list of its files.

        Raises NotFound, VersionNotFound, PermissionDenied, VersionRecalled, UpstreamUnavailable.
        """
        await self._freshness.ensure(context, name)
        async with context.view(AuditAction.LIST_DIRECTORY, _target(name, revision)) as operation:
            return VersionContent(*await self._find(operation, name, revision))

    async def open(self, context: Context, name: FullName, revision: Revision, path: str) -> FoundFile:
        """Open a file by its path. Raises PathNotFound, and as `content` does."""
        await self._freshness.ensure(context, name)
        async with context.view(AuditAction.GET_FILE, _target(name, revision)) as operation:
            version, files = await self._find(operation, name, revision)
            operation.refine_target(name=f"{name}/{version.version}:{path}")
            file = find_file(files, path)
            mirrored = await self._pulls.of(operation.rows, version, [file])
            url = await presign(context, self._artifacts, version, file, mirrored)
            return FoundFile(version, await self._principal_files.opened(operation, version, file), url)

    async def _find(
        self, operation: Operation, name: FullName, revision: Revision
    ) -> tuple[ModelVersion, tuple[ManifestFile, ...]]:
        await operation.authorize(rules.READ_MODEL)
        version = await operation.rows.registry_reads.version(name, revision)
        if version is None or version.status is not VersionStatus.READY:
            model = await find_model(operation, name)
            raise missing_revision(name, revision, model.aliases)
        await self._recall_policy.check(operation, version)
        operation.refine_target(name=f"{name}/{version.version}")
        return version, (await self._manifests.read(version.id)).manifest.files


def _target(name: FullName, revision: Revision) -> Target:
    mark = "/" if revision.number is not None else "@"
    return Target(SecurableType.MODEL, str(name), f"{name}{mark}{revision}")
