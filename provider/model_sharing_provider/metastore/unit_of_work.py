"""Unit of work: the rows of one transaction, by subject."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from model_sharing_provider.metastore import hot, rows
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.hot.read_cache import ReadCache
from model_sharing_provider.metastore.rows.audit_log import AuditRows
from model_sharing_provider.metastore.rows.changes import ChangeCounter, ChangeRows

if TYPE_CHECKING:
    from model_sharing_provider.metastore.authorization.effective_privileges import EffectivePrivilegeRows
    from model_sharing_provider.metastore.hot.federation_reads import FederationReads
    from model_sharing_provider.metastore.hot.recipient_reads import RecipientReads
    from model_sharing_provider.metastore.hot.registry_reads import RegistryReads
    from model_sharing_provider.metastore.rows.aliases import AliasRows
    from model_sharing_provider.metastore.rows.catalogs import CatalogRows
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
    """Rows of one transaction. Created by `Database.read` and `Database.write`, for their block.

    Rows of a subject are made, and their module is imported, when they are first used: most transactions are
    about two or three subjects, and most commands need no more. A server imports all before it serves, by
    `import_rows`.
    """

    def __init__(self, connection: Connection, cache: ReadCache, change_counter: ChangeCounter) -> None:
        self._connection = connection
        self._cache = cache
        self.audit_log = AuditRows(connection)
        self.changes = ChangeRows(connection, change_counter)

    @cached_property
    def aliases(self) -> AliasRows:
        from model_sharing_provider.metastore.rows.aliases import AliasRows

        return AliasRows(self._connection, self.changes)

    @cached_property
    def catalogs(self) -> CatalogRows:
        from model_sharing_provider.metastore.rows.catalogs import CatalogRows

        return CatalogRows(self._connection, self.changes)

    @cached_property
    def deletion_scope(self) -> DeletionScopeRows:
        from model_sharing_provider.metastore.rows.deletion_scope import DeletionScopeRows

        return DeletionScopeRows(self._connection)

    @cached_property
    def effective_privileges(self) -> EffectivePrivilegeRows:
        from model_sharing_provider.metastore.authorization.effective_privileges import EffectivePrivilegeRows

        return EffectivePrivilegeRows(self._connection)

    @cached_property
    def federation_policies(self) -> FederationPolicyRows:
        from model_sharing_provider.metastore.rows.federation_policies import FederationPolicyRows

        return FederationPolicyRows(self._connection)

    @cached_property
    def federation_reads(self) -> FederationReads:
        from model_sharing_provider.metastore.hot.federation_reads import FederationReads

        return FederationReads(self._cache)

    @cached_property
    def jobs(self) -> JobRows:
        from model_sharing_provider.metastore.rows.jobs import JobRows

        return JobRows(self._connection)

    @cached_property
    def lineage(self) -> LineageRows:
        from model_sharing_provider.metastore.rows.lineage import LineageRows

        return LineageRows(self._connection)

    @cached_property
    def mirrors(self) -> MirrorRows:
        from model_sharing_provider.metastore.rows.mirrors import MirrorRows

        return MirrorRows(self._connection, self.changes)

    @cached_property
    def models(self) -> ModelRows:
        from model_sharing_provider.metastore.rows.models import ModelRows

        return ModelRows(self._connection, self.changes)

    @cached_property
    def overview(self) -> OverviewRows:
        from model_sharing_provider.metastore.rows.overview import OverviewRows

        return OverviewRows(self._connection)

    @cached_property
    def peppers(self) -> PepperRows:
        from model_sharing_provider.metastore.rows.peppers import PepperRows

        return PepperRows(self._connection)

    @cached_property
    def principals(self) -> PrincipalRows:
        from model_sharing_provider.metastore.rows.principals import PrincipalRows

        return PrincipalRows(self._connection, self.changes)

    @cached_property
    def privilege_grants(self) -> PrivilegeGrantRows:
        from model_sharing_provider.metastore.rows.privilege_grants import PrivilegeGrantRows

        return PrivilegeGrantRows(self._connection, self.changes)

    @cached_property
    def providers(self) -> ProviderRows:
        from model_sharing_provider.metastore.rows.providers import ProviderRows

        return ProviderRows(self._connection)

    @cached_property
    def pull_history(self) -> PullHistoryRows:
        from model_sharing_provider.metastore.rows.pull_history import PullHistoryRows

        return PullHistoryRows(self._connection)

    @cached_property
    def pulled_parts(self) -> PulledPartRows:
        from model_sharing_provider.metastore.rows.pulled_parts import PulledPartRows

        return PulledPartRows(self._connection)

    @cached_property
    def recipient_reads(self) -> RecipientReads:
        from model_sharing_provider.metastore.hot.recipient_reads import RecipientReads

        return RecipientReads(self._cache)

    @cached_property
    def recipients(self) -> RecipientRows:
        from model_sharing_provider.metastore.rows.recipients import RecipientRows

        return RecipientRows(self._connection)

    @cached_property
    def registry_reads(self) -> RegistryReads:
        from model_sharing_provider.metastore.hot.registry_reads import RegistryReads

        return RegistryReads(self._cache)

    @cached_property
    def search(self) -> SearchRows:
        from model_sharing_provider.metastore.rows.search import SearchRows

        return SearchRows(self._connection)

    @cached_property
    def sessions(self) -> SessionRows:
        from model_sharing_provider.metastore.rows.sessions import SessionRows

        return SessionRows(self._connection)

    @cached_property
    def share_grants(self) -> ShareGrantRows:
        from model_sharing_provider.metastore.rows.share_grants import ShareGrantRows

        return ShareGrantRows(self._connection)

    @cached_property
    def shared_assets(self) -> SharedAssetRows:
        from model_sharing_provider.metastore.rows.shared_assets import SharedAssetRows

        return SharedAssetRows(self._connection)

    @cached_property
    def shared_changes(self) -> SharedChangeRows:
        from model_sharing_provider.metastore.rows.shared_changes import SharedChangeRows

        return SharedChangeRows(self._connection)

    @cached_property
    def shared_models(self) -> SharedModelRows:
        from model_sharing_provider.metastore.rows.shared_models import SharedModelRows

        return SharedModelRows(self._connection)

    @cached_property
    def shares(self) -> ShareRows:
        from model_sharing_provider.metastore.rows.shares import ShareRows

        return ShareRows(self._connection, self.changes)

    @cached_property
    def signing_keys(self) -> SigningKeyRows:
        from model_sharing_provider.metastore.rows.signing_keys import SigningKeyRows

        return SigningKeyRows(self._connection)

    @cached_property
    def terms(self) -> TermsRows:
        from model_sharing_provider.metastore.rows.terms import TermsRows

        return TermsRows(self._connection, self.changes)

    @cached_property
    def uploads(self) -> UploadRows:
        from model_sharing_provider.metastore.rows.uploads import UploadRows

        return UploadRows(self._connection)

    @cached_property
    def versions(self) -> VersionRows:
        from model_sharing_provider.metastore.rows.versions import VersionRows

        return VersionRows(self._connection, self.changes)


def import_rows() -> None:
    """Import the rows of all subjects, for a server: none of its requests waits for it."""
    for package in (hot, rows):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
