"""Rules: the privileges that each operation needs (Unity Catalog, "Manage model lifecycle").

One table, read top down.

A need names a securable on the path from the metastore to the target, and privileges of which one must be
held there. Needs are checked in this order, so that nobody learns the contents of a catalog that they may not
use.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege


@dataclass(frozen=True, slots=True)
class Need:
    """Need for one of the privileges `any_of` on the securable of this type."""

    level: SecurableType
    any_of: tuple[Privilege, ...]


Rule = tuple[Need, ...]


def _on(level: SecurableType, *any_of: Privilege) -> Rule:
    return (Need(level, any_of),)


ANY_PRINCIPAL: Rule = ()
"""Rule for lists, which are filtered by visibility."""
ADMINISTRATORS = _on(SecurableType.METASTORE, Privilege.ADMINISTER)

CREATE_CATALOG = _on(SecurableType.METASTORE, Privilege.CREATE_CATALOG)
USE_CATALOG = _on(SecurableType.CATALOG, Privilege.USE_CATALOG)
OWN_CATALOG = _on(SecurableType.CATALOG, Privilege.OWN)
MANAGE_CATALOG = _on(SecurableType.CATALOG, Privilege.OWN, Privilege.MANAGE)

CREATE_SCHEMA = USE_CATALOG + _on(SecurableType.CATALOG, Privilege.CREATE_SCHEMA)
USE_SCHEMA = USE_CATALOG + _on(SecurableType.SCHEMA, Privilege.USE_SCHEMA)
OWN_SCHEMA = USE_CATALOG + _on(SecurableType.SCHEMA, Privilege.OWN)
MANAGE_SCHEMA = _on(SecurableType.SCHEMA, Privilege.OWN, Privilege.MANAGE)

CREATE_MODEL = USE_SCHEMA + _on(SecurableType.SCHEMA, Privilege.CREATE_MODEL)
READ_MODEL = USE_SCHEMA + _on(SecurableType.MODEL, Privilege.EXECUTE)
OWN_MODEL = USE_SCHEMA + _on(SecurableType.MODEL, Privilege.OWN)
AUDIT_MODEL = _on(SecurableType.MODEL, Privilege.OWN)
TAG_MODEL = USE_SCHEMA + _on(SecurableType.MODEL, Privilege.OWN, Privilege.APPLY_TAG)
RENAME_MODEL = CREATE_MODEL + _on(SecurableType.MODEL, Privilege.OWN)
MANAGE_MODEL = _on(SecurableType.MODEL, Privilege.OWN, Privilege.MANAGE)

CREATE_SHARE = _on(SecurableType.METASTORE, Privilege.CREATE_SHARE)
OWN_SHARE = _on(SecurableType.SHARE, Privilege.OWN)
CREATE_RECIPIENT = _on(SecurableType.METASTORE, Privilege.CREATE_RECIPIENT)
OWN_RECIPIENT = _on(SecurableType.RECIPIENT, Privilege.OWN)
CREATE_PROVIDER = _on(SecurableType.METASTORE, Privilege.CREATE_PROVIDER)
OWN_PROVIDER = _on(SecurableType.PROVIDER, Privilege.OWN)

MANAGE: dict[SecurableType, Rule] = {
    SecurableType.METASTORE: ADMINISTRATORS,
    SecurableType.CATALOG: MANAGE_CATALOG,
    SecurableType.SCHEMA: MANAGE_SCHEMA,
    SecurableType.MODEL: MANAGE_MODEL,
    SecurableType.SHARE: OWN_SHARE,
    SecurableType.RECIPIENT: OWN_RECIPIENT,
    SecurableType.PROVIDER: OWN_PROVIDER,
}
"""Rules for showing and changing the grants on a securable, and for changing its owner."""

WRITES_BELOW_CATALOGS = frozenset(
    {CREATE_SCHEMA, OWN_SCHEMA, CREATE_MODEL, OWN_MODEL, TAG_MODEL, RENAME_MODEL}
)
"""Rules of changes to what is in a catalog, none of which can be made where a provider's share is shown."""
