"""Visibility in SQL: rows that a principal may list, and models that a share's owner may still read.

It expresses in SQL what `governance.decisions` decides for one securable; a test compares the two. Conditions
about an owner are made once: SQLAlchemy takes longer to put one together than a database to answer it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    true,
)

from model_sharing_provider.domain.principals import ALL_USERS, Principal, PrincipalType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.metastore.tables import (
    catalogs,
    grants,
    group_members,
    mirrors,
    principals,
    registered_models,
    schemas,
)

_OWNERS = 256
_person, _team = principals.alias("person"), principals.alias("team")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Identities of a viewer: ids for grants and names for ownership, as values or as subqueries.

    Every list needs a viewer; a caller that may see everything must say so, with EVERYTHING.
    """

    ids: Any
    names: Any
    unrestricted: bool

    @classmethod
    def of(cls, principal: Principal) -> Viewer:
        """Viewer for a principal; EVERYTHING for the metastore's administrators."""
        if principal.type is PrincipalType.ADMIN:
            return EVERYTHING
        identities = principal.identities
        return cls([each.id for each in identities], [each.name for each in identities], unrestricted=False)

    @classmethod
    @lru_cache(_OWNERS)
    def owner(cls, name: Any) -> Viewer:
        """Viewer for the principal `name` (an SQL value) with its groups."""
        in_team = (
            select(_team.c.id, _team.c.name)
            .select_from(_person)
            .join(group_members, group_members.c.member_id == _person.c.id)
            .join(_team, _team.c.id == group_members.c.group_id)
            .where(_person.c.name == name)
        )
        itself = select(_person.c.id, _person.c.name).where(
            or_(_person.c.name == name, _person.c.name == literal_column(f"'{ALL_USERS}'"))
        )
        identities = itself.union(in_team).subquery()
        return cls(select(identities.c.id), select(identities.c.name), unrestricted=False)


EVERYTHING = Viewer((), (), unrestricted=True)
"""Viewer of all rows. It has no identities, so code that ignores `unrestricted` shows nothing."""


def is_owned(viewer: Viewer, owner: ColumnElement[str]) -> ColumnElement[bool]:
    """Ownership by the viewer, or by one of its groups."""
    return true() if viewer.unrestricted else owner.in_(viewer.names)


def may_use_catalog(viewer: Viewer) -> ColumnElement[bool]:
    return _may(viewer, catalogs.c.owner, (catalogs.c.id,), Privilege.USE_CATALOG)


def may_use_schema(viewer: Viewer) -> ColumnElement[bool]:
    """Condition in a query that joins schemas and catalogs."""
    return and_(
        may_use_catalog(viewer),
        _may(viewer, schemas.c.owner, (schemas.c.id, catalogs.c.id), Privilege.USE_SCHEMA),
    )


def may_read_model(viewer: Viewer) -> ColumnElement[bool]:
    """Condition in a query that joins registered models, schemas and catalogs."""
    above = (registered_models.c.id, schemas.c.id, catalogs.c.id)
    return and_(may_use_schema(viewer), _may(viewer, registered_models.c.owner, above, Privilege.EXECUTE))


def may_read_all_of_schema(viewer: Viewer) -> ColumnElement[bool]:
    """Condition that all models of a schema may be read, in a query that joins schemas and catalogs."""
    return _granted(viewer, (schemas.c.id, catalogs.c.id), Privilege.EXECUTE)


def models_by_themselves(viewer: Viewer) -> CompoundSelect[Any]:
    """Ids of models that the viewer owns, or was granted individually."""
    granted = select(grants.c.securable_id).where(
        grants.c.principal_id.in_(viewer.ids),
        grants.c.privilege.in_([Privilege.EXECUTE, Privilege.ALL_PRIVILEGES]),
    )
    return granted.union(select(registered_models.c.id).where(registered_models.c.owner.in_(viewer.names)))


@lru_cache(_OWNERS)
def owner_may_read(owner: Any) -> ColumnElement[bool]:
    """Condition that a share's owner may read the model, in a query that joins its schema and catalog."""
    readable = or_(_is_administrator(owner), may_read_model(Viewer.owner(owner)))
    return and_(_may_be_shared(), readable)


@lru_cache(_OWNERS)
def owner_may_use_schema(owner: Any) -> ColumnElement[bool]:
    """Condition that a share's owner may use the schema, in a query that joins its catalog."""
    usable = or_(_is_administrator(owner), may_use_schema(Viewer.owner(owner)))
    return and_(_may_be_shared(), usable)


@lru_cache(_OWNERS)
def owner_may_read_all(owner: Any) -> ColumnElement[bool]:
    """Condition that a share's owner may read all models of a schema, in a query that joins its catalog."""
    return or_(_is_administrator(owner), may_read_all_of_schema(Viewer.owner(owner)))


def owner_may_read_model_id() -> Any:
    """Query with the parameters `owner` and `model_id`, for the hot path."""
    return (
        select(registered_models.c.id)
        .join_from(registered_models, schemas)
        .join(catalogs)
        .where(registered_models.c.id == bindparam("model_id"), owner_may_read(bindparam("owner")))
    )


def _may_be_shared() -> ColumnElement[bool]:
    """Condition that the catalog is this metastore's own, or that its provider lets it be shared further."""
    # In words that both databases know, since the hot path runs this without SQLAlchemy.
    restricted: ColumnElement[bool] = literal_column("NOT mirrors.resharing")
    return ~exists().where(mirrors.c.catalog_id == catalogs.c.id, restricted)


def _is_administrator(name: Any) -> ColumnElement[bool]:
    return exists().where(
        principals.c.name == name, principals.c.type == literal_column(f"'{PrincipalType.ADMIN}'")
    )


def _may(
    viewer: Viewer, owner: ColumnElement[str], securables: tuple[ColumnElement[str], ...], needed: Privilege
) -> ColumnElement[bool]:
    return or_(is_owned(viewer, owner), _granted(viewer, securables, needed))


def _granted(
    viewer: Viewer, securables: tuple[ColumnElement[str], ...], needed: Privilege
) -> ColumnElement[bool]:
    if viewer.unrestricted:
        return true()
    # Constants in the text, not parameters: the hot path runs this without SQLAlchemy.
    privileges: list[ColumnElement[str]] = [
        literal_column(f"'{each}'") for each in (needed, Privilege.ALL_PRIVILEGES)
    ]
    return exists().where(
        or_(*(grants.c.securable_id == securable for securable in securables)),
        grants.c.principal_id.in_(viewer.ids),
        or_(*(grants.c.privilege == privilege for privilege in privileges)),
    )
