"""Parts of mirroring, wired once for all services that need them."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.domain.mirrors import FreshnessPolicy
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.follower import MirrorFollower
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.mirroring.model_writer import ModelWriter
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.mirroring.sync import MirrorSync
from model_sharing_provider.services.mirroring.version_writer import VersionWriter
from model_sharing_provider.services.registry.removal import ArtifactCleaner


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Parts of mirroring. `system` is the context of what the mirror does by itself."""

    system: Context
    shares: OpenShares
    sync: MirrorSync
    freshness: Freshness
    follower: MirrorFollower


def open_mirroring(
    system: Context,
    shares: OpenShares,
    *,
    bundles: Bundles,
    manifests: Manifests,
    cleaner: ArtifactCleaner,
    policy: FreshnessPolicy,
) -> Mirroring:
    """Wire the parts of mirroring; nothing is called yet."""
    sync = MirrorSync(ModelWriter(VersionWriter(bundles, manifests), cleaner), cleaner)
    freshness = Freshness(system, shares, sync, policy)
    return Mirroring(system, shares, sync, freshness, MirrorFollower(system, shares, sync, freshness))
