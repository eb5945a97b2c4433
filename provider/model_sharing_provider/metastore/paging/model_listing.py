"""Lists of registered models by full name, limited to those that a principal may see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, select, true

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.securables import ModelFilter, RegisteredModel, VersionStatus
from model_sharing_provider.metastore.authorization.visibility import (
    Viewer,
    may_read_all_of_schema,
    may_use_schema,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import cut_page, starts_with
from model_sharing_provider.metastore.paging.schema_scan import (
    FoundModel,
    SchemaScan,
    full_key,
    has_models,
    scan_schemas,
)
from model_sharing_provider.metastore.tables import catalogs, model_versions, registered_models, schemas


@dataclass(frozen=True, slots=True)
class Scope:
    """Scope of a list of models: one schema, one catalog, or EVERYWHERE; `shown` is a condition on models."""

    where: ColumnElement[bool]
    shown: ColumnElement[bool] | None = None

    @classmethod
    def of_catalog(cls, catalog: str) -> Scope:
        return cls(catalogs.c.name == catalog)

    @classmethod
    def of_schema(cls, schema: SchemaName) -> Scope:
        return cls(and_(catalogs.c.name == schema.catalog, schemas.c.name == schema.schema))

    def filtered(self, wanted: ModelFilter) -> Scope:
        """Same scope, with only the models that are as wanted."""
        shown = []
        if wanted.name_prefix:
            shown.append(starts_with(registered_models.c.name, wanted.name_prefix))
        if wanted.format or wanted.license:
            shown.append(_newest_version(wanted))
        return replace(self, shown=and_(*shown)) if shown else self


def _newest_version(wanted: ModelFilter) -> ColumnElement[bool]:
    """Condition on models by their newest READY version."""
    version, other = model_versions.c, model_versions.alias("of_the_model").c
    newest = (
        select(func.max(other.version))
        .where(other.model_id == registered_models.c.id, other.status == VersionStatus.READY)
        .correlate(registered_models)
    )
    conditions = [version.model_id == registered_models.c.id, version.version == newest.scalar_subquery()]
    if wanted.format:
        conditions.append(version.format == wanted.format)
    if wanted.license:
        conditions.append(func.lower(version.license) == wanted.license.lower())
    return exists().where(*conditions)


EVERYWHERE = Scope(true())


async def page_of_models(
    connection: Connection, page: PageRequest, viewer: Viewer, scope: Scope
) -> Page[FoundModel]:
    last = FullName.parse(page.after) if page.after else None
    after = (last.catalog, last.schema, last.name) if last else None
    scans = [
        SchemaScan((row.catalog_name, row.schema_name), row.id, bool(row.whole))
        for row in await connection.execute(_schemas(viewer, scope, last))
    ]
    wanted = page.size + 1
    found = await scan_schemas(connection, scans, viewer, after=after, wanted=wanted, shown=scope.shown)
    return cut_page(found, page, full_key)


def _schemas(viewer: Viewer, scope: Scope, after: FullName | None) -> Select[Any]:
    """Query for the schemas that the viewer may use, with a flag for those it may read completely."""
    query = (
        select(
            schemas.c.id,
            catalogs.c.name.label("catalog_name"),
            schemas.c.name.label("schema_name"),
            may_read_all_of_schema(viewer).label("whole"),
        )
        .join(catalogs)
        .where(has_models(), may_use_schema(viewer), scope.where)
        .order_by(catalogs.c.name, schemas.c.name)
    )
    return query.where(catalogs.c.name >= after.catalog) if after else query


def model_query() -> Select[Any]:
    """Registered models with the names of their catalog and schema."""
    return (
        select(registered_models, schemas.c.name.label("schema_name"), catalogs.c.name.label("catalog_name"))
        .join_from(registered_models, schemas)
        .join(catalogs)
    )


def read_model(row: Row[Any]) -> RegisteredModel:
    """Model of a row of `model_query`, without what is in other tables."""
    return RegisteredModel(
        id=row.id,
        full_name=FullName(row.catalog_name, row.schema_name, row.name),
        comment=row.comment,
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        updated_by=row.updated_by,
    )
