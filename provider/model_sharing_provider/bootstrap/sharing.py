"""Wiring of sharing: shares, recipients, and what a recipient sees and downloads."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from model_sharing_provider.bootstrap.mirroring import MirroringWiring

if TYPE_CHECKING:
    from model_sharing_provider.services.sharing.activation_links import ActivationLinks
    from model_sharing_provider.services.sharing.asset_files import AssetFiles
    from model_sharing_provider.services.sharing.changes import Changes
    from model_sharing_provider.services.sharing.federation_policies import FederationPolicies
    from model_sharing_provider.services.sharing.folder_assets import FolderAssets
    from model_sharing_provider.services.sharing.provider_terms import ProviderTerms
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
    from model_sharing_provider.services.sharing.shared_tables import SharedTables
    from model_sharing_provider.services.sharing.shares import Shares
    from model_sharing_provider.services.sharing.signing import Signing


class SharingWiring(MirroringWiring):
    """Services of sharing."""

    @cached_property
    def activation_links(self) -> ActivationLinks:
        from model_sharing_provider.services.sharing.activation_links import ActivationLinks

        return ActivationLinks(self.server_secrets)

    @cached_property
    def asset_files(self) -> AssetFiles:
        from model_sharing_provider.services.sharing.asset_files import AssetFiles

        return AssetFiles(self.recipient_files, self.folders)

    @cached_property
    def changes(self) -> Changes:
        from model_sharing_provider.services.sharing.change_signal import ChangeSignal
        from model_sharing_provider.services.sharing.changes import Changes

        return Changes(ChangeSignal(self.database.change_token))

    @cached_property
    def federation_policies(self) -> FederationPolicies:
        from model_sharing_provider.services.sharing.federation_policies import FederationPolicies

        return FederationPolicies(self.settings.public_url)

    @cached_property
    def provider_terms(self) -> ProviderTerms:
        from model_sharing_provider.services.sharing.provider_terms import ProviderTerms

        return ProviderTerms()

    @cached_property
    def pull_history(self) -> PullHistory:
        from model_sharing_provider.services.sharing.pull_history import PullHistory

        return PullHistory()

    @cached_property
    def recipient_credentials(self) -> RecipientCredentials:
        from model_sharing_provider.services.sharing.recipient_credentials import RecipientCredentials

        return RecipientCredentials(self.storage_credentials, self.pulls)

    @cached_property
    def recipient_files(self) -> RecipientFiles:
        from model_sharing_provider.services.sharing.recipient_files import RecipientFiles

        return RecipientFiles(
            self.signed_files,
            self.artifacts,
            self.manifests,
            self.signing,
            pulls=self.pulls,
            origins=self.origins,
            budgets=self.budgets,
        )

    @cached_property
    def recipient_revisions(self) -> RecipientRevisions:
        from model_sharing_provider.services.sharing.recipient_revisions import RecipientRevisions

        return RecipientRevisions(self.artifacts, self.manifests, self.pulls, self.recipient_files)

    @cached_property
    def recipient_terms(self) -> RecipientTerms:
        from model_sharing_provider.services.sharing.recipient_terms import RecipientTerms

        return RecipientTerms()

    @cached_property
    def recipient_view(self) -> RecipientView:
        from model_sharing_provider.services.sharing.recipient_view import RecipientView

        return RecipientView()

    @cached_property
    def recipients(self) -> Recipients:
        from model_sharing_provider.services.sharing.recipient_sign_in import RecipientSignIn
        from model_sharing_provider.services.sharing.recipients import Recipients

        sign_in = RecipientSignIn(self.server_secrets, self.identities.federation, self.budgets)
        return Recipients(self.server_secrets, self.settings.quotas, sign_in, self.budgets)

    @cached_property
    def repeated_calls(self) -> RepeatedCalls | None:
        from model_sharing_provider.services.sharing.repeated_calls import RepeatedCalls

        if self.spool is not None:  # events go to a file, in which no change token can be compared
            return None
        return RepeatedCalls(
            self.database,
            self.audit_recorder,
            self.rate_limits,
            self.budgets,
            secrets=self.server_secrets,
            keys=self.signing_keys,
        )

    @cached_property
    def search(self) -> Search:
        from model_sharing_provider.services.sharing.search import Search

        return Search()

    @cached_property
    def share_permissions(self) -> SharePermissions:
        from model_sharing_provider.services.sharing.share_permissions import SharePermissions

        return SharePermissions()

    @cached_property
    def share_previews(self) -> SharePreviews:
        from model_sharing_provider.services.sharing.share_previews import SharePreviews

        return SharePreviews()

    @cached_property
    def shared_skills(self) -> FolderAssets:
        from model_sharing_provider.services.sharing.folder_assets import SKILLS, FolderAssets

        return FolderAssets(SKILLS, self.recipient_files, self.artifacts, self.folders, self.vending)

    @cached_property
    def shared_tables(self) -> SharedTables:
        from model_sharing_provider.services.sharing.information_schema import InformationSchema
        from model_sharing_provider.services.sharing.shared_tables import SharedTables

        schema = InformationSchema(self.recipient_files, self.artifacts)
        return SharedTables(schema, self.recipient_files, self.artifacts, self.folders)

    @cached_property
    def shared_volumes(self) -> FolderAssets:
        from model_sharing_provider.services.sharing.folder_assets import VOLUMES, FolderAssets

        return FolderAssets(VOLUMES, self.recipient_files, self.artifacts, self.folders, self.vending)

    @cached_property
    def shares(self) -> Shares:
        from model_sharing_provider.services.sharing.shares import Shares

        return Shares(self.settings.quotas, self.folders)

    @cached_property
    def signing(self) -> Signing:
        from model_sharing_provider.services.sharing.signing import Signing

        return Signing(self.signing_keys)
