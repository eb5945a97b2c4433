"""Parts: stores, limits and policies that several services have."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import MIRROR, Caller, Principal
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.audit_recorder import AuditRecorder, EventLog
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.rate_limits import RateLimits

if TYPE_CHECKING:
    from model_sharing_provider.artifacts.bundles import Bundles
    from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
    from model_sharing_provider.artifacts.credentials.vending import Vending
    from model_sharing_provider.artifacts.download_origins import DownloadOrigins
    from model_sharing_provider.artifacts.external_locations import ExternalLocations
    from model_sharing_provider.artifacts.manifests import Manifests
    from model_sharing_provider.artifacts.shared_folders import SharedFolders
    from model_sharing_provider.artifacts.store import ArtifactStore
    from model_sharing_provider.bootstrap.identities import Identities
    from model_sharing_provider.keys.cdns import CdnTable
    from model_sharing_provider.metastore.audit_spool import AuditSpool
    from model_sharing_provider.services.recipient_budgets import RecipientBudgets
    from model_sharing_provider.services.registry.recalls import RecallPolicy
    from model_sharing_provider.services.registry.removal import ArtifactCleaner
    from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
    from model_sharing_provider.services.signed_files import SignedFiles


class Parts:
    """Parts of a provider, each made, and its module imported, when it is first used: commands need a few."""

    def __init__(
        self,
        settings: Settings,
        server_secrets: ServerSecrets,
        signing_keys: SigningKeys,
        database: Database,
        spool: AuditSpool | None,
        *,
        administrator: Principal,
    ) -> None:
        self.settings = settings
        self.server_secrets = server_secrets
        self.signing_keys = signing_keys
        self.database = database
        self.spool = spool
        self.administrator = administrator
        self.public_url = settings.public_url
        self.event_log: EventLog = spool or database
        self.audit_recorder = AuditRecorder(self.event_log)
        self.rate_limits = RateLimits(settings.request_rates)

    def context(self, caller: Caller) -> Context:
        """Context for calls of `caller`."""
        return Context(caller, self.database, self.audit_recorder, self.rate_limits)

    @cached_property
    def system(self) -> Context:
        """The server's own context."""
        return self.context(Caller(MIRROR, "mirror"))

    @cached_property
    def external(self) -> ExternalLocations:
        from model_sharing_provider.artifacts.external_locations import ExternalLocations

        return ExternalLocations(self.settings.external_locations)

    @cached_property
    def cdn_table(self) -> CdnTable | None:
        from model_sharing_provider.keys.cdns import CdnTable

        return CdnTable(self.settings.cdn_file) if self.settings.cdn_file else None

    @cached_property
    def cdns(self) -> CdnUrls:
        from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls

        table = self.cdn_table
        return CdnUrls((lambda: table.cdns) if table else tuple)

    @cached_property
    def artifacts(self) -> ArtifactStore:
        from model_sharing_provider.artifacts.store import ArtifactStore

        return ArtifactStore(
            self.settings.artifact_root_url, self.external, self.cdns, presigns=self.settings.presigned_urls
        )

    @cached_property
    def origins(self) -> DownloadOrigins:
        from model_sharing_provider.artifacts.download_origins import DownloadOrigins

        return DownloadOrigins(
            self.artifacts, self.external, self.cdns, presigns=self.settings.presigned_urls
        )

    @cached_property
    def folders(self) -> SharedFolders:
        from model_sharing_provider.artifacts.shared_folders import SharedFolders

        return SharedFolders(self.artifacts, self.external)

    @cached_property
    def manifests(self) -> Manifests:
        from model_sharing_provider.artifacts.manifests import Manifests

        return Manifests(self.artifacts)

    @cached_property
    def bundles(self) -> Bundles:
        from model_sharing_provider.artifacts.bundles import Bundles

        return Bundles(self.artifacts)

    @cached_property
    def cleaner(self) -> ArtifactCleaner:
        from model_sharing_provider.services.registry.removal import ArtifactCleaner

        return ArtifactCleaner(self.artifacts, self.manifests)

    @cached_property
    def recall_policy(self) -> RecallPolicy:
        from model_sharing_provider.services.registry.recalls import RecallPolicy

        return RecallPolicy(self.settings.recalled_versions)

    @cached_property
    def budgets(self) -> RecipientBudgets:
        from model_sharing_provider.services.recipient_budgets import RecipientBudgets

        return RecipientBudgets(
            self.settings.recipient_limits, self.database, alone=bool(self.settings.replica_of)
        )

    @cached_property
    def vending(self) -> Vending:
        from model_sharing_provider.artifacts.credentials.vending import Vending

        return Vending(
            self.settings.temporary_credentials,
            self.settings.credentials_lifetime,
            self.settings.aws_role_arn,
        )

    @cached_property
    def identities(self) -> Identities:
        from model_sharing_provider.bootstrap.identities import wire_identities

        return wire_identities(self.settings)

    @cached_property
    def signed_files(self) -> SignedFiles:
        from model_sharing_provider.artifacts.signed_urls import UrlSigner
        from model_sharing_provider.services.signed_files import SignedFiles

        return SignedFiles(UrlSigner(self.server_secrets), self.artifacts)

    @cached_property
    def storage_credentials(self) -> StorageCredentials:
        from model_sharing_provider.services.registry.storage_credentials import StorageCredentials

        return StorageCredentials(self.artifacts, self.vending)
