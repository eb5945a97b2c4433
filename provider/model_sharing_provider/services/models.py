"""Registered models, their versions and aliases."""

from __future__ import annotations

from uuid import uuid4

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_protocol.names import FullName, SchemaName, check_alias
from model_sharing_protocol.pages import Page, PageRequest
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
        """Point an alias at a version. Raises NotFound, InvalidParameter, InvalidState beyond ten aliases."""
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
        raise InvalidState(
            f"The model '{model.full_name}' has {MAX_ALIASES} aliases, which is the most it can have; "
            "delete one first."
        )
    await operation.rows.models.set_alias(model.id, alias, version)
    await operation.rows.models.touch(model.id, operation.now)


def _target(name: FullName) -> Target:
    return Target(SecurableType.MODEL, str(name))
