"""Keyset pagination of models across schemas, in time independent of page position.

A list is scanned schema by schema, each in the order of its models' names, by an index. A page reads from the
schema where it begins, and from the next ones only until it is full. With one query over all schemas, a
database may sort all models for each page.

In a schema that may not be read completely, a principal sees the models that it owns or was granted
individually. These are read from the grants: the cost depends on the visible models, not on all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, true, union_all

from model_sharing_provider.metastore.authorization.visibility import Viewer, models_by_themselves
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import registered_models, schemas

_MOST_AT_ONCE = 16

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SchemaScan:
    """Scan of one schema's models; `key` is its name in the list. If `whole`, all models may be read."""

    key: Key
    schema_id: str
    whole: bool


@dataclass(frozen=True, slots=True, order=True)
class FoundModel:
    """Model in a list; `key` is its schema's key and its own name."""

    key: Key
    model_id: str


def has_models() -> ColumnElement[bool]:
    """Condition on schemas: at least one model exists."""
    # Not by EXISTS, which PostgreSQL may turn into a join with all models.
    first = select(registered_models.c.name).where(registered_models.c.schema_id == schemas.c.id)
    return first.order_by(registered_models.c.name).limit(1).scalar_subquery().is_not(None)


async def scan_schemas(
    connection: Connection,
    scans: list[SchemaScan],
    viewer: Viewer,
    *,
    after: Key | None,
    wanted: int,
    shown: ColumnElement[bool] | None = None,
) -> list[FoundModel]:
    """Scan for the first `wanted` models after the key `after` that the viewer may read.

    The scans are in the order of their keys. `shown` is a condition on registered models.
    """
    shown = true() if shown is None else shown
    ahead = [each for each in scans if after is None or each.key >= after[:-1]]
    found = await _of_whole_schemas(connection, [each for each in ahead if each.whole], after, wanted, shown)
    parts = {each.schema_id: each for each in ahead if not each.whole}
    if parts:
        for row in await connection.execute(_by_themselves(viewer).where(shown)):
            if row.schema_id in parts:
                key = (*parts[row.schema_id].key, row.name)
                if after is None or key > after:
                    found.append(FoundModel(key, row.id))
    return sorted(found)[:wanted]


async def _of_whole_schemas(
    connection: Connection,
    ahead: list[SchemaScan],
    after: Key | None,
    wanted: int,
    shown: ColumnElement[bool],
) -> list[FoundModel]:
    found: list[FoundModel] = []
    at_once = 1
    while ahead and len(found) < wanted:
        first = [_first(each, after, wanted - len(found)).where(shown) for each in ahead[:at_once]]
        parts = [
            select(literal(number).label("scan"), query.subquery()) for number, query in enumerate(first)
        ]
        rows = (await connection.execute(union_all(*parts))).all()
        found += [FoundModel((*ahead[row.scan].key, row.name), row.id) for row in rows]
        ahead, at_once = ahead[at_once:], min(4 * at_once, _MOST_AT_ONCE)
    return found


def _first(scan: SchemaScan, after: Key | None, limit: int) -> Select[Any]:
    """Query for the first models of one schema."""
    model = registered_models.c
    query = select(model.id, model.name).where(model.schema_id == scan.schema_id)
    if after is not None and scan.key == after[:-1]:
        query = query.where(model.name > after[-1])
    return query.order_by(model.name).limit(limit)


def _by_themselves(viewer: Viewer) -> Select[Any]:
    model = registered_models.c
    return select(model.id, model.schema_id, model.name).where(model.id.in_(models_by_themselves(viewer)))
