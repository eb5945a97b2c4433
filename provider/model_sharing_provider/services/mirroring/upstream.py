"""Upstream side of a mirror, as the services use it; `remote_providers` has the client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.profile import Profile
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.domain.upstreams import (
    SignedTarget,
    UpstreamChanges,
    UpstreamFiles,
    UpstreamModel,
    UpstreamShare,
    UpstreamVersion,
)


class UpstreamShareClient(Protocol):
    """Client of one share. Methods raise ServerUnreachable, TimeoutError and what the provider answers."""

    @property
    def keys(self) -> tuple[str, ...]:
        """PEMs of the keys that are trusted by now, oldest first."""

    @property
    def left_out(self) -> Sequence[str]:
        """Items that listings so far had, and that are left out, with the reasons."""

    async def describe(self) -> UpstreamShare: ...

    async def terms(self) -> list[SharedTerms]: ...

    async def accept_terms(self, digest: str, accepted_by: str) -> None:
        """Accept terms by their digest, as the recipient that this metastore is."""

    async def schemas(self) -> list[str]: ...

    async def models(self) -> list[UpstreamModel]: ...

    async def model(self, name: SharedName) -> UpstreamModel: ...

    async def versions(self, name: SharedName) -> list[UpstreamVersion]: ...

    async def files(self, name: SharedName, number: int) -> UpstreamFiles: ...

    async def state(self, name: SharedName, asked: int | str) -> SignedTarget:
        """Version of this number or behind this alias."""

    async def changes(self, since: str, wait_seconds: float = 0) -> UpstreamChanges | None:
        """Changes after a token, or the token of now for an empty one; None without a feed."""


OpenShare = Callable[[Mirror, Profile], UpstreamShareClient]
"""Function that opens the share of a mirror by the provider's profile."""
