"""Registered models, their versions and aliases."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, NotFound, ResourceExhausted
from model_sharing_protocol.names import FullName, SchemaName, check_alias
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import (
    MAX_ALIASES,
    ModelVersion,
    RegisteredModel,
    SecurableType,
    VersionStatus,
)
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.catalogs import find_schema
from model_sharing_provider.services.context import Context, Operation


class Models:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests) -> None:
        self._artifacts = artifacts
        self._manifests = manifests

    async def create(self, context: Context, name: FullName, comment: str = "") -> RegisteredModel:
        """A new model without versions. Raises NotFound for its schema, AlreadyExists."""
        async with context.change("createModel", _target(name)) as operation:
            operation.authorize(Privilege.CREATE_MODEL)
            if await operation.rows.models.find(name):
                raise AlreadyExists(f"The model '{name}' exists already.")
            return await find_or_create_model(operation, name, comment)

    async def update(self, context: Context, name: FullName, comment: str) -> RegisteredModel:
        """Set a model's description. Raises NotFound."""
        async with context.change("updateModel", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            model = await find_model(operation, name)
            await operation.rows.models.set_comment(model.id, comment)
            await operation.rows.models.touch(model.id, operation.now)
            return await find_model(operation, name)

    async def delete(self, context: Context, name: FullName) -> None:
        """Delete a model with all its versions: rows first, then bytes. Raises NotFound."""
        async with context.change("deleteModel", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            model = await find_model(operation, name)
            versions = await operation.rows.versions.all_of_model(model.id)
            for version in versions:
                await operation.rows.versions.delete(version)
            await operation.rows.models.delete(model.id)
        await self._sweep(versions)

    async def get_version(self, context: Context, name: FullName, number: int) -> ModelVersion:
        """A version whatever its status. Raises NotFound."""
        async with context.view("getModelVersion", _target(name)) as operation:
            operation.authorize(Privilege.BROWSE)
            return await _find_version(operation, name, number)

    async def get_version_by_alias(self, context: Context, name: FullName, alias: str) -> ModelVersion:
        """The version that an alias points at. Raises NotFound."""
        async with context.view("getModelVersionByAlias", _target(name)) as operation:
            operation.authorize(Privilege.BROWSE)
            model = await find_model(operation, name)
            numbers = {known.lower(): number for known, number in model.aliases.items()}
            if alias.lower() not in numbers:
                raise NotFound(f"The model '{name}' has no alias {alias!r}.")
            return await _find_version(operation, name, numbers[alias.lower()])

    async def update_version(
        self, context: Context, name: FullName, number: int, comment: str
    ) -> ModelVersion:
        """Set a version's description. Raises NotFound."""
        async with context.change("updateModelVersion", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            version = await _find_version(operation, name, number)
            await operation.rows.versions.set_comment(version.id, comment)
            await operation.rows.models.touch(version.model_id, operation.now)
            return await _find_version(operation, name, number)

    async def delete_version(self, context: Context, name: FullName, number: int) -> None:
        """Delete a version and the aliases that point at it: rows first, then bytes. Raises NotFound."""
        async with context.change("deleteModelVersion", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            version = await _find_version(operation, name, number)
            await operation.rows.versions.delete(version)
            await operation.rows.models.touch(version.model_id, operation.now)
        await self._sweep([version])

    async def _sweep(self, versions: Iterable[ModelVersion]) -> None:
        """Delete the bytes of versions whose rows are gone. What a crash leaves here, nobody can reach."""
        for version in versions:
            await self._artifacts.delete_below(version.storage_path)
            await self._manifests.delete(version.id)

    async def page(self, context: Context, schema: SchemaName, page: PageRequest) -> Page[RegisteredModel]:
        """The models of a schema, by name. Raises NotFound."""
        async with context.view("listModels", Target(SecurableType.SCHEMA, str(schema))) as operation:
            operation.authorize(Privilege.BROWSE)
            await find_schema(operation, schema)
            return await operation.rows.models.page(schema, page)

    async def get(self, context: Context, name: FullName) -> RegisteredModel:
        async with context.view("getModel", _target(name)) as operation:
            operation.authorize(Privilege.BROWSE)
            return await find_model(operation, name)

    async def page_versions(self, context: Context, name: FullName, page: PageRequest) -> Page[ModelVersion]:
        """All versions by number, whatever their status. Raises NotFound."""
        async with context.view("listModelVersions", _target(name)) as operation:
            operation.authorize(Privilege.BROWSE)
            model = await find_model(operation, name)
            return await operation.rows.versions.page(model.id, page, ready_only=False)

    async def set_alias(self, context: Context, name: FullName, alias: str, version: int) -> None:
        """Point an alias at a version. Raises NotFound, InvalidParameter, ResourceExhausted."""
        check_alias(alias)
        async with context.change("setModelAlias", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            model = await find_model(operation, name)
            found = await operation.rows.versions.find(model.id, version)
            if found is None or found.status is not VersionStatus.READY:
                raise NotFound(f"The model '{name}' has no version {version} that is ready.")
            await put_alias(operation, model, alias, version)

    async def delete_alias(self, context: Context, name: FullName, alias: str) -> None:
        """Remove an alias; the version it pointed at stays. Raises NotFound."""
        async with context.change("deleteModelAlias", _target(name)) as operation:
            operation.authorize(Privilege.MANAGE)
            model = await find_model(operation, name)
            if alias.lower() not in {known.lower() for known in model.aliases}:
                raise NotFound(f"The model '{name}' has no alias {alias!r}.")
            await operation.rows.models.delete_alias(model.id, alias)
            await operation.rows.models.touch(model.id, operation.now)


async def find_model(operation: Operation, name: FullName) -> RegisteredModel:
    """The model, or NotFound."""
    model = await operation.rows.models.find(name)
    if model is None:
        raise NotFound(f"The model '{name}' does not exist.")
    return model


async def _find_version(operation: Operation, name: FullName, number: int) -> ModelVersion:
    model = await find_model(operation, name)
    version = await operation.rows.versions.find(model.id, number)
    if version is None:
        raise NotFound(f"The model '{name}' has no version {number}.")
    return version


async def find_or_create_model(
    operation: Operation, name: FullName, comment: str, model_id: str | None = None
) -> RegisteredModel:
    """The model, created in its existing schema if need be. Raises NotFound for a missing schema."""
    if model := await operation.rows.models.find(name):
        return model
    schema = await find_schema(operation, name.schema_name)
    model = RegisteredModel(
        id=model_id or str(uuid4()),
        full_name=name,
        comment=comment,
        owner=operation.principal.name,
        created_at=operation.now,
        updated_at=operation.now,
    )
    await operation.rows.models.add(model, schema.id)
    return model


async def put_alias(operation: Operation, model: RegisteredModel, alias: str, version: int) -> None:
    """Set an alias on a model that was just read, within the limit."""
    others = {known.lower() for known in model.aliases} - {alias.lower()}
    if len(others) >= MAX_ALIASES:
        raise ResourceExhausted(
            f"The model '{model.full_name}' has {MAX_ALIASES} aliases, which is the most it can have; "
            "delete one first."
        )
    await operation.rows.models.set_alias(model.id, alias, version)
    await operation.rows.models.touch(model.id, operation.now)


def _target(name: FullName) -> Target:
    return Target(SecurableType.MODEL, str(name))
