"""Composition root: settings → stores → services. The only module that knows every part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.download_origins import DownloadOrigins
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.bootstrap.identities import wire_identities
from model_sharing_provider.bootstrap.mirroring import Mirroring, Stores, open_mirroring
from model_sharing_provider.bootstrap.replicas import open_replica_database, read_identity
from model_sharing_provider.bootstrap.startup import (
    Announce,
    create_home,
    ensure_administrator,
    ensure_secrets,
    ensure_signing_keys,
)
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.jobs import JobKind
from model_sharing_provider.domain.principals import MIRROR, Caller, Principal
from model_sharing_provider.keys.cdns import CdnTable
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.audit_spool import AuditSpool
from model_sharing_provider.metastore.database import Database, open_database
from model_sharing_provider.mlflow_import.run_models import TrackingRuns
from model_sharing_provider.remote_providers.connections import UpstreamConnections
from model_sharing_provider.remote_providers.egress import Egress
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
from model_sharing_provider.services.provider_services import ProviderServices
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
from model_sharing_provider.services.recipient_budgets import RecipientBudgets
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
from model_sharing_provider.services.registry.recalls import RecallPolicy, Recalls
from model_sharing_provider.services.registry.removal import ArtifactCleaner
from model_sharing_provider.services.registry.sessions import Sessions
from model_sharing_provider.services.registry.storage_credentials import StorageCredentials
from model_sharing_provider.services.registry.tracking import Tracking
from model_sharing_provider.services.registry.versions import Versions
from model_sharing_provider.services.sharing.activation_links import ActivationLinks
from model_sharing_provider.services.sharing.asset_files import AssetFiles
from model_sharing_provider.services.sharing.change_signal import ChangeSignal
from model_sharing_provider.services.sharing.changes import Changes
from model_sharing_provider.services.sharing.federation_policies import FederationPolicies
from model_sharing_provider.services.sharing.folder_assets import SKILLS, VOLUMES, FolderAssets
from model_sharing_provider.services.sharing.information_schema import InformationSchema
from model_sharing_provider.services.sharing.provider_terms import ProviderTerms
from model_sharing_provider.services.sharing.pull_history import PullHistory
from model_sharing_provider.services.sharing.recipient_credentials import RecipientCredentials
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_revisions import RecipientRevisions
from model_sharing_provider.services.sharing.recipient_sign_in import RecipientSignIn
from model_sharing_provider.services.sharing.recipient_terms import RecipientTerms
from model_sharing_provider.services.sharing.recipient_view import RecipientView
from model_sharing_provider.services.sharing.recipients import Recipients
from model_sharing_provider.services.sharing.repeated_calls import RepeatedCalls
from model_sharing_provider.services.sharing.search import Search
from model_sharing_provider.services.sharing.share_permissions import SharePermissions
from model_sharing_provider.services.sharing.share_previews import SharePreviews
from model_sharing_provider.services.sharing.shared_tables import SharedTables
from model_sharing_provider.services.sharing.shares import Shares
from model_sharing_provider.services.sharing.signing import Signing
from model_sharing_provider.services.signed_files import SignedFiles


@asynccontextmanager
async def open_provider(
    settings: Settings, announce: Announce = lambda _: None, *, lost_keys: bool = False
) -> AsyncIterator[ProviderServices]:
    """Open the provider in its home; a first start creates and announces all that it needs.

    With `lost_keys`, signing keys other than the database's own are accepted. Safe while other processes have
    the same home open.
    """
    create_home(settings)
    spool = None
    if settings.replica_of:
        database = await open_replica_database(settings)
    else:
        database = await open_database(settings.database_url, settings.database_connections)
    try:
        if settings.replica_of:
            secrets, keys, administrator = await read_identity(settings, database)
            spool = AuditSpool(settings.audit_spool_path, settings.home_database_url)
        else:
            secrets = await ensure_secrets(settings, database)
            keys = await ensure_signing_keys(settings, database, lost=lost_keys)
            administrator = await ensure_administrator(database, secrets, settings, announce)
        connections = UpstreamConnections(Egress(settings.allowed_provider_networks))
        provider, mirroring = _wire(
            settings, secrets, keys, database, spool, administrator=administrator, connections=connections
        )
        try:
            yield provider
        finally:
            await mirroring.close()
            await connections.close()
            await provider.audit_recorder.close()
    finally:
        if spool is not None:
            spool.close()
        await database.close()


def _wire(
    settings: Settings,
    secrets: ServerSecrets,
    keys: SigningKeys,
    database: Database,
    spool: AuditSpool | None,
    *,
    administrator: Principal,
    connections: UpstreamConnections,
) -> tuple[ProviderServices, Mirroring]:
    external = ExternalLocations(settings.external_locations)
    cdn_table = CdnTable(settings.cdn_file) if settings.cdn_file else None
    cdns = CdnUrls((lambda: cdn_table.cdns) if cdn_table else tuple)
    presigns = settings.presigned_urls
    artifacts = ArtifactStore(settings.artifact_root_url, external, cdns, presigns=presigns)
    origins = DownloadOrigins(artifacts, external, cdns, presigns=presigns)
    folders = SharedFolders(artifacts, external)
    manifests, bundles = Manifests(artifacts), Bundles(artifacts)
    event_log = spool or database
    audit_recorder = AuditRecorder(event_log)
    rate_limits = RateLimits(settings.request_rates)
    budgets = RecipientBudgets(settings.recipient_limits, database, alone=bool(settings.replica_of))
    signed_files = SignedFiles(UrlSigner(secrets), artifacts)
    cleaner = ArtifactCleaner(artifacts, manifests)
    recall_policy = RecallPolicy(settings.recalled_versions)
    signing = Signing(keys)
    vending = Vending(settings.temporary_credentials, settings.credentials_lifetime, settings.aws_role_arn)
    storage_credentials = StorageCredentials(artifacts, vending)
    system = Context(Caller(MIRROR, "mirror"), database, audit_recorder, rate_limits)
    mirroring = open_mirroring(
        settings,
        secrets,
        keys,
        connections=connections,
        stores=Stores(artifacts, manifests, bundles),
        system=system,
        recall_policy=recall_policy,
    )
    pulls = mirroring.pulls
    uploads = Uploads(artifacts, manifests, recall_policy, pulls)
    principal_files = PrincipalFiles(signed_files, artifacts, manifests, recall_policy, pulls)
    identities = wire_identities(settings)
    federation = identities.federation
    principals = Principals(secrets, federation)
    sessions = Sessions(secrets, principals, settings.session_lifetime)
    recipient_files = RecipientFiles(
        signed_files, artifacts, manifests, signing, pulls=pulls, origins=origins, budgets=budgets
    )
    principal_revisions = PrincipalRevisions(
        principal_files,
        artifacts,
        manifests,
        recall_policy=recall_policy,
        pulls=pulls,
        freshness=mirroring.freshness,
    )
    registration = Registration(artifacts, manifests)
    finalization = Finalization(artifacts, manifests, bundles)
    fsck, gc = Fsck(artifacts, manifests, pulls), GarbageCollection(artifacts)
    jobs = Jobs(fsck, gc)
    work = {
        JobKind.CHECK_STORAGE: jobs.check,
        JobKind.COLLECT_GARBAGE: jobs.collect,
        JobKind.FINALIZE_VERSION: finalization.work,
        JobKind.PULL_CATALOG: mirroring.catalog_pulls.work,
    }
    runs = TrackingRuns(settings.tracking_uri) if settings.tracking_uri else None
    services = ProviderServices(
        database=database,
        audit_recorder=audit_recorder,
        rate_limits=rate_limits,
        administrator=administrator,
        public_url=settings.public_url,
        access_tokens=AccessTokens(secrets),
        activation_links=ActivationLinks(secrets),
        asset_files=AssetFiles(recipient_files, folders),
        audit=Audit(),
        backups=Backups(database, (settings.secrets_path, settings.signing_keys_path)),
        catalog_pulls=mirroring.catalog_pulls,
        catalog_terms=mirroring.catalog_terms,
        catalogs=Catalogs(cleaner),
        changes=Changes(ChangeSignal(database.change_token)),
        code_sign_in=CodeSignIn(identities.codes, secrets, principals, sessions),
        comparisons=Comparisons(principal_revisions, manifests),
        copies=Copies(artifacts, manifests, bundles, recall_policy=recall_policy, pulls=pulls),
        directory=Directory(),
        eviction=mirroring.eviction,
        file_locations=FileLocations(artifacts, shown=settings.file_locations),
        federation_policies=FederationPolicies(settings.public_url),
        finalization=finalization,
        flavors=Flavors(artifacts, pulls),
        fsck=fsck,
        gc=gc,
        inventory=Inventory(database, keys),
        job_worker=JobWorker(
            system,
            lambda caller: Context(caller, database, audit_recorder, rate_limits),
            work,
            at_once=settings.jobs,
        ),
        jobs=jobs,
        lineage=Lineage(),
        mirror_follower=mirroring.follower,
        models=Models(cleaner, mirroring.freshness),
        multipart=Multipart(artifacts, uploads),
        origin_signatures=OriginSignatures(bundles, manifests),
        overviews=Overviews(),
        permissions=Permissions(),
        principal_credentials=PrincipalCredentials(storage_credentials, recall_policy, pulls),
        principal_files=principal_files,
        principal_revisions=principal_revisions,
        principal_policies=PrincipalPolicies(settings.public_url),
        principals=principals,
        provider_terms=ProviderTerms(),
        providers=mirroring.providers,
        pull_history=PullHistory(),
        readiness=Readiness(database, artifacts, origins, event_log),
        recalls=Recalls(),
        recipient_credentials=RecipientCredentials(storage_credentials, pulls),
        recipient_files=recipient_files,
        recipient_revisions=RecipientRevisions(artifacts, manifests, pulls, recipient_files),
        recipient_terms=RecipientTerms(),
        recipient_view=RecipientView(),
        recipients=Recipients(
            secrets, settings.quotas, RecipientSignIn(secrets, federation, budgets), budgets
        ),
        registration=registration,
        replication=Replication(database, spool),
        run_registration=RunRegistration(registration, runs),
        repeated_calls=(
            # A replica writes events to a file, in which no change token can be compared.
            RepeatedCalls(database, audit_recorder, rate_limits, budgets, secrets=secrets, keys=keys)
            if spool is None
            else None
        ),
        search=Search(),
        secrets=Secrets(secrets, cdn_table),
        sessions=sessions,
        share_permissions=SharePermissions(),
        share_previews=SharePreviews(),
        shared_tables=SharedTables(
            InformationSchema(recipient_files, artifacts), recipient_files, artifacts, folders
        ),
        shared_skills=FolderAssets(SKILLS, recipient_files, artifacts, folders, vending),
        shared_volumes=FolderAssets(VOLUMES, recipient_files, artifacts, folders, vending),
        shared_catalogs=mirroring.shared_catalogs,
        shares=Shares(settings.quotas, folders),
        signed_files=signed_files,
        signing=signing,
        storage_credentials=storage_credentials,
        tracking=Tracking(settings.tracking_uri),
        uploads=uploads,
        versions=Versions(cleaner, mirroring.freshness),
    )
    return services, mirroring
