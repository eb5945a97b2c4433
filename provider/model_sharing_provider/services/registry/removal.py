"""Give up and delete models and versions: rows in the caller's transaction, bytes after it is committed.

Bytes that a crash leaves behind are unreachable.
"""

from __future__ import annotations

from collections.abc import Iterable

from model_sharing_provider.artifacts.layout import direct_root, uploads_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.limits import MAX_STATUS_MESSAGE, shortened
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel, Schema
from model_sharing_provider.services.context import Operation


class ArtifactCleaner:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests) -> None:
        self._artifacts = artifacts
        self._manifests = manifests

    async def delete(self, versions: Iterable[ModelVersion]) -> None:
        """Delete the bytes of versions whose rows were deleted; files registered in place stay."""
        for version in versions:
            if not version.in_place:
                await self._artifacts.discard_below(version.storage_path)
            await discard_uploads(self._artifacts, version.id)
            await self._manifests.delete(version.id)


async def discard_uploads(artifacts: ArtifactStore, version_id: str) -> None:
    """Delete uploads for a version that did not become part of it, however they were uploaded."""
    await artifacts.discard_below(uploads_root(version_id))
    await artifacts.discard_below(direct_root(version_id))


async def fail_version(operation: Operation, version_id: str, reason: str) -> None:
    """Make a PENDING version FAILED_REGISTRATION and forget what was uploaded for it.

    Its number is not given again. The bytes of its uploads go by `discard_uploads`, after the commit.
    """
    status_message = shortened(reason, MAX_STATUS_MESSAGE)
    await operation.rows.versions.fail(version_id, status_message, operation.now, operation.principal.name)
    await operation.rows.uploads.forget(version_id)


async def remove_model(operation: Operation, model: RegisteredModel) -> list[ModelVersion]:
    """Delete a model's rows and dependent rows; return the versions whose bytes are to be deleted."""
    versions = await operation.rows.versions.all_of_model(model.id)
    for version in versions:
        await operation.rows.versions.delete(version)
    await operation.rows.models.delete(model.id)
    await operation.rows.privilege_grants.forget_securables([model.id])
    return versions


async def remove_schema(operation: Operation, schema: Schema) -> list[ModelVersion]:
    """Delete a schema's rows and its models'; return the versions whose bytes are to be deleted."""
    versions = []
    for model in await operation.rows.models.all_of_schema(schema.id):
        versions += await remove_model(operation, model)
    await operation.rows.catalogs.delete_schema(schema.id)
    await operation.rows.privilege_grants.forget_securables([schema.id])
    return versions
