"""Copies of versions to another model, or to the same: new rows for linked or copied files.

Within one artifact root a file is linked (on local disk) or copied by the store itself; nothing is hashed
again, since the manifest is reused.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.layout import version_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.publishing.new_versions import add_version
from model_sharing_provider.services.publishing.uncommitted import discard_unless_committed
from model_sharing_provider.services.registry.models import (
    add_model,
    authorize_new_version,
    model_target,
)
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.versions import find_version, version_target


class Copies:
    def __init__(
        self,
        artifacts: ArtifactStore,
        manifests: Manifests,
        bundles: Bundles,
        *,
        recall_policy: RecallPolicy,
        pulls: PullThrough,
    ) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._bundles = bundles
        self._recall_policy = recall_policy
        self._pulls = pulls

    async def copy(
        self, context: Context, name: FullName, number: int, destination: FullName
    ) -> ModelVersion:
        """Copy a version to a new one of `destination`, which is created if it does not exist.

        Description, run and tags are copied; aliases are not. The copy of a recalled version is recalled, for
        the same reason. Raises NotFound, PermissionDenied, InvalidState, VersionRecalled,
        UpstreamUnavailable.
        """
        async with context.view(AuditAction.COPY_MODEL_VERSION, version_target(name, number)) as operation:
            await operation.authorize(rules.READ_MODEL)
            source = await find_version(operation, name, number)
            if source.status is not VersionStatus.READY:
                raise InvalidState(
                    f"Version {number} of '{name}' is {source.status}; only READY versions can be copied."
                )
            await self._recall_policy.check(operation, source)
            known = await authorize_new_version(operation, destination)
            mirrored = await self._pulls.of(operation.rows, source)
        model_id, version_id = known.id if known else str(uuid4()), str(uuid4())
        root = source.storage_path if source.in_place else version_root(model_id, version_id)

        async def discard() -> None:
            if not source.in_place:
                await self._artifacts.discard_below(root)
            await self._manifests.delete(version_id)

        async with discard_unless_committed(discard):
            async with self._pulls.held(context, mirrored):
                await self._link(source, root, version_id)
            async with context.change(
                AuditAction.CREATE_MODEL_VERSION, model_target(destination)
            ) as operation:
                model = await authorize_new_version(operation, destination)
                if model is None:
                    model = await add_model(operation, destination, model_id=model_id)
                draft = replace(
                    source,
                    id=version_id,
                    model_id=model.id,
                    full_name=destination,
                    version=1,
                    source=f"models:/{name}/{number}",
                    storage_path=root,
                    aliases=(),
                    recall_replacement=source.recall_replacement if destination == name else None,
                )
                version = await add_version(operation, draft)
                await operation.rows.models.touch(model.id, operation.now, operation.principal.name)
        return version

    async def _link(self, source: ModelVersion, root: str, version_id: str) -> None:
        if not source.in_place:
            for file in (await self._manifests.read(source.id)).manifest.files:
                await self._artifacts.link(f"{source.storage_path}/{file.path}", f"{root}/{file.path}")
            await self._artifacts.sync(root)
        await self._manifests.copy(source.id, version_id)
        if source.origin is not None:
            await self._bundles.copy(source.id, version_id)
