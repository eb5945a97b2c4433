"""Shares of mirrors, opened with the profiles that their providers issued."""

from __future__ import annotations

from model_sharing_protocol.profile import Profile, parse_profile
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.mirroring.upstream import OpenShare, UpstreamShareClient


class OpenShares:
    def __init__(self, secrets: ServerSecrets, open_share: OpenShare) -> None:
        self._secrets = secrets
        self._open_share = open_share

    def open(self, mirror: Mirror) -> UpstreamShareClient:
        """Open the share of a mirror; nothing is called yet."""
        return self._open_share(mirror, self.profile(mirror))

    def profile(self, mirror: Mirror) -> Profile:
        """Profile of a mirror's provider, with its token."""
        return parse_profile(self._secrets.unseal(mirror.sealed_profile).encode())
