"""Unit of work: the rows of one transaction, by subject."""

from __future__ import annotations

from model_sharing_provider.metastore.authorization.effective_privileges import EffectivePrivilegeRows
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.hot.federation_reads import FederationReads
from model_sharing_provider.metastore.hot.recipient_reads import RecipientReads
from model_sharing_provider.metastore.hot.registry_reads import RegistryReads
from model_sharing_provider.metastore.rows.aliases import AliasRows
from model_sharing_provider.metastore.rows.audit_log import AuditRows
from model_sharing_provider.metastore.rows.catalogs import CatalogRows
from model_sharing_provider.metastore.rows.changes import ChangeCounter, ChangeRows
from model_sharing_provider.metastore.rows.deletion_scope import DeletionScopeRows
from model_sharing_provider.metastore.rows.federation_policies import FederationPolicyRows
from model_sharing_provider.metastore.rows.jobs import JobRows
from model_sharing_provider.metastore.rows.lineage import LineageRows
from model_sharing_provider.metastore.rows.mirrors import MirrorRows
from model_sharing_provider.metastore.rows.models import ModelRows
from model_sharing_provider.metastore.rows.overview import OverviewRows
from model_sharing_provider.metastore.rows.peppers import PepperRows
from model_sharing_provider.metastore.rows.principals import PrincipalRows
from model_sharing_provider.metastore.rows.privilege_grants import PrivilegeGrantRows
from model_sharing_provider.metastore.rows.providers import ProviderRows
from model_sharing_provider.metastore.rows.pull_history import PullHistoryRows
from model_sharing_provider.metastore.rows.pulled_parts import PulledPartRows
from model_sharing_provider.metastore.rows.recipients import RecipientRows
from model_sharing_provider.metastore.rows.search import SearchRows
from model_sharing_provider.metastore.rows.sessions import SessionRows
from model_sharing_provider.metastore.rows.share_grants import ShareGrantRows
from model_sharing_provider.metastore.rows.shared_assets import SharedAssetRows
from model_sharing_provider.metastore.rows.shared_changes import SharedChangeRows
from model_sharing_provider.metastore.rows.shared_models import SharedModelRows
from model_sharing_provider.metastore.rows.shares import ShareRows
from model_sharing_provider.metastore.rows.signing_keys import SigningKeyRows
from model_sharing_provider.metastore.rows.terms import TermsRows
from model_sharing_provider.metastore.rows.uploads import UploadRows
from model_sharing_provider.metastore.rows.versions import VersionRows


class UnitOfWork:
    """Rows of one transaction. Created by `Database.read` and `Database.write`, for their block."""

    def __init__(
        self,
        connection: Connection,
        recipient_reads: RecipientReads,
        registry_reads: RegistryReads,
        federation_reads: FederationReads,
        change_counter: ChangeCounter,
    ) -> None:
        self.federation_reads = federation_reads
        self.recipient_reads = recipient_reads
        self.registry_reads = registry_reads
        self.audit_log = AuditRows(connection)
        self.changes = ChangeRows(connection, change_counter)
        self.aliases = AliasRows(connection, self.changes)
        self.catalogs = CatalogRows(connection, self.changes)
        self.deletion_scope = DeletionScopeRows(connection)
        self.federation_policies = FederationPolicyRows(connection)
        self.share_grants = ShareGrantRows(connection)
        self.jobs = JobRows(connection)
        self.lineage = LineageRows(connection)
        self.mirrors = MirrorRows(connection, self.changes)
        self.models = ModelRows(connection, self.changes)
        self.overview = OverviewRows(connection)
        self.peppers = PepperRows(connection)
        self.principals = PrincipalRows(connection, self.changes)
        self.privilege_grants = PrivilegeGrantRows(connection, self.changes)
        self.providers = ProviderRows(connection)
        self.pulled_parts = PulledPartRows(connection)
        self.pull_history = PullHistoryRows(connection)
        self.recipients = RecipientRows(connection)
        self.search = SearchRows(connection)
        self.sessions = SessionRows(connection)
        self.shared_assets = SharedAssetRows(connection)
        self.shared_changes = SharedChangeRows(connection)
        self.shared_models = SharedModelRows(connection)
        self.shares = ShareRows(connection, self.changes)
        self.signing_keys = SigningKeyRows(connection)
        self.effective_privileges = EffectivePrivilegeRows(connection)
        self.terms = TermsRows(connection, self.changes)
        self.uploads = UploadRows(connection)
        self.versions = VersionRows(connection, self.changes)
