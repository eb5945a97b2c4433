"""Privileges, and the securables on which each can be granted (Unity Catalog's terms and rules).

A grant on a catalog or schema reaches the present and future schemas and models in it. Grants on the
metastore reach nothing below it.
"""

from __future__ import annotations

from enum import StrEnum

from model_sharing_provider.domain.securables import SecurableType


class Privilege(StrEnum):
    """Privilege; `OWN` is never granted, it stands for ownership in a rule."""

    OWN = "OWNERSHIP"
    ADMINISTER = "METASTORE ADMINISTRATION"
    SELECT = "SELECT"
    MANAGE = "MANAGE"
    ALL_PRIVILEGES = "ALL_PRIVILEGES"
    USE_CATALOG = "USE_CATALOG"
    USE_SCHEMA = "USE_SCHEMA"
    EXECUTE = "EXECUTE"
    APPLY_TAG = "APPLY_TAG"
    CREATE_CATALOG = "CREATE_CATALOG"
    CREATE_SCHEMA = "CREATE_SCHEMA"
    CREATE_MODEL = "CREATE_MODEL"
    CREATE_SHARE = "CREATE_SHARE"
    CREATE_RECIPIENT = "CREATE_RECIPIENT"
    CREATE_PROVIDER = "CREATE_PROVIDER"


_ON_MODELS = frozenset({Privilege.EXECUTE, Privilege.APPLY_TAG, Privilege.MANAGE, Privilege.ALL_PRIVILEGES})
_ON_SCHEMAS = _ON_MODELS | {Privilege.USE_SCHEMA, Privilege.CREATE_MODEL}
_ON_CATALOGS = _ON_SCHEMAS | {Privilege.USE_CATALOG, Privilege.CREATE_SCHEMA}

GRANTABLE: dict[SecurableType, frozenset[Privilege]] = {
    SecurableType.METASTORE: frozenset(
        {
            Privilege.CREATE_CATALOG,
            Privilege.CREATE_SHARE,
            Privilege.CREATE_RECIPIENT,
            Privilege.CREATE_PROVIDER,
        }
    ),
    SecurableType.CATALOG: _ON_CATALOGS,
    SecurableType.SCHEMA: _ON_SCHEMAS,
    SecurableType.MODEL: _ON_MODELS,
    SecurableType.SHARE: frozenset({Privilege.SELECT}),
}

# Privileges of an owner, on the securable alone: to use securables that others create in a catalog, its owner
# first grants itself the privilege, which MANAGE allows.
HELD_BY_OWNERS: dict[SecurableType, frozenset[Privilege]] = {
    SecurableType.CATALOG: frozenset({Privilege.USE_CATALOG, Privilege.CREATE_SCHEMA, Privilege.MANAGE}),
    SecurableType.SCHEMA: frozenset({Privilege.USE_SCHEMA, Privilege.CREATE_MODEL, Privilege.MANAGE}),
    SecurableType.MODEL: frozenset({Privilege.EXECUTE, Privilege.APPLY_TAG, Privilege.MANAGE}),
}
