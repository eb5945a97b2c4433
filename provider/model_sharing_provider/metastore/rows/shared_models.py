"""Shared models: the models of a share, and their shared names.

A share contains single models and whole schemas. If both would show a model under the same name, the single
one is shown. Models that the share's owner may not read are not shown.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from model_sharing_protocol.names import INFORMATION_SCHEMA, SharedName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.sharing import Share, SharedSchema, ShareObjectType
from model_sharing_provider.metastore.authorization.visibility import (
    Viewer,
    owner_may_read,
    owner_may_read_all,
    owner_may_use_schema,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import cut_page, fetch_page
from model_sharing_provider.metastore.paging.schema_scan import (
    FoundModel,
    SchemaScan,
    full_key,
    scan_schemas,
)
from model_sharing_provider.metastore.tables import (
    catalogs,
    registered_models,
    schemas,
    share_objects,
    shares,
)
from model_sharing_provider.metastore.tables.columns import NAME

_single, _whole = share_objects.alias("single"), share_objects.alias("whole")


class SharedModelRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page_schemas(self, share_id: str, page: PageRequest) -> Page[SharedSchema]:
        """Page of the schemas that recipients see; every share has the information schema."""
        has_models = share_objects.c.type.in_((ShareObjectType.MODEL, ShareObjectType.SCHEMA))
        of_objects = select(
            share_objects.c.shared_schema.label("name"), case((has_models, 1), else_=0).label("has_models")
        ).where(share_objects.c.share_id == share_id)
        own = select(literal(INFORMATION_SCHEMA, share_objects.c.shared_schema.type), literal(0))
        found = union_all(of_objects, own).subquery()
        return await fetch_page(
            self._connection,
            select(found.c.name, func.max(found.c.has_models).label("has_models")).group_by(found.c.name),
            found.c.name,
            page,
            lambda row: SharedSchema(row.name, bool(row.has_models)),
            key_of=lambda schema: schema.name,
        )

    async def has_schema(self, share_id: str, schema: str) -> bool:
        query = select(share_objects.c.id).where(
            share_objects.c.share_id == share_id, share_objects.c.shared_schema == schema
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def page(self, share: Share, schema: str | None, page: PageRequest) -> Page[FoundModel]:
        """Page of the share's models, in one schema or all, ordered by shared name, which is their key."""
        last = SharedName.parse(page.after) if page.after is not None else None
        after = (last.schema, last.name) if last else None
        wanted = page.size + 1
        of_share = {"share_id": share.id, "owner": share.owner}
        of_schema = {} if schema is None else {"schema": schema}
        singles, wholes = (_SINGLES, _WHOLES) if schema is None else (_SINGLES_OF_SCHEMA, _WHOLES_OF_SCHEMA)
        last_schema, last_name = after or _BEFORE_ALL
        values = {"last_schema": last_schema, "last_name": last_name, "wanted": wanted}
        rows = await self._connection.execute(singles, {**of_share, **of_schema, **values})
        found = [FoundModel((schema_, name), model_id) for schema_, name, model_id in rows.all()]
        rows = await self._connection.execute(wholes, {**of_share, **of_schema})
        scans = [SchemaScan((row.shared_schema,), row.id, bool(row.whole)) for row in rows]
        if scans:
            found += await scan_schemas(
                self._connection,
                scans,
                _OWNER,
                after=after,
                wanted=wanted,
                shown=_NOT_BY_ITSELF,
                values=of_share,
            )
        return cut_page(sorted(found)[:wanted], page, full_key)

    async def find(self, share: Share, name: SharedName) -> str | None:
        """Id of the model that the share shows as `name`."""
        single = _single_models(share.id, share.owner).where(
            share_objects.c.shared_schema == name.schema, share_objects.c.shared_name == name.name
        )
        whole = _models_of_schemas(share.id, share.owner).where(
            share_objects.c.shared_schema == name.schema, registered_models.c.name == name.name
        )
        row = (await self._connection.execute(union_all(single, whole))).first()
        return row.model_id if row else None

    async def changed_at(self, share: Share) -> int:
        """Time (epoch ms) of the last change of the share or of a model that it shows."""
        models = models_shown(share)
        newest_model = (
            select(func.max(registered_models.c.updated_at))
            .where(registered_models.c.id.in_(select(models.c.model_id)))
            .scalar_subquery()
        )
        query = select(shares.c.updated_at, newest_model).where(shares.c.id == share.id)
        row = (await self._connection.execute(query)).one()
        return max(int(moment) for moment in row if moment is not None)


def models_shown(share: Share) -> Subquery:
    """Models that a share shows: `shared_schema`, `shared_name` and `model_id`."""
    single, of_schemas = (models(share.id, share.owner) for models in (_single_models, _models_of_schemas))
    return union_all(single, of_schemas).subquery()


def _single_models(share_id: Any, owner: Any) -> Select[Any]:
    return (
        select(
            share_objects.c.shared_schema,
            share_objects.c.shared_name,
            registered_models.c.id.label("model_id"),
        )
        .join_from(share_objects, registered_models, registered_models.c.id == share_objects.c.object_id)
        .join(schemas, schemas.c.id == registered_models.c.schema_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share_id,
            share_objects.c.type == ShareObjectType.MODEL,
            owner_may_read(owner),
        )
    )


def _models_of_schemas(share_id: Any, owner: Any) -> Select[Any]:
    return (
        select(
            share_objects.c.shared_schema,
            registered_models.c.name.label("shared_name"),
            registered_models.c.id.label("model_id"),
        )
        .join_from(
            share_objects, registered_models, registered_models.c.schema_id == share_objects.c.object_id
        )
        .join(schemas, schemas.c.id == registered_models.c.schema_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share_id,
            share_objects.c.type == ShareObjectType.SCHEMA,
            owner_may_read(owner),
            ~_shown_by_itself(share_id),
        )
    )


def _shown_by_itself(share_id: Any) -> ColumnElement[bool]:
    """Condition that a single model of the share replaces this one, since it has the same name."""
    return exists().where(
        _whole.c.share_id == share_id,
        _whole.c.object_id == registered_models.c.schema_id,
        _single.c.share_id == share_id,
        _single.c.type == ShareObjectType.MODEL,
        _single.c.shared_schema == _whole.c.shared_schema,
        _single.c.shared_name == registered_models.c.name,
    )


def _whole_schemas(share_id: Any, owner: Any) -> Select[Any]:
    """Query for the share's schemas that its owner may use, with a flag for those it may read completely."""
    return (
        select(schemas.c.id, share_objects.c.shared_schema, owner_may_read_all(owner).label("whole"))
        .join_from(share_objects, schemas, schemas.c.id == share_objects.c.object_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share_id,
            share_objects.c.type == ShareObjectType.SCHEMA,
            owner_may_use_schema(owner),
        )
        .order_by(share_objects.c.shared_schema)
    )


# Put together once, which takes SQLAlchemy longer than a database needs to answer.
_ID: BindParameter[str] = bindparam("share_id")
_OWNER_NAME: BindParameter[str] = bindparam("owner")
_OWNER, _NOT_BY_ITSELF = Viewer.owner(_OWNER_NAME), ~_shown_by_itself(_ID)
_IN_SCHEMA = share_objects.c.shared_schema == bindparam("schema")
_BEFORE_ALL = "", ""
_SINGLES = (
    _single_models(_ID, _OWNER_NAME)
    .where(
        tuple_(share_objects.c.shared_schema, share_objects.c.shared_name)
        > tuple_(bindparam("last_schema", type_=NAME), bindparam("last_name", type_=NAME))
    )
    .order_by(share_objects.c.shared_schema, share_objects.c.shared_name)
    .limit(bindparam("wanted", type_=Integer))
)
_SINGLES_OF_SCHEMA = _SINGLES.where(_IN_SCHEMA)
_WHOLES = _whole_schemas(_ID, _OWNER_NAME)
_WHOLES_OF_SCHEMA = _WHOLES.where(_IN_SCHEMA)
