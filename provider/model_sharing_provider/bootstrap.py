"""The composition root: settings → stores → services. The one place that knows every part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.first_start import (
    Announce,
    create_home,
    find_administrator,
    find_secrets,
    find_signing_keys,
)
from model_sharing_provider.metastore.database import Database, open_database
from model_sharing_provider.remote_shares import RemoteShares
from model_sharing_provider.server_secrets import ServerSecrets
from model_sharing_provider.services.access import Access
from model_sharing_provider.services.audit import Audit, AuditRecorder
from model_sharing_provider.services.backups import Backups
from model_sharing_provider.services.catalogs import Catalogs
from model_sharing_provider.services.copies import Copies
from model_sharing_provider.services.credentials import Credentials
from model_sharing_provider.services.files import Files
from model_sharing_provider.services.formats import Formats
from model_sharing_provider.services.fsck import Fsck
from model_sharing_provider.services.gc import GarbageCollection
from model_sharing_provider.services.grants import Grants
from model_sharing_provider.services.inventory import Inventory
from model_sharing_provider.services.lineage import Lineage
from model_sharing_provider.services.models import Models
from model_sharing_provider.services.multipart import Multipart
from model_sharing_provider.services.principals import Principals
from model_sharing_provider.services.provider import Provider
from model_sharing_provider.services.providers import Providers
from model_sharing_provider.services.publication import Publication
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.readiness import Readiness
from model_sharing_provider.services.recipients import Recipients
from model_sharing_provider.services.registration import Registration
from model_sharing_provider.services.removal import Sweeper
from model_sharing_provider.services.secrets import Secrets
from model_sharing_provider.services.shared_view import SharedView
from model_sharing_provider.services.shares import Shares
from model_sharing_provider.services.signing import Signing
from model_sharing_provider.services.system_tables import SystemTables
from model_sharing_provider.services.tracking import Tracking
from model_sharing_provider.services.uploads import Uploads
from model_sharing_provider.services.versions import Versions
from model_sharing_provider.settings import Settings
from model_sharing_provider.signing_keys import SigningKeys


@asynccontextmanager
async def open_provider(
    settings: Settings, announce: Announce = lambda _: None, *, lost_keys: bool = False
) -> AsyncIterator[Provider]:
    """Open the provider in its home, creating on the first start what it needs and announcing what and where.

    With `lost_keys`, also with other signing keys than the database's own. Safe beside other processes that
    have the same home open.
    """
    create_home(settings)
    database = await open_database(settings.database_url, settings.database_connections)
    try:
        secrets = await find_secrets(settings, database)
        keys = await find_signing_keys(settings, database, lost=lost_keys)
        administrator = await find_administrator(database, secrets, settings, announce)
        provider = _wire(settings, secrets, keys, database, administrator)
        try:
            yield provider
        finally:
            await provider.audit_recorder.close()
    finally:
        await database.close()


def _wire(
    settings: Settings,
    secrets: ServerSecrets,
    keys: SigningKeys,
    database: Database,
    administrator: Principal,
) -> Provider:
    artifacts = ArtifactStore(
        settings.artifact_root_url,
        ExternalLocations(settings.external_locations),
        presigns=settings.presigned_urls,
    )
    manifests = Manifests(artifacts)
    signer = UrlSigner(secrets)
    sweeper = Sweeper(artifacts, manifests)
    uploads = Uploads(artifacts, manifests)
    signing = Signing(keys)
    vending = Vending(settings.temporary_credentials, settings.credentials_lifetime, settings.aws_role_arn)
    access = Access(signer, artifacts, manifests, signing)
    return Provider(
        database=database,
        audit_recorder=AuditRecorder(database),
        rate_limits=RateLimits(settings.request_rates),
        administrator=administrator,
        public_url=settings.public_url,
        access=access,
        audit=Audit(),
        backups=Backups(database, (settings.secrets_path, settings.signing_keys_path)),
        catalogs=Catalogs(sweeper),
        copies=Copies(artifacts, manifests),
        credentials=Credentials(artifacts, vending),
        files=Files(signer, artifacts, manifests),
        formats=Formats(artifacts),
        fsck=Fsck(artifacts, manifests),
        gc=GarbageCollection(artifacts),
        grants=Grants(),
        inventory=Inventory(database, keys),
        lineage=Lineage(),
        models=Models(sweeper),
        multipart=Multipart(artifacts, uploads),
        principals=Principals(secrets),
        providers=Providers(secrets, RemoteShares(settings.allowed_provider_networks).names),
        publication=Publication(artifacts, manifests),
        readiness=Readiness(database, artifacts),
        recipients=Recipients(secrets, settings.quotas),
        registration=Registration(artifacts, manifests),
        secrets=Secrets(secrets),
        shared_view=SharedView(),
        shares=Shares(settings.quotas),
        signing=signing,
        system_tables=SystemTables(access, artifacts),
        tracking=Tracking(settings.tracking_uri),
        uploads=uploads,
        versions=Versions(sweeper),
    )
