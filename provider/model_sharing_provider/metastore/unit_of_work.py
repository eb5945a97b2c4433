"""The rows that one transaction sees, by subject."""

from __future__ import annotations

from model_sharing_provider.metastore.audit_log import AuditRows
from model_sharing_provider.metastore.catalogs import CatalogRows
from model_sharing_provider.metastore.connection import Connection
from model_sharing_provider.metastore.grants import GrantRows
from model_sharing_provider.metastore.hot_path import HotPath
from model_sharing_provider.metastore.hot_registry import HotRegistry
from model_sharing_provider.metastore.lineage import LineageRows
from model_sharing_provider.metastore.models import ModelRows
from model_sharing_provider.metastore.peppers import PepperRows
from model_sharing_provider.metastore.principals import PrincipalRows
from model_sharing_provider.metastore.privilege_grants import PrivilegeRows
from model_sharing_provider.metastore.providers import ProviderRows
from model_sharing_provider.metastore.recipients import RecipientRows
from model_sharing_provider.metastore.shared_models import SharedModelRows
from model_sharing_provider.metastore.shares import ShareRows
from model_sharing_provider.metastore.signing_keys import SigningKeyRows
from model_sharing_provider.metastore.standings import StandingRows
from model_sharing_provider.metastore.uploads import UploadRows
from model_sharing_provider.metastore.versions import VersionRows


class UnitOfWork:
    """Made by `Database.read` and `Database.write`; lives as long as their block."""

    def __init__(self, connection: Connection, hot: HotPath, hot_registry: HotRegistry) -> None:
        self.hot = hot
        self.hot_registry = hot_registry
        self.audit_log = AuditRows(connection)
        self.catalogs = CatalogRows(connection)
        self.grants = GrantRows(connection)
        self.lineage = LineageRows(connection)
        self.models = ModelRows(connection)
        self.peppers = PepperRows(connection)
        self.principals = PrincipalRows(connection)
        self.privileges = PrivilegeRows(connection)
        self.providers = ProviderRows(connection)
        self.recipients = RecipientRows(connection)
        self.shared_models = SharedModelRows(connection)
        self.shares = ShareRows(connection)
        self.signing_keys = SigningKeyRows(connection)
        self.standings = StandingRows(connection)
        self.uploads = UploadRows(connection)
        self.versions = VersionRows(connection)
