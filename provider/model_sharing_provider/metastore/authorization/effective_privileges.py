"""Effective privileges of a principal: ownership and grants, from the metastore downward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, and_, select

from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.decisions import SecurablePrivileges
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    catalogs,
    grants,
    metastores,
    providers,
    recipients,
    registered_models,
    schemas,
    shares,
)

_FLAT: dict[SecurableType, Table] = {
    SecurableType.SHARE: shares,
    SecurableType.RECIPIENT: recipients,
    SecurableType.PROVIDER: providers,
}
_LEVELS: dict[SecurableType, tuple[SecurableType, ...]] = {
    SecurableType.CATALOG: (SecurableType.CATALOG,),
    SecurableType.SCHEMA: (SecurableType.CATALOG, SecurableType.SCHEMA),
    SecurableType.MODEL: (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.MODEL),
    **{kind: (kind,) for kind in _FLAT},
}
"""Levels below the metastore, down to each type of securable."""


@dataclass(frozen=True, slots=True)
class SecurableNode:
    """Existing securable on the path from the metastore; grants and owners refer to its id."""

    type: SecurableType
    id: str
    name: str
    owner: str


class EffectivePrivilegeRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def path(self, kind: SecurableType, name: str) -> list[SecurableNode]:
        """Path from the metastore down to the securable `name`, as far as it exists."""
        row = (await self._connection.execute(select(metastores))).one()
        places = [SecurableNode(SecurableType.METASTORE, row.id, "", "")]
        if kind in _FLAT:
            table = _FLAT[kind]
            query = select(table.c.id, table.c.owner).where(table.c.name == name)
            if found := (await self._connection.execute(query)).one_or_none():
                places.append(SecurableNode(kind, found.id, name, found.owner))
        elif kind in (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.MODEL):
            places += await self._named_path(name.split("."))
        return places

    async def list_for(
        self, principal: Principal, kind: SecurableType, name: str
    ) -> list[SecurablePrivileges]:
        """Privileges from the metastore down to the securable `name`, existing or not; two reads."""
        places = await self.path(kind, name)
        identities = {identity.id for identity in principal.identities}
        query = select(grants.c.securable_id, grants.c.privilege).where(
            grants.c.securable_id.in_([place.id for place in places]), grants.c.principal_id.in_(identities)
        )
        granted: dict[str, set[str]] = defaultdict(set)
        for row in await self._connection.execute(query):
            granted[row.securable_id].add(row.privilege)
        owners = {identity.name for identity in principal.identities}
        return [
            *(
                SecurablePrivileges(
                    place.type, place.name, place.owner in owners, frozenset(granted[place.id])
                )
                for place in places
            ),
            *_missing(kind, name, places),
        ]

    async def _named_path(self, parts: Sequence[str]) -> list[SecurableNode]:
        catalog, schema, model = (*parts, "", "")[:3]
        query: Select[Any] = (
            select(
                catalogs.c.id.label("catalog_id"),
                catalogs.c.owner.label("catalog_owner"),
                schemas.c.id.label("schema_id"),
                schemas.c.owner.label("schema_owner"),
                registered_models.c.id.label("model_id"),
                registered_models.c.owner.label("model_owner"),
            )
            .select_from(catalogs)
            .outerjoin(schemas, and_(schemas.c.catalog_id == catalogs.c.id, schemas.c.name == schema))
            .outerjoin(
                registered_models,
                and_(registered_models.c.schema_id == schemas.c.id, registered_models.c.name == model),
            )
            .where(catalogs.c.name == catalog)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return []
        found = (
            SecurableNode(SecurableType.CATALOG, row.catalog_id, catalog, row.catalog_owner),
            SecurableNode(SecurableType.SCHEMA, row.schema_id, f"{catalog}.{schema}", row.schema_owner),
            SecurableNode(SecurableType.MODEL, row.model_id, f"{catalog}.{schema}.{model}", row.model_owner),
        )
        return [place for place in found if place.id is not None]

    async def owns_something(self, name: str) -> str | None:
        """Kind of a securable that the principal `name` owns; None if it owns nothing."""
        for table in (catalogs, schemas, registered_models, shares, recipients, providers):
            if (
                await self._connection.execute(select(table.c.id).where(table.c.owner == name).limit(1))
            ).first():
                return str(table.name).replace("_", " ")
        return None


def _missing(kind: SecurableType, name: str, places: Sequence[SecurableNode]) -> list[SecurablePrivileges]:
    parts = name.split(".")
    return [
        SecurablePrivileges(level, ".".join(parts[:depth]), False, frozenset(), exists=False)
        for depth, level in enumerate(_LEVELS.get(kind, ()), 1)
        if depth >= len(places)
    ]
