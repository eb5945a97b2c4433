"""A version that is made by uploading, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator

from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient

NAME = FullName.parse("prod.ml_team.scorer")


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 7):
        yield content[start : start + 7]


async def begun(admin: AdminClient) -> ModelVersion:
    """A PENDING version of a model that has none yet."""
    await admin.provider.catalogs.create(admin.context, NAME.catalog)
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    await admin.provider.models.create(admin.context, NAME)
    return await admin.provider.uploads.create(admin.context, NAME, NewVersion(source="runs:/1/model"))


async def put(admin: AdminClient, version: ModelVersion, path: str, content: bytes) -> None:
    await admin.provider.uploads.write(admin.context, version, path, chunks(content))


async def finalize(admin: AdminClient, number: int = 1) -> ModelVersion:
    return await admin.provider.finalization.finalize(admin.context, NAME, number)


async def stored(artifacts: ArtifactStore, folder: str) -> list[str]:
    """The names of the files below a folder of the artifact root."""
    return sorted([item.path.rpartition("/")[2] async for batch in artifacts.list(folder) for item in batch])
