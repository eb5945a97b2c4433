"""Versions of registered models: look up, describe, tag and delete them."""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_protocol.names import FullName, check_alias
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment
from model_sharing_provider.domain.missing_revisions import missing_revision
from model_sharing_provider.domain.securables import ModelVersion, SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.models import find_model, model_target, point_alias
from model_sharing_provider.services.registry.removal import ArtifactCleaner
from model_sharing_provider.services.registry.shared_catalog_freshness import SharedCatalogFreshness
from model_sharing_provider.services.registry.tags import TagChange, apply_tags, check_tags


class Versions:
    def __init__(self, cleaner: ArtifactCleaner, freshness: SharedCatalogFreshness) -> None:
        self._cleaner = cleaner
        self._freshness = freshness

    async def page(
        self, context: Context, name: FullName, page: PageRequest, *, newest_first: bool = False
    ) -> Page[ModelVersion]:
        """Page of all versions by number, with any status. Raises NotFound, PermissionDenied."""
        await self._freshness.note_age(context, name.catalog)
        async with context.view(AuditAction.LIST_MODEL_VERSIONS, model_target(name)) as operation:
            await operation.authorize(rules.READ_MODEL)
            model = await find_model(operation, name)
            return await operation.rows.versions.page(
                model.id, page, ready_only=False, newest_first=newest_first
            )

    async def page_of_run(self, context: Context, run_id: str, page: PageRequest) -> Page[ModelVersion]:
        """Page of an MLflow run's READY versions, of models that the caller may read."""
        async with context.view(
            AuditAction.SEARCH_MODEL_VERSIONS, Target(SecurableType.METASTORE)
        ) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.versions.page_of_run(run_id, page, Viewer.of(operation.principal))

    async def get(self, context: Context, name: FullName, number: int) -> ModelVersion:
        """Version with any status. Raises NotFound, PermissionDenied, UpstreamUnavailable."""
        await self._freshness.ensure(context, name)
        async with context.view(AuditAction.GET_MODEL_VERSION, version_target(name, number)) as operation:
            await operation.authorize(rules.READ_MODEL)
            found = await operation.rows.registry_reads.version(name, Revision(number=number))
            return found or await find_version(operation, name, number)

    async def get_by_alias(self, context: Context, name: FullName, alias: str) -> ModelVersion:
        """Version that an alias points at. Raises NotFound, PermissionDenied, UpstreamUnavailable."""
        await self._freshness.ensure(context, name)
        async with context.view(AuditAction.GET_MODEL_VERSION_BY_ALIAS, model_target(name)) as operation:
            await operation.authorize(rules.READ_MODEL)
            revision = Revision(alias=alias)
            found = await operation.rows.registry_reads.version(name, revision)
            if found is None:
                model = await find_model(operation, name)
                raise missing_revision(name, revision, model.aliases)
            return found

    async def update(
        self,
        context: Context,
        name: FullName,
        number: int,
        comment: str | None = None,
        aliases: Sequence[str] = (),
    ) -> ModelVersion:
        """Set a version's description, and point aliases at it.

        Raises NotFound, PermissionDenied, InvalidParameter, ResourceExhausted.
        """
        check_comment(comment or "")
        for alias in aliases:
            check_alias(alias)
        async with context.change(
            AuditAction.UPDATE_MODEL_VERSION, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            if comment is not None:
                await operation.rows.versions.set_comment(
                    version.id, comment, operation.now, operation.principal.name
                )
            for alias in aliases:
                await point_alias(operation, name, alias, number)
            await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)
            return await find_version(operation, name, number)

    async def delete(self, context: Context, name: FullName, number: int) -> None:
        """Delete a version and the aliases that point at it: rows first, then bytes. Raises NotFound."""
        async with context.change(
            AuditAction.DELETE_MODEL_VERSION, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            await operation.rows.versions.delete(version)
            await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)
        await self._cleaner.delete([version])

    async def tag(self, context: Context, name: FullName, number: int, change: TagChange) -> None:
        """Set and remove tags of a version. Raises NotFound, InvalidParameter, ResourceExhausted."""
        check_tags(change.add)
        async with context.change(
            AuditAction.UPDATE_MODEL_VERSION_TAGS, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.TAG_MODEL)
            version = await find_version(operation, name, number)
            await apply_tags(operation, version.id, version.tags, change)
            await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)


async def find_version(operation: Operation, name: FullName, number: int) -> ModelVersion:
    """Find a version with any status. Raises NotFound."""
    model = await find_model(operation, name)
    version = await operation.rows.versions.find(model.id, number)
    if version is None:
        raise missing_revision(name, Revision(number=number), ())
    return version


def version_target(name: FullName, number: int) -> Target:
    """Target of a version, authorized as its model and logged as itself."""
    return Target(SecurableType.MODEL, str(name), f"{name}/{number}")
