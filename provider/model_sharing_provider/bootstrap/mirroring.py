"""Composition of mirroring: catalogs from shares of other providers, their rows and their files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.remote_providers.connections import UpstreamConnections
from model_sharing_provider.remote_providers.remote_files import RemoteFiles
from model_sharing_provider.remote_providers.remote_share import RemoteShare
from model_sharing_provider.remote_providers.remote_shares import RemoteShares
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.catalog_pulls import CatalogPulls
from model_sharing_provider.services.mirroring.eviction import Eviction
from model_sharing_provider.services.mirroring.follower import MirrorFollower
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.mirroring.model_writer import ModelWriter
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.mirroring.part_pull import PullTools
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.mirroring.sync import MirrorSync
from model_sharing_provider.services.mirroring.version_writer import VersionWriter
from model_sharing_provider.services.registry.catalogs import Catalogs
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.registry.removal import ArtifactCleaner
from model_sharing_provider.services.sharing.catalog_terms import CatalogTerms
from model_sharing_provider.services.sharing.providers import Providers
from model_sharing_provider.services.sharing.shared_catalogs import SharedCatalogs


@dataclass(frozen=True, slots=True)
class Stores:
    """Stores of bytes."""

    artifacts: ArtifactStore
    manifests: Manifests
    bundles: Bundles


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Services of mirroring, and what other services need of it."""

    catalog_pulls: CatalogPulls
    catalog_terms: CatalogTerms
    eviction: Eviction
    follower: MirrorFollower
    freshness: Freshness
    providers: Providers
    pulls: PullThrough
    shared_catalogs: SharedCatalogs

    async def close(self) -> None:
        """End what goes on in the background, before connections and the database are closed."""
        await self.shared_catalogs.close()
        await self.freshness.close()
        await self.catalog_pulls.close()


def open_mirroring(
    settings: Settings,
    secrets: ServerSecrets,
    keys: SigningKeys,
    *,
    connections: UpstreamConnections,
    stores: Stores,
    system: Context,
    recall_policy: RecallPolicy,
) -> Mirroring:
    """Wire the parts of mirroring; nothing is called yet. `system` is the server's own context."""
    artifacts, manifests = stores.artifacts, stores.manifests
    cleaner = ArtifactCleaner(artifacts, manifests)
    remote_shares = RemoteShares(connections.egress)
    shares = OpenShares(secrets, partial(RemoteShare, connections))
    sync = MirrorSync(ModelWriter(VersionWriter(stores.bundles, manifests), cleaner), cleaner)
    freshness = Freshness(system, shares, sync, settings.freshness_policy)
    remote_files = RemoteFiles(connections, settings.upstream_cache_path, settings.mirror_scratch_size)
    tools = PullTools(artifacts, manifests, remote_files)
    catalog_terms = CatalogTerms(shares)
    pulls = PullThrough(tools, shares.profile, freshness.check_usable)
    return Mirroring(
        catalog_pulls=CatalogPulls(pulls),
        catalog_terms=catalog_terms,
        eviction=Eviction(artifacts, manifests, settings.pull_limits, system, recall_policy),
        follower=MirrorFollower(system, shares, sync, freshness),
        freshness=freshness,
        providers=Providers(secrets, remote_shares.names, remote_shares.terms),
        pulls=pulls,
        shared_catalogs=SharedCatalogs(
            system,
            secrets,
            remote_shares.describe,
            lambda: keys.fingerprints,
            shares=shares,
            sync=sync,
            catalogs=Catalogs(cleaner),
            terms=catalog_terms,
        ),
    )
