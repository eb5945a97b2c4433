"""Wiring of publishing: registration, uploads, copies, and the files of principals."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from model_sharing_provider.bootstrap.mirroring import MirroringWiring

if TYPE_CHECKING:
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


class PublishingWiring(MirroringWiring):
    """Services of publishing."""

    @cached_property
    def comparisons(self) -> Comparisons:
        from model_sharing_provider.services.publishing.comparisons import Comparisons

        return Comparisons(self.principal_revisions, self.manifests)

    @cached_property
    def copies(self) -> Copies:
        from model_sharing_provider.services.publishing.copies import Copies

        return Copies(
            self.artifacts,
            self.manifests,
            self.bundles,
            recall_policy=self.recall_policy,
            pulls=self.pulls,
        )

    @cached_property
    def finalization(self) -> Finalization:
        from model_sharing_provider.services.publishing.finalization import Finalization

        return Finalization(self.artifacts, self.manifests, self.bundles)

    @cached_property
    def flavors(self) -> Flavors:
        from model_sharing_provider.services.publishing.flavors import Flavors

        return Flavors(self.artifacts, self.pulls)

    @cached_property
    def multipart(self) -> Multipart:
        from model_sharing_provider.services.publishing.multipart import Multipart

        return Multipart(self.artifacts, self.uploads)

    @cached_property
    def principal_credentials(self) -> PrincipalCredentials:
        from model_sharing_provider.services.publishing.principal_credentials import PrincipalCredentials

        return PrincipalCredentials(self.storage_credentials, self.recall_policy, self.pulls)

    @cached_property
    def principal_files(self) -> PrincipalFiles:
        from model_sharing_provider.services.publishing.principal_files import PrincipalFiles

        return PrincipalFiles(
            self.signed_files, self.artifacts, self.manifests, self.recall_policy, self.pulls
        )

    @cached_property
    def principal_revisions(self) -> PrincipalRevisions:
        from model_sharing_provider.services.publishing.principal_revisions import PrincipalRevisions

        return PrincipalRevisions(
            self.principal_files,
            self.artifacts,
            self.manifests,
            recall_policy=self.recall_policy,
            pulls=self.pulls,
            freshness=self.freshness,
        )

    @cached_property
    def registration(self) -> Registration:
        from model_sharing_provider.services.publishing.registration import Registration

        return Registration(self.artifacts, self.manifests)

    @cached_property
    def run_registration(self) -> RunRegistration:
        from model_sharing_provider.mlflow_import.run_models import TrackingRuns
        from model_sharing_provider.services.publishing.run_registration import RunRegistration

        runs = TrackingRuns(self.settings.tracking_uri) if self.settings.tracking_uri else None
        return RunRegistration(self.registration, runs)

    @cached_property
    def uploads(self) -> Uploads:
        from model_sharing_provider.services.publishing.uploads import Uploads

        return Uploads(self.artifacts, self.manifests, self.recall_policy, self.pulls)
