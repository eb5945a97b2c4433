"""Registered models: their names, descriptions, owners, aliases and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState, NotFound, ResourceExhausted
from model_sharing_protocol.names import FullName, SchemaName, check_alias, normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.recalls import recalled_error
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment
from model_sharing_provider.domain.securables import (
    ANY_MODEL,
    MAX_ALIASES,
    ModelFilter,
    RegisteredModel,
    SecurableType,
    VersionStatus,
)
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.metastore.paging.model_listing import EVERYWHERE, Scope
from model_sharing_provider.services.context import Context, Operation, absent
from model_sharing_provider.services.registry.catalogs import find_catalog, find_schema
from model_sharing_provider.services.registry.removal import ArtifactCleaner, remove_model
from model_sharing_provider.services.registry.shared_catalog_freshness import SharedCatalogFreshness
from model_sharing_provider.services.registry.tags import TagChange, apply_tags, check_tags
from model_sharing_provider.services.registry.updates import SecurableUpdate, apply_update, check_new


class Models:
    def __init__(self, cleaner: ArtifactCleaner, freshness: SharedCatalogFreshness) -> None:
        self._cleaner = cleaner
        self._freshness = freshness

    async def create(
        self, context: Context, name: FullName, comment: str = "", tags: Mapping[str, str] | None = None
    ) -> RegisteredModel:
        """Create a model without versions. Raises NotFound (schema), AlreadyExists, PermissionDenied."""
        change = TagChange(add=check_tags(tags or {}))
        async with context.change(
            AuditAction.CREATE_REGISTERED_MODEL, model_target(name), model=name
        ) as operation:
            await operation.authorize(rules.CREATE_MODEL)
            await check_new("model", name, operation.rows.models.find)
            model = await add_model(operation, name, comment)
            await apply_tags(operation, model.id, {}, change)
            return await find_model(operation, name)

    async def page(
        self, context: Context, schema: SchemaName, page: PageRequest, wanted: ModelFilter = ANY_MODEL
    ) -> Page[RegisteredModel]:
        """Page of a schema's models that the caller may read and that are as wanted, by name.

        Raises NotFound, PermissionDenied.
        """
        await self._freshness.note_age(context, schema.catalog)
        target = Target(SecurableType.SCHEMA, str(schema))
        async with context.view(AuditAction.LIST_REGISTERED_MODELS, target) as operation:
            await operation.authorize(rules.USE_SCHEMA)
            await find_schema(operation, schema)
            viewer = Viewer.of(operation.principal)
            return await operation.rows.models.page(page, viewer, Scope.of_schema(schema).filtered(wanted))

    async def search(
        self, context: Context, page: PageRequest, wanted: ModelFilter = ANY_MODEL
    ) -> Page[RegisteredModel]:
        """Page of all models that the caller may read and that are as wanted, by full name."""
        async with context.view(
            AuditAction.SEARCH_REGISTERED_MODELS, Target(SecurableType.METASTORE)
        ) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            viewer = Viewer.of(operation.principal)
            return await operation.rows.models.page(page, viewer, EVERYWHERE.filtered(wanted))

    async def search_catalog(
        self, context: Context, page: PageRequest, catalog: str, wanted: ModelFilter = ANY_MODEL
    ) -> Page[RegisteredModel]:
        """Page of a catalog's models that the caller may read and that are as wanted, by full name.

        Raises NotFound for the catalog.
        """
        catalog = normalize_name("catalog", catalog)
        await self._freshness.note_age(context, catalog)
        async with context.view(
            AuditAction.SEARCH_REGISTERED_MODELS, Target(SecurableType.METASTORE, detail=catalog)
        ) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            await find_catalog(operation, catalog)
            viewer = Viewer.of(operation.principal)
            return await operation.rows.models.page(page, viewer, Scope.of_catalog(catalog).filtered(wanted))

    async def get(self, context: Context, name: FullName) -> RegisteredModel:
        """Raises NotFound, PermissionDenied, UpstreamUnavailable."""
        await self._freshness.ensure(context, name)
        async with context.view(AuditAction.GET_REGISTERED_MODEL, model_target(name)) as operation:
            await operation.authorize(rules.READ_MODEL)
            return await find_model(operation, name)

    async def update(
        self,
        context: Context,
        name: FullName,
        changes: SecurableUpdate,
        aliases: Mapping[str, int] | None = None,
    ) -> RegisteredModel:
        """Rename, describe, give to another owner, or point aliases at versions; other aliases stay.

        A new name may be a full one, in the same catalog or another. Raises NotFound, AlreadyExists,
        PermissionDenied, InvalidParameter, ResourceExhausted.
        """
        aliases = aliases or {}
        for alias in aliases:
            check_alias(alias)
        only_described = changes.new_name is None and changes.owner is None
        async with context.change(
            AuditAction.UPDATE_REGISTERED_MODEL, model_target(name), model=name if only_described else None
        ) as operation:
            await operation.authorize(_rule_for(changes))
            if aliases:
                await operation.authorize(rules.OWN_MODEL)
            model = await find_model(operation, name)
            new_name = _renamed(name, changes.new_name)
            schema_id = None
            if new_name != name:
                await operation.authorize(rules.CREATE_MODEL, model_target(new_name))
                await check_new("model", new_name, operation.rows.models.find)
                schema_id = (await find_schema(operation, new_name.schema_name)).id
            updated = replace(await apply_update(operation, model, changes), full_name=new_name)
            await operation.rows.models.update(updated, schema_id)
            for alias, version in aliases.items():
                await point_alias(operation, new_name, alias, version)
            return await find_model(operation, new_name) if aliases else updated

    async def delete(self, context: Context, name: FullName, *, force: bool = True) -> None:
        """Delete a model with all its versions: rows first, then bytes.

        Raises NotFound; without `force`, InvalidState for a model that has versions.
        """
        async with context.change(AuditAction.DELETE_REGISTERED_MODEL, model_target(name)) as operation:
            await operation.authorize(rules.OWN_MODEL)
            versions = await remove_model(operation, await find_model(operation, name))
            if versions and not force:
                raise InvalidState(
                    f"The model '{name}' has {len(versions)} versions; delete them first, "
                    "or leave out force=false."
                )
        await self._cleaner.delete(versions)

    async def set_alias(self, context: Context, name: FullName, alias: str, version: int) -> None:
        """Point an alias at a version. Raises NotFound, InvalidParameter, ResourceExhausted."""
        check_alias(alias)
        async with context.change(
            AuditAction.SET_REGISTERED_MODEL_ALIAS, model_target(name), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            await point_alias(operation, name, alias, version)

    async def delete_alias(self, context: Context, name: FullName, alias: str) -> None:
        """Remove an alias; the version it pointed at stays. Raises NotFound."""
        async with context.change(
            AuditAction.DELETE_REGISTERED_MODEL_ALIAS, model_target(name), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            model = await find_model(operation, name)
            if alias.lower() not in {known.lower() for known in model.aliases}:
                raise NotFound(f"The model '{name}' has no alias {alias!r}.")
            await operation.rows.models.delete_alias(model.id, alias)
            await operation.rows.models.touch(model.id, operation.now, operation.principal.name)

    async def tag(self, context: Context, name: FullName, change: TagChange) -> None:
        """Set and remove tags of a model. Raises NotFound, InvalidParameter, ResourceExhausted."""
        check_tags(change.add)
        async with context.change(
            AuditAction.UPDATE_REGISTERED_MODEL_TAGS, model_target(name), model=name
        ) as operation:
            await operation.authorize(rules.TAG_MODEL)
            model = await find_model(operation, name)
            await apply_tags(operation, model.id, model.tags, change)
            await operation.rows.models.touch(model.id, operation.now, operation.principal.name)


async def find_model(operation: Operation, name: FullName) -> RegisteredModel:
    """Find a model. Raises NotFound."""
    model = await operation.rows.models.find(name)
    if model is None:
        raise absent(SecurableType.MODEL, str(name))
    return model


async def authorize_new_version(operation: Operation, name: FullName) -> RegisteredModel | None:
    """Authorize the model's owner or, if there is no model yet, a principal that may create it."""
    model = await operation.rows.models.find(name)
    await operation.authorize(rules.OWN_MODEL if model else rules.CREATE_MODEL, model_target(name))
    if model is None:
        await find_schema(operation, name.schema_name)
    return model


async def add_model(
    operation: Operation, name: FullName, comment: str = "", model_id: str | None = None
) -> RegisteredModel:
    """Add a model to its existing schema. Raises NotFound for a missing schema."""
    schema = await find_schema(operation, name.schema_name)
    model = RegisteredModel(
        id=model_id or str(uuid4()),
        full_name=name,
        comment=check_comment(comment),
        owner=operation.principal.name,
        created_at=operation.now,
        updated_at=operation.now,
        created_by=operation.principal.name,
        updated_by=operation.principal.name,
    )
    await operation.rows.models.add(model, schema.id)
    return model


async def point_alias(operation: Operation, name: FullName, alias: str, version: int) -> None:
    """Point an alias of a model at a READY version that is not recalled.

    Raises NotFound, VersionRecalled, ResourceExhausted for one alias too many.
    """
    target = await operation.rows.aliases.find_target(name, version)
    if target is None:
        raise absent(SecurableType.MODEL, str(name))
    if target.status is not VersionStatus.READY:
        raise NotFound(f"The model '{name}' has no READY version {version}.")
    if target.recall is not None:
        raise recalled_error(str(name), version, target.recall)
    if target.find(alias) is None and len(target.aliases) >= MAX_ALIASES:
        raise ResourceExhausted(
            f"The model '{name}' has {MAX_ALIASES} aliases, which is the limit; delete one first."
        )
    await operation.rows.aliases.put(target, alias, operation.now, operation.principal.name)


def model_target(name: FullName) -> Target:
    return Target(SecurableType.MODEL, str(name))


def _rule_for(changes: SecurableUpdate) -> rules.Rule:
    if changes.new_name:
        return rules.RENAME_MODEL
    return rules.MANAGE_MODEL if changes.only_owner else rules.OWN_MODEL


def _renamed(name: FullName, new_name: str | None) -> FullName:
    """New full name; the SDKs send its last part alone, MLflow the full name."""
    if not new_name:
        return name
    if "." in new_name:
        return FullName.parse(new_name)
    return FullName(name.catalog, name.schema, normalize_name("model", new_name))
