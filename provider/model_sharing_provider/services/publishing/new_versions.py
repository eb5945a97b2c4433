"""New versions: drafts, and their rows under the model's next number."""

from __future__ import annotations

from dataclasses import fields, replace
from uuid import uuid4

from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.layout import version_root
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.context import Operation
from model_sharing_provider.services.registry.tags import TagChange, apply_tags

_DESCRIBED = {each.name for each in fields(NewVersion)} & {each.name for each in fields(ModelVersion)}
"""Fields that a version has from its maker as they are, such as its comment and its tags."""


def draft_version(
    name: FullName, model_id: str, status: VersionStatus, new: NewVersion, version_id: str = ""
) -> ModelVersion:
    """Draft a version, before it has a number and before its files are read."""
    version_id = version_id or str(uuid4())
    return ModelVersion(
        id=version_id,
        model_id=model_id,
        full_name=name,
        version=new.number,
        status=status,
        storage_path=version_root(model_id, version_id),
        created_at=0,
        created_by="",
        updated_at=0,
        **{name: getattr(new, name) for name in _DESCRIBED},
    )


async def add_version(operation: Operation, draft: ModelVersion, request: str = "") -> ModelVersion:
    """Add a draft as a row with its tags, under the model's next number that is not below its own.

    `request` is the digest of the request that made it, which identifies a resent request.
    """
    version = replace(
        draft,
        version=await operation.rows.versions.next_number(draft.model_id, draft.version),
        created_at=operation.now,
        created_by=operation.principal.name,
        updated_at=operation.now,
        updated_by=operation.principal.name,
    )
    await operation.rows.versions.add(version, request)
    await apply_tags(operation, version.id, {}, TagChange(add=version.tags))
    return version
