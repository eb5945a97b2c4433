"""Shares: sets of models and schemas, and their grants to recipients."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound, ReadOnlyCatalog
from model_sharing_protocol.names import INFORMATION_SCHEMA, FullName, SchemaName, SharedName, normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment
from model_sharing_provider.domain.quotas import Quotas, check_quota
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import (
    ModelShare,
    Share,
    ShareChange,
    ShareGrant,
    ShareObject,
    ShareObjectType,
    ShareOverview,
)
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.catalogs import find_schema
from model_sharing_provider.services.registry.models import find_model, model_target
from model_sharing_provider.services.registry.updates import (
    NO_CHANGE,
    SecurableUpdate,
    apply_update,
    check_new,
    new_name,
)
from model_sharing_provider.services.sharing.shared_locations import (
    AT_LOCATIONS,
    check_shared_location,
    parse_shared_location,
)


class Shares:
    def __init__(self, quotas: Quotas, folders: SharedFolders) -> None:
        self._quotas = quotas
        self._folders = folders

    async def create(
        self, context: Context, name: str, comment: str = "", *, resharing: bool = False
    ) -> Share:
        """Create an empty share; with `resharing`, recipients may share its models further.

        Raises InvalidParameter, AlreadyExists, PermissionDenied.
        """
        name = normalize_name("share", name)
        async with context.change(AuditAction.CREATE_SHARE, share_target(name)) as operation:
            await operation.authorize(rules.CREATE_SHARE)
            await check_new("share", name, operation.rows.shares.find)
            check_quota("shares", await operation.rows.shares.count() + 1, self._quotas.shares)
            share = Share(
                id=str(uuid4()),
                name=name,
                comment=check_comment(comment),
                owner=operation.principal.name,
                resharing=resharing,
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.shares.add(share)
            return share

    async def page(self, context: Context, page: PageRequest) -> Page[Share]:
        async with context.view(AuditAction.LIST_SHARES, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.shares.page(page, Viewer.of(operation.principal))

    async def overview(self, context: Context, page: PageRequest) -> Page[ShareOverview]:
        """Page of shares with their contents and recipients."""
        async with context.view(AuditAction.LIST_SHARES, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            found = await operation.rows.shares.page(page, Viewer.of(operation.principal))
            ids = [share.id for share in found.items]
            names = await operation.rows.shares.names_shown(ids)
            readers = _readers(await operation.rows.share_grants.of_shares(*ids))
            items = [
                ShareOverview(
                    share=share, shared_as=tuple(names.get(share.id, ())), recipients=readers[share.name]
                )
                for share in found.items
            ]
            return Page(items, found.last_key)

    async def of_model(self, context: Context, name: FullName) -> list[ModelShare]:
        """Shares of the caller that contain a model, with their recipients. Raises NotFound."""
        async with context.view(AuditAction.LIST_REGISTERED_MODEL_SHARES, model_target(name)) as operation:
            await operation.authorize(rules.READ_MODEL)
            model = await find_model(operation, name)
            shown = await operation.rows.shares.containing(model, Viewer.of(operation.principal))
            readers = _readers(await operation.rows.share_grants.of_shares(*(share.id for share, _ in shown)))
            return [
                ModelShare(share=share.name, shared_as=shared_as, recipients=readers[share.name])
                for share, shared_as in shown
            ]

    async def get(self, context: Context, name: str) -> tuple[Share, list[ShareObject], list[ShareGrant]]:
        """Share with all its objects (deleted ones too) and its grants. Raises NotFound."""
        name = normalize_name("share", name)
        async with context.view(AuditAction.GET_SHARE, share_target(name)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            share = await find_share(operation, name)
            objects = await operation.rows.shares.objects(share)
            return share, objects, await operation.rows.share_grants.of_shares(share.id)

    async def delete(self, context: Context, name: str) -> None:
        """Delete a share with its grants; the models stay. Raises NotFound."""
        name = normalize_name("share", name)
        async with context.change(AuditAction.DELETE_SHARE, share_target(name)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            share = await find_share(operation, name)
            await operation.rows.shares.delete(share.id)

    async def update(
        self,
        context: Context,
        name: str,
        objects: Sequence[ShareChange] = (),
        changes: SecurableUpdate = NO_CHANGE,
        *,
        resharing: bool | None = None,
    ) -> tuple[Share, list[ShareObject]]:
        """Change a share's objects, in order, its name, description and owner, and resharing: all or none.

        Raises NotFound, AlreadyExists, PermissionDenied.
        """
        skills = await self._check_locations(context, name, objects)
        async with context.change(AuditAction.UPDATE_SHARE, share_target(name)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            share = await find_share(operation, name)
            await _check_new_owner(operation, changes.owner)
            for change in objects:
                await _apply(operation, share, change, skills.get(change))
            await self._check_size(operation, share)
            called = await new_name("share", share.name, changes, operation.rows.shares.find)
            updated = replace(
                await apply_update(operation, share, changes),
                name=called,
                resharing=share.resharing if resharing is None else resharing,
            )
            await operation.rows.shares.update(updated)
            return updated, await operation.rows.shares.objects(updated)

    async def add_model(
        self, context: Context, share: str, model: FullName, shared_as: SharedName | None = None
    ) -> ShareObject:
        """Add a model to a share, as `schema.model` by default.

        Raises NotFound, AlreadyExists, InvalidParameter.
        """
        async with context.change(AuditAction.UPDATE_SHARE, share_target(share)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            found = await find_share(operation, share)
            added = await _add_model(operation, found, model, shared_as)
            await self._check_size(operation, found)
            return added

    async def add_schema(
        self, context: Context, share: str, schema: SchemaName, shared_as: str | None = None
    ) -> ShareObject:
        """Add a schema to a share, with its present and future models. Raises NotFound, AlreadyExists."""
        async with context.change(AuditAction.UPDATE_SHARE, share_target(share)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            found = await find_share(operation, share)
            added = await _add_schema(operation, found, schema, shared_as)
            await self._check_size(operation, found)
            return added

    async def add_table(
        self, context: Context, share: str, location: str, shared_as: SharedName
    ) -> ShareObject:
        """Add the Delta or Parquet table at an external location to a share; its files stay there.

        Only administrators may: what is in external locations belongs to no securable, so that no privilege
        says who may read it. Raises NotFound, AlreadyExists, InvalidParameter, UnsupportedOperation for a
        table that cannot be served, PermissionDenied also for a location that is not allowed.
        """
        return await self._add_location(context, share, ShareObjectType.TABLE, location, shared_as)

    async def add_volume(
        self, context: Context, share: str, location: str, shared_as: SharedName
    ) -> ShareObject:
        """Add the files in an external location to a share, as a volume; they stay there.

        Only administrators may, and it raises, as for `add_table`.
        """
        return await self._add_location(context, share, ShareObjectType.VOLUME, location, shared_as)

    async def add_skill(
        self, context: Context, share: str, location: str, shared_as: SharedName
    ) -> ShareObject:
        """Add the agent skill in an external location to a share; its files stay there.

        What its SKILL.md says about it is read now; adding the skill again reads it again. Only
        administrators may, and it raises, as for `add_table`.
        """
        return await self._add_location(context, share, ShareObjectType.SKILL, location, shared_as)

    async def _add_location(
        self, context: Context, share: str, kind: ShareObjectType, location: str, shared_as: SharedName
    ) -> ShareObject:
        _, objects = await self.update(context, share, [ShareChange(True, kind, location, str(shared_as))])
        return next(each for each in objects if each.shared_as == str(shared_as))

    async def _check_locations(
        self, context: Context, share: str, objects: Sequence[ShareChange]
    ) -> dict[ShareChange, SkillMetadata | None]:
        """Check that what is added can be read, before the transaction, since it takes a while.

        Returns the metadata of the skills among it.
        """
        added = [each for each in objects if each.adds and each.type in AT_LOCATIONS]
        if not added:
            return {}
        async with context.view(AuditAction.CHECK_SHARED_TABLE, share_target(share)) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            await operation.authorize(rules.OWN_SHARE)
        return {change: await check_shared_location(self._folders, change) for change in added}

    async def remove(self, context: Context, share: str, shared_as: str) -> None:
        """Remove the object shared as `shared_as`; its signed URLs stop working. Raises NotFound."""
        async with context.change(AuditAction.UPDATE_SHARE, share_target(share)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            await _remove(operation, await find_share(operation, share), shared_as)

    async def _check_size(self, operation: Operation, share: Share) -> None:
        kinds = Counter(item.type for item in await operation.rows.shares.objects(share))
        inside = f"in the share {share.name!r}"
        check_quota(f"models {inside}", kinds[ShareObjectType.MODEL], self._quotas.models_in_a_share)
        check_quota(f"tables {inside}", kinds[ShareObjectType.TABLE], self._quotas.models_in_a_share)
        check_quota(f"volumes {inside}", kinds[ShareObjectType.VOLUME], self._quotas.models_in_a_share)
        check_quota(f"skills {inside}", kinds[ShareObjectType.SKILL], self._quotas.models_in_a_share)
        check_quota(f"schemas {inside}", kinds[ShareObjectType.SCHEMA], self._quotas.schemas_in_a_share)


async def _check_new_owner(operation: Operation, owner: str | None) -> None:
    """Check a new owner: recipients see what it may read, so only an administrator may set another."""
    if owner and owner not in {identity.name for identity in operation.principal.identities}:
        await operation.authorize(rules.ADMINISTRATORS)


async def find_share(operation: Operation, name: str) -> Share:
    share = await operation.rows.shares.find(normalize_name("share", name))
    if share is None:
        raise NotFound(f"The share {name!r} does not exist; list all with 'share list'.")
    return share


def _object(operation: Operation, kind: ShareObjectType, name: str, shared_as: str) -> ShareObject:
    return ShareObject(
        type=kind,
        name=name,
        shared_as=shared_as,
        added_at=operation.now,
        added_by=operation.principal.name,
    )


async def _apply(
    operation: Operation, share: Share, change: ShareChange, skill: SkillMetadata | None
) -> None:
    if not change.adds:
        objects = await operation.rows.shares.objects(share)
        by_source = {item.name: item.shared_as for item in objects}
        await _remove(operation, share, change.shared_as or by_source.get(change.name, change.name))
    elif change.type is ShareObjectType.MODEL:
        shared_as = SharedName.parse(change.shared_as) if change.shared_as else None
        await _add_model(operation, share, FullName.parse(change.name), shared_as)
    elif change.type in AT_LOCATIONS:
        await _add_location(operation, share, change, skill)
    else:
        await _add_schema(operation, share, SchemaName.parse(change.name), change.shared_as or None)


async def _add_model(
    operation: Operation, share: Share, model: FullName, shared_as: SharedName | None
) -> ShareObject:
    await operation.authorize(rules.READ_MODEL, model_target(model))
    await _check_resharing(operation, model.catalog)
    found = await find_model(operation, model)
    shared_name = shared_as or SharedName(model.schema, model.name)
    shared = _object(operation, ShareObjectType.MODEL, str(model), str(shared_name))
    return await _add_object(operation, share, found.id, shared)


async def _add_schema(
    operation: Operation, share: Share, schema: SchemaName, shared_as: str | None
) -> ShareObject:
    shared_name = normalize_name("schema", shared_as or schema.schema)
    await operation.authorize(rules.USE_SCHEMA, Target(SecurableType.SCHEMA, str(schema)))
    await _check_resharing(operation, schema.catalog)
    found = await find_schema(operation, schema)
    shared = _object(operation, ShareObjectType.SCHEMA, str(schema), shared_name)
    return await _add_object(operation, share, found.id, shared)


async def _add_location(
    operation: Operation, share: Share, change: ShareChange, skill: SkillMetadata | None
) -> None:
    await operation.authorize(rules.ADMINISTRATORS)
    location, shared_as = parse_shared_location(change)
    shared = replace(_object(operation, change.type, location, str(shared_as)), skill=skill)
    if skill is not None and await _is_shown(operation, share, shared):
        await operation.rows.shares.update_skill(share.id, shared.shared_as, skill)
        await operation.rows.shares.touch(share.id, operation.now, operation.principal.name)
        return
    await _add_object(operation, share, str(uuid4()), shared)


async def _is_shown(operation: Operation, share: Share, shared: ShareObject) -> bool:
    """True if a share shows an object under this very name already."""
    key = (shared.type, shared.name, shared.shared_as)
    return key in {
        (each.type, each.name, each.shared_as) for each in await operation.rows.shares.objects(share)
    }


async def _check_resharing(operation: Operation, catalog: str) -> None:
    """Check that what is in a catalog may be shared further. Raises ReadOnlyCatalog."""
    mirror = (await operation.rows.registry_reads.mirrors()).get(catalog)
    if mirror is not None and not mirror.resharing:
        reason = f"{catalog} comes from {mirror.shown}, who do not allow that it is shared further"
        raise operation.denied(reason, ReadOnlyCatalog(f"{reason}; ask them to allow it."))


async def _remove(operation: Operation, share: Share, shared_as: str) -> None:
    if not await operation.rows.shares.remove_object(share.id, shared_as.lower()):
        raise NotFound(f"The share {share.name!r} has nothing shared as {shared_as!r}.")
    await operation.rows.shares.touch(share.id, operation.now, operation.principal.name, end_urls=True)


async def _add_object(operation: Operation, found: Share, object_id: str, shared: ShareObject) -> ShareObject:
    if shared.shared_as.partition(".")[0] == INFORMATION_SCHEMA:
        raise InvalidParameter(
            f"The schema name {INFORMATION_SCHEMA!r} is reserved for the share's own tables."
        )
    for known in await operation.rows.shares.objects(found):
        if known.shared_as == shared.shared_as:
            raise AlreadyExists(
                f"The share {found.name!r} already contains '{known.name}' as {shared.shared_as!r}."
            )
        if known.name == shared.name and known.type is shared.type:
            raise AlreadyExists(
                f"The share {found.name!r} already contains '{shared.name}', as {known.shared_as!r}."
            )
    # A model may replace its namesake from a shared schema, which thereby leaves the share.
    replaces = shared.type is ShareObjectType.MODEL and await operation.rows.shared_models.find(
        found, SharedName.parse(shared.shared_as)
    )
    await operation.rows.shares.add_object(str(uuid4()), found.id, object_id, shared)
    await operation.rows.shares.touch(
        found.id, operation.now, operation.principal.name, end_urls=bool(replaces)
    )
    return shared


def _readers(grants: Sequence[ShareGrant]) -> dict[str, tuple[str, ...]]:
    """Names of recipients by the name of the share granted to them."""
    readers: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for grant in grants:
        readers[grant.share] += (grant.recipient,)
    return readers


def share_target(share: str, recipient: str = "") -> Target:
    return Target(SecurableType.SHARE, share.lower(), share=share.lower(), recipient=recipient.lower())
