"""View of a recipient: the shares granted to it, and their models, versions and aliases, read-only.

A share that was not granted is indistinguishable from one that does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import INFORMATION_SCHEMA, SharedName
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_protocol.recalls import recalled_error
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.missing_revisions import missing_revision
from model_sharing_provider.domain.securables import (
    ModelVersion,
    RegisteredModel,
    SecurableType,
    VersionStatus,
)
from model_sharing_provider.domain.sharing import (
    Share,
    SharedModel,
    SharedSchema,
    SharedVersion,
    ShareGrant,
)
from model_sharing_provider.services.context import Context, Operation


class RecipientView:
    async def list_shares(self, context: Context, page: PageRequest) -> Page[Share]:
        """Page of the shares granted to the caller, by name."""
        target = Target(SecurableType.METASTORE, recipient=context.caller.principal.name)
        async with context.view(AuditAction.DELTA_SHARING_LIST_SHARES, target) as operation:
            operation.authorized_by_credential()
            return await operation.rows.shares.page_granted(operation.principal.id, page)

    async def get_share(self, context: Context, share: str) -> Share:
        async with view_share(context, AuditAction.DELTA_SHARING_GET_SHARE, share) as (_, found, _grant):
            return found

    async def list_schemas(
        self, context: Context, share: str, page: PageRequest
    ) -> tuple[Share, Page[SharedSchema]]:
        async with view_share(context, AuditAction.DELTA_SHARING_LIST_SCHEMAS, share) as (
            operation,
            found,
            _,
        ):
            return found, await operation.rows.shared_models.page_schemas(found.id, page)

    async def list_models(
        self, context: Context, share: str, schema: str | None, page: PageRequest
    ) -> Page[SharedModel]:
        """Page of the models of a share, or of one of its schemas. Raises NotFound for a missing schema."""
        schema = schema.lower() if schema is not None else None
        async with view_share(context, AuditAction.DELTA_SHARING_LIST_MODELS, share, schema or "") as (
            operation,
            found,
            _,
        ):
            models = await models_of_share(operation, found, schema, page)
            if not models.items:  # whoever sees a model of a schema knows that it exists
                await check_schema(operation, found, schema)
            return models

    async def get_model(self, context: Context, share: str, name: SharedName) -> SharedModel:
        async with view_share(context, AuditAction.DELTA_SHARING_GET_MODEL, share, str(name)) as (
            operation,
            found,
            _,
        ):
            return SharedModel(share=found, shared_name=name, model=await _find_model(operation, found, name))

    async def list_versions(
        self, context: Context, share: str, name: SharedName, page: PageRequest
    ) -> Page[SharedVersion]:
        """Page of the READY versions, by number."""
        action = AuditAction.DELTA_SHARING_LIST_MODEL_VERSIONS
        async with view_share(context, action, share, str(name)) as (operation, found, _):
            model = await _find_model(operation, found, name)
            versions = await operation.rows.versions.page(model.id, page, ready_only=True)
            shared = [_shared(found, name, item, model.updated_at) for item in versions.items]
            return Page(shared, versions.last_key)

    async def get_version(
        self,
        context: Context,
        share: str,
        name: SharedName,
        number: int,
        *,
        include_recalled: bool = False,
    ) -> SharedVersion:
        """Version by number. Raises NotFound, VersionRecalled."""
        action = AuditAction.DELTA_SHARING_GET_MODEL_VERSION
        async with view_version(
            context, action, share, name, Revision(number=number), include_recalled=include_recalled
        ) as (_, found, _grant):
            return found

    async def resolve_alias(
        self,
        context: Context,
        share: str,
        name: SharedName,
        alias: str,
        *,
        include_recalled: bool = False,
    ) -> SharedVersion:
        """Version that an alias points at now. Raises NotFound, VersionRecalled."""
        action = AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS
        async with view_version(
            context, action, share, name, Revision(alias=alias), include_recalled=include_recalled
        ) as (_, found, _grant):
            return found

    async def list_aliases(
        self, context: Context, share: str, name: SharedName, page: PageRequest
    ) -> Page[tuple[str, int]]:
        """Page of a model's aliases, each with its version."""
        action = AuditAction.DELTA_SHARING_LIST_MODEL_ALIASES
        async with view_share(context, action, share, str(name)) as (operation, found, _):
            aliases = (await _find_model(operation, found, name)).aliases
            return page_of(aliases.items(), page, lambda item: item[0].lower())


@asynccontextmanager
async def view_share(
    context: Context, action: AuditAction, name: str, inside: str = ""
) -> AsyncIterator[tuple[Operation, Share, ShareGrant]]:
    """View a share granted to the caller. Raises NotFound if it is missing or not granted."""
    name = name.lower()
    async with context.view(action, target_of_recipient(context, name, inside)) as operation:
        share, grant = await operation.rows.share_grants.find_granted(name, operation.principal.id) or (
            None,
            None,
        )
        yield operation, *authorize_granted(operation, name, share, grant)


@asynccontextmanager
async def view_version(
    context: Context,
    action: AuditAction,
    share: str,
    name: SharedName,
    revision: Revision,
    *,
    include_recalled: bool = False,
) -> AsyncIterator[tuple[Operation, SharedVersion, ShareGrant]]:
    """View one READY version in a granted share, by revision, in a single look-up.

    Raises NotFound, VersionNotFound and, unless the caller asks for recalled versions too, VersionRecalled:
    clients that do not know of recalls must not use one silently.
    """
    share = share.lower()
    inside = f"{name}/{revision}" if revision.number is not None else f"{name}@{revision}"
    async with context.view(action, target_of_recipient(context, share, inside)) as operation:
        found = await operation.rows.recipient_reads.shared_version(
            operation.principal.id, share, name, revision
        )
        granted, grant = authorize_granted(operation, share, found.share, found.grant)
        if found.model_id is None:
            raise _no_model(name, share)
        version = found.version
        if version is None or version.status is not VersionStatus.READY:
            models = await operation.rows.models.by_ids([found.model_id])
            aliases = [alias for model in models.values() for alias in model.aliases]
            raise missing_revision(name, revision, aliases, share)
        if version.recall is not None and not include_recalled:
            raise recalled_error(str(name), version.version, version.recall)
        shared = _shared(granted, name, version, found.model_updated_at)
        yield operation, replace(shared, unaccepted=found.unaccepted), grant


def _shared(share: Share, name: SharedName, version: ModelVersion, model_updated_at: int) -> SharedVersion:
    sequence = share.updated_at, model_updated_at
    return SharedVersion(share=share, shared_name=name, version=version, sequence=sequence)


def target_of_recipient(context: Context, share: str, inside: str = "") -> Target:
    """Target of a recipient's call: a share, or what is `inside` of it."""
    detail = f"{share}.{inside}" if inside else ""
    return Target(SecurableType.SHARE, share, detail, share, context.caller.principal.name)


def authorize_granted(
    operation: Operation, name: str, share: Share | None, grant: ShareGrant | None
) -> tuple[Share, ShareGrant]:
    """Authorize a call on a share by its grant. Raises NotFound if there is no share, or no grant on it."""
    operation.authorize_share(
        (grant.privilege,) if grant else (),
        hidden_as=NotFound(f"The share {name!r} does not exist, or is not granted to you."),
    )
    assert share is not None and grant is not None  # noqa: S101 - authorized means granted
    return share, grant


async def check_schema(operation: Operation, share: Share, schema: str | None) -> None:
    """Check that a share has a schema, if one is given. Raises NotFound."""
    if schema is None or schema == INFORMATION_SCHEMA:
        return
    if not await operation.rows.shared_models.has_schema(share.id, schema):
        raise NotFound(f"The schema {schema!r} does not exist in the share {share.name!r}.")


async def models_of_share(
    operation: Operation, share: Share, schema: str | None, page: PageRequest
) -> Page[SharedModel]:
    """Page of the models in a share."""
    found, models = await operation.rows.models.complete(
        await operation.rows.shared_models.page(share, schema, page)
    )
    shown = [
        SharedModel(share=share, shared_name=SharedName(*key), model=models[model_id])
        for key, model_id in found.items
    ]
    return Page(shown, found.last_key)


async def _find_model(operation: Operation, share: Share, name: SharedName) -> RegisteredModel:
    model_id = await operation.rows.shared_models.find(share, name)
    models = await operation.rows.models.by_ids([model_id]) if model_id else {}
    if model_id not in models:
        raise _no_model(name, share.name)
    return models[model_id]


def _no_model(name: SharedName, share: str) -> NotFound:
    return NotFound(
        f"The model '{name}' does not exist in the share {share!r}. List its models to see which do."
    )
