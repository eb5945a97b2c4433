"""Wiring of administration: audit log, storage, secrets, readiness and jobs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from model_sharing_provider.bootstrap.publishing import PublishingWiring

if TYPE_CHECKING:
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
    from model_sharing_provider.services.jobs.worker import JobWorker


class AdministrationWiring(PublishingWiring):
    """Services of administration."""

    @cached_property
    def audit(self) -> Audit:
        from model_sharing_provider.services.administration.audit import Audit

        return Audit()

    @cached_property
    def backups(self) -> Backups:
        from model_sharing_provider.services.administration.backups import Backups

        return Backups(self.database, (self.settings.secrets_path, self.settings.signing_keys_path))

    @cached_property
    def fsck(self) -> Fsck:
        from model_sharing_provider.services.administration.fsck import Fsck

        return Fsck(self.artifacts, self.manifests, self.pulls)

    @cached_property
    def gc(self) -> GarbageCollection:
        from model_sharing_provider.services.administration.gc import GarbageCollection

        return GarbageCollection(self.artifacts)

    @cached_property
    def inventory(self) -> Inventory:
        from model_sharing_provider.services.administration.inventory import Inventory

        return Inventory(self.database, self.signing_keys)

    @cached_property
    def job_worker(self) -> JobWorker:
        from model_sharing_provider.domain.jobs import JobKind
        from model_sharing_provider.services.jobs.worker import JobWorker

        work = {
            JobKind.CHECK_STORAGE: self.jobs.check,
            JobKind.COLLECT_GARBAGE: self.jobs.collect,
            JobKind.FINALIZE_VERSION: self.finalization.work,
            JobKind.PULL_CATALOG: self.catalog_pulls.work,
        }
        return JobWorker(self.system, self.context, work, at_once=self.settings.jobs)

    @cached_property
    def jobs(self) -> Jobs:
        from model_sharing_provider.services.administration.jobs import Jobs

        return Jobs(self.fsck, self.gc)

    @cached_property
    def overviews(self) -> Overviews:
        from model_sharing_provider.services.administration.overviews import Overviews

        return Overviews()

    @cached_property
    def readiness(self) -> Readiness:
        from model_sharing_provider.services.administration.readiness import Readiness

        return Readiness(self.database, self.artifacts, self.origins, self.event_log)

    @cached_property
    def replication(self) -> Replication:
        from model_sharing_provider.services.administration.replication import Replication

        return Replication(self.database, self.spool)

    @cached_property
    def secrets(self) -> Secrets:
        from model_sharing_provider.services.administration.secrets import Secrets

        return Secrets(self.server_secrets, self.cdn_table)
