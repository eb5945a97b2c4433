"""Keyset pagination of models across schemas, in time independent of page position.

A list is scanned schema by schema, each in the order of its models' names, by an index. A page reads from the
schema where it begins, and from the next ones only until it is full. With one query over all schemas, a
database may sort all models for each page.

In a schema that may not be read completely, a principal sees the models that it owns or was granted
individually. These are read from the grants: the cost depends on the visible models, not on all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    literal_column,
    select,
    union_all,
)

from model_sharing_provider.metastore.authorization.visibility import Viewer, models_by_themselves
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import registered_models, schemas

_MOST_AT_ONCE = 16
_QUERIES = 64

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SchemaScan:
    """Scan of one schema's models; `key` is its name in the list. If `whole`, all models may be read."""

    key: Key
    schema_id: str
    whole: bool


class FoundModel(NamedTuple):
    """Model in a list; `key` is its schema's key and its own name. Lists make and sort hundreds of them."""

    key: Key
    model_id: str


def full_key(found: FoundModel) -> str:
    """Name in the list, after which the next page starts."""
    return ".".join(found.key)


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
    values: Mapping[str, Any] | None = None,
) -> list[FoundModel]:
    """Scan for the first `wanted` models after the key `after` that the viewer may read.

    The scans are in the order of their keys. `shown` is a condition on registered models; `values` are those
    of the parameters of `viewer` and `shown`, if they have any.
    """
    values = values or {}
    ahead = [each for each in scans if after is None or each.key >= after[:-1]]
    whole = [each for each in ahead if each.whole]
    found = await _of_whole_schemas(connection, whole, after, wanted=wanted, shown=shown, values=values)
    parts = {each.schema_id: each for each in ahead if not each.whole}
    if parts:
        query = _by_themselves(viewer)
        for row in await connection.execute(query if shown is None else query.where(shown), values):
            if row.schema_id in parts:
                key = (*parts[row.schema_id].key, row.name)
                if after is None or key > after:
                    found.append(FoundModel(key, row.id))
    return sorted(found)[:wanted]


async def _of_whole_schemas(
    connection: Connection,
    ahead: list[SchemaScan],
    after: Key | None,
    *,
    wanted: int,
    shown: ColumnElement[bool] | None,
    values: Mapping[str, Any],
) -> list[FoundModel]:
    found: list[FoundModel] = []
    at_once = 1
    while ahead and len(found) < wanted:
        scans, ahead = ahead[:at_once], ahead[at_once:]
        at_once = min(4 * at_once, _MOST_AT_ONCE)
        starts_within = after is not None and scans[0].key == after[:-1]
        names = {"after": after[-1]} if after is not None and starts_within else {}
        ids = {f"schema_{number}": scan.schema_id for number, scan in enumerate(scans)}
        query = _first_models(len(scans), starts_within, shown)
        rows = await connection.execute(query, {**values, **ids, **names, "wanted": wanted - len(found)})
        found += [FoundModel((*scans[number].key, name), model_id) for number, model_id, name in rows.all()]
    return found


@lru_cache(_QUERIES)
def _first_models(
    schemas_count: int, starts_within: bool, shown: ColumnElement[bool] | None
) -> CompoundSelect[Any]:
    """Query for the first models of so many schemas; of the first schema after a name if it starts within."""
    parts = []
    for number in range(schemas_count):
        model = registered_models.c
        query = select(model.id, model.name).where(model.schema_id == bindparam(f"schema_{number}"))
        if starts_within and number == 0:
            query = query.where(model.name > bindparam("after"))
        if shown is not None:
            query = query.where(shown)
        first = query.order_by(model.name).limit(bindparam("wanted", type_=Integer)).subquery()
        parts.append(select(literal_column(str(number)).label("scan"), first))
    return union_all(*parts)


def _by_themselves(viewer: Viewer) -> Select[Any]:
    model = registered_models.c
    return select(model.id, model.schema_id, model.name).where(model.id.in_(models_by_themselves(viewer)))
