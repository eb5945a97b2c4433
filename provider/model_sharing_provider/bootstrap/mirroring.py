"""Wiring of mirroring: catalogs from shares of other providers, their rows and their files."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from model_sharing_provider.bootstrap.parts import Parts

if TYPE_CHECKING:
    from model_sharing_provider.remote_providers.connections import UpstreamConnections
    from model_sharing_provider.remote_providers.remote_shares import RemoteShares
    from model_sharing_provider.services.mirroring.catalog_pulls import CatalogPulls
    from model_sharing_provider.services.mirroring.eviction import Eviction
    from model_sharing_provider.services.mirroring.follower import MirrorFollower
    from model_sharing_provider.services.mirroring.freshness import Freshness
    from model_sharing_provider.services.mirroring.open_shares import OpenShares
    from model_sharing_provider.services.mirroring.pull_through import PullThrough
    from model_sharing_provider.services.mirroring.sync import MirrorSync
    from model_sharing_provider.services.registry.catalogs import Catalogs
    from model_sharing_provider.services.sharing.catalog_terms import CatalogTerms
    from model_sharing_provider.services.sharing.providers import Providers
    from model_sharing_provider.services.sharing.shared_catalogs import SharedCatalogs


class MirroringWiring(Parts):
    """Mirroring, and what other services need of it. Nothing is asked of a provider as it is wired."""

    @cached_property
    def connections(self) -> UpstreamConnections:
        from model_sharing_provider.remote_providers.connections import UpstreamConnections
        from model_sharing_provider.remote_providers.egress import Egress

        return UpstreamConnections(Egress(self.settings.allowed_provider_networks))

    @cached_property
    def remote_shares(self) -> RemoteShares:
        from model_sharing_provider.remote_providers.remote_shares import RemoteShares

        return RemoteShares(self.connections.egress)

    @cached_property
    def open_shares(self) -> OpenShares:
        from model_sharing_provider.remote_providers.remote_share import RemoteShare
        from model_sharing_provider.services.mirroring.open_shares import OpenShares

        return OpenShares(self.server_secrets, partial(RemoteShare, self.connections))

    @cached_property
    def sync(self) -> MirrorSync:
        from model_sharing_provider.services.mirroring.model_writer import ModelWriter
        from model_sharing_provider.services.mirroring.sync import MirrorSync
        from model_sharing_provider.services.mirroring.version_writer import VersionWriter

        return MirrorSync(
            ModelWriter(VersionWriter(self.bundles, self.manifests), self.cleaner), self.cleaner
        )

    @cached_property
    def freshness(self) -> Freshness:
        from model_sharing_provider.services.mirroring.freshness import Freshness

        return Freshness(self.system, self.open_shares, self.sync, self.settings.freshness_policy)

    @cached_property
    def pulls(self) -> PullThrough:
        from model_sharing_provider.remote_providers.remote_files import RemoteFiles
        from model_sharing_provider.services.mirroring.part_pull import PullTools
        from model_sharing_provider.services.mirroring.pull_through import PullThrough

        files = RemoteFiles(
            self.connections, self.settings.upstream_cache_path, self.settings.mirror_scratch_size
        )
        tools = PullTools(self.artifacts, self.manifests, files)
        return PullThrough(tools, self.open_shares.profile, self.freshness.check_usable)

    @cached_property
    def catalog_pulls(self) -> CatalogPulls:
        from model_sharing_provider.services.mirroring.catalog_pulls import CatalogPulls

        return CatalogPulls(self.pulls)

    @cached_property
    def catalog_terms(self) -> CatalogTerms:
        from model_sharing_provider.services.sharing.catalog_terms import CatalogTerms

        return CatalogTerms(self.open_shares)

    @cached_property
    def eviction(self) -> Eviction:
        from model_sharing_provider.services.mirroring.eviction import Eviction

        return Eviction(
            self.artifacts, self.manifests, self.settings.pull_limits, self.system, self.recall_policy
        )

    @cached_property
    def mirror_follower(self) -> MirrorFollower:
        from model_sharing_provider.services.mirroring.follower import MirrorFollower

        return MirrorFollower(self.system, self.open_shares, self.sync, self.freshness)

    @cached_property
    def providers(self) -> Providers:
        from model_sharing_provider.services.sharing.providers import Providers

        return Providers(self.server_secrets, self.remote_shares.names, self.remote_shares.terms)

    @cached_property
    def shared_catalogs(self) -> SharedCatalogs:
        from model_sharing_provider.services.sharing.shared_catalogs import SharedCatalogs

        return SharedCatalogs(
            self.system,
            self.server_secrets,
            self.remote_shares.describe,
            lambda: self.signing_keys.fingerprints,
            shares=self.open_shares,
            sync=self.sync,
            catalogs=self.catalogs,
            terms=self.catalog_terms,
        )

    @cached_property
    def catalogs(self) -> Catalogs:
        from model_sharing_provider.services.registry.catalogs import Catalogs

        return Catalogs(self.cleaner)
