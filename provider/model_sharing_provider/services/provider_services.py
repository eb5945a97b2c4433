"""Services of one provider over one metastore, as its faces and its command line call them."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.domain.principals import Caller, Principal
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.administration.audit import Audit
from model_sharing_provider.services.administration.backups import Backups
from model_sharing_provider.services.administration.fsck import Fsck
from model_sharing_provider.services.administration.gc import GarbageCollection
from model_sharing_provider.services.administration.inventory import Inventory
from model_sharing_provider.services.administration.jobs import Jobs
from model_sharing_provider.services.administration.overviews import Overviews
from model_sharing_provider.services.administration.readiness import Readiness
from model_sharing_provider.services.administration.replication import Replication
from model_sharing_provider.services.administration.secrets import Secrets
from model_sharing_provider.services.audit_recorder import AuditRecorder
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.jobs.worker import JobWorker
from model_sharing_provider.services.mirroring.catalog_pulls import CatalogPulls
from model_sharing_provider.services.mirroring.eviction import Eviction
from model_sharing_provider.services.mirroring.follower import MirrorFollower
from model_sharing_provider.services.publishing.comparisons import Comparisons
from model_sharing_provider.services.publishing.copies import Copies
from model_sharing_provider.services.publishing.finalization import Finalization
from model_sharing_provider.services.publishing.flavors import Flavors
from model_sharing_provider.services.publishing.multipart import Multipart
from model_sharing_provider.services.publishing.principal_credentials import PrincipalCredentials
from model_sharing_provider.services.publishing.principal_files import PrincipalFiles
from model_sharing_provider.services.publishing.principal_revisions import PrincipalRevisions
from model_sharing_provider.services.publishing.registration import Registration
from model_sharing_provider.services.publishing.run_registration import RunRegistration
from model_sharing_provider.services.publishing.uploads import Uploads
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.registry.access_tokens import AccessTokens
from model_sharing_provider.services.registry.catalogs import Catalogs
from model_sharing_provider.services.registry.code_sign_in import CodeSignIn
from model_sharing_provider.services.registry.directory import Directory
from model_sharing_provider.services.registry.file_locations import FileLocations
from model_sharing_provider.services.registry.lineage import Lineage
from model_sharing_provider.services.registry.models import Models
from model_sharing_provider.services.registry.origin_signatures import OriginSignatures
from model_sharing_provider.services.registry.permissions import Permissions
from model_sharing_provider.services.registry.principal_policies import PrincipalPolicies
from model_sharing_provider.services.registry.principals import Principals
from model_sharing_provider.services.registry.recalls import Recalls
from model_sharing_provider.services.registry.sessions import Sessions
from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
from model_sharing_provider.services.registry.tracking import Tracking
from model_sharing_provider.services.registry.versions import Versions
from model_sharing_provider.services.sharing.activation_links import ActivationLinks
from model_sharing_provider.services.sharing.asset_files import AssetFiles
from model_sharing_provider.services.sharing.catalog_terms import CatalogTerms
from model_sharing_provider.services.sharing.changes import Changes
from model_sharing_provider.services.sharing.federation_policies import FederationPolicies
from model_sharing_provider.services.sharing.folder_assets import FolderAssets
from model_sharing_provider.services.sharing.provider_terms import ProviderTerms
from model_sharing_provider.services.sharing.providers import Providers
from model_sharing_provider.services.sharing.pull_history import PullHistory
from model_sharing_provider.services.sharing.recipient_credentials import RecipientCredentials
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_revisions import RecipientRevisions
from model_sharing_provider.services.sharing.recipient_terms import RecipientTerms
from model_sharing_provider.services.sharing.recipient_view import RecipientView
from model_sharing_provider.services.sharing.recipients import Recipients
from model_sharing_provider.services.sharing.repeated_calls import RepeatedCalls
from model_sharing_provider.services.sharing.search import Search
from model_sharing_provider.services.sharing.share_permissions import SharePermissions
from model_sharing_provider.services.sharing.share_previews import SharePreviews
from model_sharing_provider.services.sharing.shared_catalogs import SharedCatalogs
from model_sharing_provider.services.sharing.shared_tables import SharedTables
from model_sharing_provider.services.sharing.shares import Shares
from model_sharing_provider.services.sharing.signing import Signing
from model_sharing_provider.services.signed_files import SignedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderServices:
    """Services, wired by `bootstrap.open_provider`. An empty `public_url` is taken from each request."""

    database: Database
    audit_recorder: AuditRecorder
    rate_limits: RateLimits
    administrator: Principal
    public_url: str

    access_tokens: AccessTokens
    activation_links: ActivationLinks
    asset_files: AssetFiles
    audit: Audit
    backups: Backups
    catalog_pulls: CatalogPulls
    catalog_terms: CatalogTerms
    catalogs: Catalogs
    changes: Changes
    code_sign_in: CodeSignIn
    comparisons: Comparisons
    copies: Copies
    directory: Directory
    eviction: Eviction
    flavors: Flavors
    file_locations: FileLocations
    federation_policies: FederationPolicies
    finalization: Finalization
    fsck: Fsck
    gc: GarbageCollection
    inventory: Inventory
    job_worker: JobWorker
    jobs: Jobs
    lineage: Lineage
    mirror_follower: MirrorFollower
    models: Models
    multipart: Multipart
    origin_signatures: OriginSignatures
    overviews: Overviews
    permissions: Permissions
    principal_policies: PrincipalPolicies
    principals: Principals
    principal_credentials: PrincipalCredentials
    principal_files: PrincipalFiles
    principal_revisions: PrincipalRevisions
    provider_terms: ProviderTerms
    providers: Providers
    pull_history: PullHistory
    readiness: Readiness
    recalls: Recalls
    recipient_credentials: RecipientCredentials
    recipient_files: RecipientFiles
    recipient_revisions: RecipientRevisions
    recipient_terms: RecipientTerms
    recipient_view: RecipientView
    recipients: Recipients
    registration: Registration
    replication: Replication
    run_registration: RunRegistration
    repeated_calls: RepeatedCalls | None
    search: Search
    secrets: Secrets
    sessions: Sessions
    share_permissions: SharePermissions
    share_previews: SharePreviews
    shared_catalogs: SharedCatalogs
    shared_tables: SharedTables
    shared_skills: FolderAssets
    shared_volumes: FolderAssets
    shares: Shares
    signed_files: SignedFiles
    signing: Signing
    storage_credentials: StorageCredentials
    tracking: Tracking
    uploads: Uploads
    versions: Versions

    def context(self, caller: Caller) -> Context:
        """Context for calls of `caller`."""
        return Context(caller, self.database, self.audit_recorder, self.rate_limits)
