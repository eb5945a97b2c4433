"""Controls: what people can be offered to do with a securable, and the rule that each needs.

Pages show a control that is not allowed, disabled, with the reason. The services decide when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.rules import Rule

CONTROLS: Mapping[SecurableType, Mapping[str, Rule]] = {
    SecurableType.METASTORE: {
        "administer": rules.ADMINISTRATORS,
        "create_catalog": rules.CREATE_CATALOG,
        "create_share": rules.CREATE_SHARE,
        "create_recipient": rules.CREATE_RECIPIENT,
        "create_provider": rules.CREATE_PROVIDER,
    },
    SecurableType.CATALOG: {
        "use": rules.USE_CATALOG,
        "create_schema": rules.CREATE_SCHEMA,
        "edit": rules.OWN_CATALOG,
        "give": rules.MANAGE_CATALOG,
        "delete": rules.OWN_CATALOG,
        "see_permissions": rules.MANAGE_CATALOG,
    },
    SecurableType.SCHEMA: {
        "use": rules.USE_SCHEMA,
        "create_model": rules.CREATE_MODEL,
        "edit": rules.OWN_SCHEMA,
        "give": rules.MANAGE_SCHEMA,
        "delete": rules.OWN_SCHEMA,
        "see_permissions": rules.MANAGE_SCHEMA,
    },
    SecurableType.MODEL: {
        "read": rules.READ_MODEL,
        "edit": rules.OWN_MODEL,
        "rename": rules.RENAME_MODEL,
        "give": rules.MANAGE_MODEL,
        "tag": rules.TAG_MODEL,
        "set_alias": rules.OWN_MODEL,
        "register": rules.OWN_MODEL,
        "recall": rules.OWN_MODEL,
        "delete": rules.OWN_MODEL,
        "see_permissions": rules.MANAGE_MODEL,
        "see_activity": rules.AUDIT_MODEL,
    },
    SecurableType.SHARE: {
        "edit": rules.OWN_SHARE,
        # No privilege says who may read an external location.
        "add_location": rules.ADMINISTRATORS,
        # Recipients see what the owner may read: an owner gives a share to itself and to its groups alone.
        "give": rules.ADMINISTRATORS,
        "grant": rules.OWN_SHARE,
        "delete": rules.OWN_SHARE,
    },
    SecurableType.RECIPIENT: {
        "edit": rules.OWN_RECIPIENT,
        "rotate": rules.OWN_RECIPIENT,
        # What a recipient may cost is decided by who pays.
        "limit": rules.ADMINISTRATORS,
        "delete": rules.OWN_RECIPIENT,
    },
    SecurableType.PROVIDER: {
        "edit": rules.OWN_PROVIDER,
        "see_shares": rules.OWN_PROVIDER,
        "delete": rules.OWN_PROVIDER,
    },
}
"""Controls by the type of securable that they are for, each by its word."""

CHANGES_BELOW_CATALOGS: Mapping[SecurableType, frozenset[str]] = {
    SecurableType.SCHEMA: frozenset({"give"}),
    SecurableType.MODEL: frozenset({"give"}),
}
"""Controls that write what is in a catalog, by a rule that reads have, too; see `WRITES_BELOW_CATALOGS`."""
