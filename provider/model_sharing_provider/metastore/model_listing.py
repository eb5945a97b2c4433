"""Listings of registered models by full name, at the same cost for every page.

A page that crosses from one schema or catalog to the next is put together from up to three reads, each along
an index: the rest of the schema, the rest of the catalog, the catalogs after it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.metastore.connection import Connection
from model_sharing_provider.metastore.keyset import cut_page
from model_sharing_provider.metastore.tables import catalogs, registered_models, schemas
from model_sharing_provider.metastore.visibility import Viewer, may_read_model


async def page_of_models(
    connection: Connection, page: PageRequest, viewer: Viewer | None, catalog: str, schema: str
) -> Page[RegisteredModel]:
    """Models of one schema, of one catalog (`schema` empty) or of all (`catalog` empty too)."""
    query = model_query()
    if viewer is not None:
        query = query.where(may_read_model(viewer))
    if catalog:
        query = query.where(catalogs.c.name == catalog)
    if schema:
        query = query.where(schemas.c.name == schema)
    wanted = page.size + 1
    found: list[RegisteredModel] = []
    for part in _after(query, FullName.parse(page.after) if page.after else None):
        ordered = part.order_by(catalogs.c.name, schemas.c.name, registered_models.c.name).limit(
            wanted - len(found)
        )
        found += [read_model(row) for row in await connection.execute(ordered)]
        if len(found) == wanted:
            break
    return cut_page(found, page, lambda model: str(model.full_name))


def _after(query: Select[Any], last: FullName | None) -> list[Select[Any]]:
    if last is None:
        return [query]
    return [
        query.where(
            catalogs.c.name == last.catalog,
            schemas.c.name == last.schema,
            registered_models.c.name > last.name,
        ),
        query.where(catalogs.c.name == last.catalog, schemas.c.name > last.schema),
        query.where(catalogs.c.name > last.catalog),
    ]


def model_query() -> Select[Any]:
    """Registered models with the names of their catalog and schema."""
    return (
        select(registered_models, schemas.c.name.label("schema_name"), catalogs.c.name.label("catalog_name"))
        .join_from(registered_models, schemas)
        .join(catalogs)
    )


def read_model(row: Row[Any]) -> RegisteredModel:
    return RegisteredModel(
        id=row.id,
        full_name=FullName(row.catalog_name, row.schema_name, row.name),
        comment=row.comment,
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
