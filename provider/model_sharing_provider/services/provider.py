"""The provider as its faces and its command line see it: all services over one metastore."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.domain.principals import Caller, Principal
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.access import Access
from model_sharing_provider.services.audit import Audit, AuditRecorder
from model_sharing_provider.services.backups import Backups
from model_sharing_provider.services.catalogs import Catalogs
from model_sharing_provider.services.context import Context
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
from model_sharing_provider.services.providers import Providers
from model_sharing_provider.services.publication import Publication
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.readiness import Readiness
from model_sharing_provider.services.recipients import Recipients
from model_sharing_provider.services.registration import Registration
from model_sharing_provider.services.secrets import Secrets
from model_sharing_provider.services.shared_view import SharedView
from model_sharing_provider.services.shares import Shares
from model_sharing_provider.services.signing import Signing
from model_sharing_provider.services.system_tables import SystemTables
from model_sharing_provider.services.tracking import Tracking
from model_sharing_provider.services.uploads import Uploads
from model_sharing_provider.services.versions import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Wired by `bootstrap.open_provider`. `public_url` is empty when only requests can tell."""

    database: Database
    audit_recorder: AuditRecorder
    rate_limits: RateLimits
    administrator: Principal
    public_url: str

    access: Access
    audit: Audit
    backups: Backups
    catalogs: Catalogs
    copies: Copies
    credentials: Credentials
    files: Files
    formats: Formats
    fsck: Fsck
    gc: GarbageCollection
    grants: Grants
    inventory: Inventory
    lineage: Lineage
    models: Models
    multipart: Multipart
    principals: Principals
    providers: Providers
    publication: Publication
    readiness: Readiness
    recipients: Recipients
    registration: Registration
    secrets: Secrets
    shared_view: SharedView
    shares: Shares
    signing: Signing
    system_tables: SystemTables
    tracking: Tracking
    uploads: Uploads
    versions: Versions

    def context(self, caller: Caller) -> Context:
        """What a service needs to act for `caller`."""
        return Context(caller, self.database, self.audit_recorder, self.rate_limits)
