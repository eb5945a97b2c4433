"""Sets of privileges that operations need, on the securables that the matrix is about.

These are the model `prod.ml_team.scorer` and its stage `dev.lab.scorer`, the share `acme`, the recipients
`initech`, `globex`
and `hooli`, which signs in by tokens of its issuer, and the provider `umbrella`.
"""

from __future__ import annotations

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.principals import SecurablePrivilege, on_catalog, on_model, on_schema
from support.privilege_matrix.rows import Privileges

PROD, TEAM, SCORER = "prod", SchemaName("prod", "ml_team"), FullName("prod", "ml_team", "scorer")
NEW, STAGED = FullName("prod", "ml_team", "new"), FullName("dev", "lab", "scorer")


def on_metastore(privilege: Privilege) -> Privileges:
    return (SecurablePrivilege(privilege, SecurableType.METASTORE),)


NOTHING: Privileges = ()
ADMINISTRATION = on_metastore(Privilege.ADMINISTER)
USE_CATALOG = (on_catalog(Privilege.USE_CATALOG, PROD),)
OWN_CATALOG = (on_catalog(Privilege.OWN, PROD),)
MANAGE_CATALOG = (on_catalog(Privilege.MANAGE, PROD),)
CREATE_SCHEMA = (*USE_CATALOG, on_catalog(Privilege.CREATE_SCHEMA, PROD))
USE_SCHEMA = (*USE_CATALOG, on_schema(Privilege.USE_SCHEMA, str(TEAM)))
OWN_SCHEMA = (*USE_CATALOG, on_schema(Privilege.OWN, str(TEAM)))
MANAGE_SCHEMA = (on_schema(Privilege.MANAGE, str(TEAM)),)
CREATE_MODEL = (*USE_SCHEMA, on_schema(Privilege.CREATE_MODEL, str(TEAM)))
EXECUTE = (*USE_SCHEMA, on_model(Privilege.EXECUTE, str(SCORER)))
OWN = (*USE_SCHEMA, on_model(Privilege.OWN, str(SCORER)))
AUDIT = (on_model(Privilege.OWN, str(SCORER)),)
APPLY_TAG = (*USE_SCHEMA, on_model(Privilege.APPLY_TAG, str(SCORER)))
RENAME = (*CREATE_MODEL, on_model(Privilege.OWN, str(SCORER)))
USE_LAB = (on_catalog(Privilege.USE_CATALOG, "dev"), on_schema(Privilege.USE_SCHEMA, "dev.lab"))
CREATE_IN_LAB = (*USE_LAB, on_schema(Privilege.CREATE_MODEL, "dev.lab"))
EXECUTE_STAGED = (*USE_LAB, on_model(Privilege.EXECUTE, str(STAGED)))
OWN_SHARE = (SecurablePrivilege(Privilege.OWN, SecurableType.SHARE, "acme"),)
OWN_RECIPIENT = (SecurablePrivilege(Privilege.OWN, SecurableType.RECIPIENT, "globex"),)
OWN_FEDERATED = (SecurablePrivilege(Privilege.OWN, SecurableType.RECIPIENT, "hooli"),)
OWN_PROVIDER = (SecurablePrivilege(Privilege.OWN, SecurableType.PROVIDER, "umbrella"),)

# Several ways to be allowed the same.
MANAGE_PROD = (OWN_CATALOG, MANAGE_CATALOG)
MANAGE_TEAM = ((on_schema(Privilege.OWN, str(TEAM)),), MANAGE_SCHEMA, *MANAGE_PROD)
MANAGE_SCORER = (
    (on_model(Privilege.OWN, str(SCORER)),),
    (on_model(Privilege.MANAGE, str(SCORER)),),
    *MANAGE_TEAM,
)
