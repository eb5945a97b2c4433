"""Complete models by id: with aliases, tags, and what their newest READY version is.

Lists read hundreds at a time. So the statements are put together once, which takes SQLAlchemy longer than a
database needs to answer, and rows are unpacked: each look at a column by its name takes a microsecond. What
hundreds of rows have in common, the names of schema and catalog, is read by itself. The newest version is
joined by its number, along the index that has just found it: its id would be looked for in another index.

What others may have made long is measured with the row, and read for those models that are shown: comments of
more than _SHORT characters, and tags.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, case, func, select

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import Page
from model_sharing_provider.domain.securables import RegisteredModel, VersionStatus
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fit_page, weight_of_tags
from model_sharing_provider.metastore.paging.schema_scan import FoundModel, full_key
from model_sharing_provider.metastore.rows.id_lists import ids_parameter, is_one_of
from model_sharing_provider.metastore.rows.mapping import read_format, read_summary
from model_sharing_provider.metastore.tables import (
    catalogs,
    model_aliases,
    model_versions,
    registered_models,
    schemas,
    tags,
)

_SHORT = 256
_IDS = ids_parameter("ids")


def _select_models() -> Select[Any]:
    model, version, other = registered_models.c, model_versions.c, model_versions.alias("of_the_model").c
    newest = (
        select(other.version)
        .where(other.model_id == model.id, other.status == bindparam("ready", VersionStatus.READY))
        .order_by(other.version.desc())
        .limit(1)
        .correlate(registered_models)
        .scalar_subquery()
    )
    return (
        select(
            model.id,
            model.schema_id,
            model.name,
            case((func.length(model.comment) <= _SHORT, model.comment)).label("short_comment"),
            model.owner,
            model.created_at,
            model.updated_at,
            model.created_by,
            model.updated_by,
            version.version,
            version.format,
            version.license,
            version.summary,
            func.length(model.comment).label("length_of_comment"),
            weight_of_tags(model.id).label("length_of_tags"),
        )
        .join_from(
            registered_models,
            model_versions,
            and_(version.model_id == model.id, version.version == newest),
            isouter=True,
        )
        .where(is_one_of(model.id, _IDS))
    )


_MODELS = _select_models()
_SCHEMAS = (
    select(schemas.c.id, catalogs.c.name, schemas.c.name)
    .join_from(schemas, catalogs)
    .where(is_one_of(schemas.c.id, _IDS))
)
_COMMENTS = select(registered_models.c.id, registered_models.c.comment).where(
    is_one_of(registered_models.c.id, _IDS)
)
_ALIASES = (
    select(model_aliases.c.model_id, model_aliases.c.alias, model_aliases.c.version)
    .where(is_one_of(model_aliases.c.model_id, _IDS))
    .order_by(model_aliases.c.model_id, model_aliases.c.alias_key)
)
_TAGS = (
    select(tags.c.securable_id, tags.c.key, tags.c.value)
    .where(is_one_of(tags.c.securable_id, _IDS))
    .order_by(tags.c.key)
)


class _ModelRow(NamedTuple):
    """Row of _MODELS; `comment` is None if it is long."""

    id: str
    schema_id: str
    name: str
    comment: str | None
    owner: str
    created_at: int
    updated_at: int
    created_by: str
    updated_by: str
    latest_version: int | None
    format: str | None
    license: str | None
    summary: str | None
    length_of_comment: int
    length_of_tags: int


async def read_models(connection: Connection, ids: Sequence[str]) -> dict[str, RegisteredModel]:
    """Models by id; deleted ones are left out."""
    return await _complete(connection, await _read_rows(connection, ids))


async def read_page_of_models(
    connection: Connection, page: Page[FoundModel]
) -> tuple[Page[FoundModel], dict[str, RegisteredModel]]:
    """Shorten a page of found models to the size of a page of complete ones; read those by id."""
    ids = [model_id for _, model_id in page.items]
    rows = {row.id: row for row in await _read_rows(connection, ids)}
    lengths = (_length_of(rows[each]) if each in rows else 0 for each in ids)
    page = fit_page(page, lengths, full_key)
    shown = dict.fromkeys(ids[: len(page.items)])
    return page, await _complete(connection, [rows[each] for each in shown if each in rows])


def _length_of(row: _ModelRow) -> int:
    """Number of characters of a model, with its tags."""
    texts = row.id, row.schema_id, row.name, row.owner, row.created_by, row.updated_by
    return sum(map(len, texts)) + row.length_of_comment + row.length_of_tags


async def _read_rows(connection: Connection, ids: Sequence[str]) -> list[_ModelRow]:
    if not ids:
        return []
    return list(map(_ModelRow._make, (await connection.execute(_MODELS, {"ids": ids})).all()))


async def _complete(connection: Connection, rows: Sequence[_ModelRow]) -> dict[str, RegisteredModel]:
    within = await _read_schemas(connection, list({row.schema_id for row in rows}))
    aliases = await _read_aliases(connection, [row.id for row in rows])
    tagged = await read_tags(connection, [row.id for row in rows if row.length_of_tags])
    comments = await _read_comments(connection, [row.id for row in rows if row.comment is None])
    return {
        row.id: RegisteredModel(
            id=row.id,
            full_name=FullName(within[row.schema_id].catalog, within[row.schema_id].schema, row.name),
            comment=comments.get(row.id, "") if row.comment is None else row.comment,
            owner=row.owner,
            aliases=aliases.get(row.id) or {},
            tags=tagged.get(row.id) or {},
            latest_version=row.latest_version,
            format=read_format(row.format or ""),
            license=row.license or "",
            summary=read_summary(row.summary or ""),
            created_at=row.created_at,
            updated_at=row.updated_at,
            created_by=row.created_by,
            updated_by=row.updated_by,
        )
        for row in rows
        if row.schema_id in within
    }


async def _read_schemas(connection: Connection, ids: Sequence[str]) -> dict[str, SchemaName]:
    rows = (await connection.execute(_SCHEMAS, {"ids": ids})).all() if ids else ()
    return {schema_id: SchemaName(catalog, schema) for schema_id, catalog, schema in rows}


async def _read_aliases(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    if ids:
        for model_id, alias, version in (await connection.execute(_ALIASES, {"ids": ids})).all():
            found[model_id][alias] = version
    return found


async def _read_comments(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    rows = (await connection.execute(_COMMENTS, {"ids": ids})).all() if ids else ()
    return {row[0]: row[1] for row in rows}


async def read_tags(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tags of each securable among `ids` that has any."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    if ids:
        for securable_id, key, value in (await connection.execute(_TAGS, {"ids": ids})).all():
            found[securable_id][key] = value
    return found
