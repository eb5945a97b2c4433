"""Freshness of what is read from shared catalogs, as the registry asks for it; `mirroring` has the rest."""

from __future__ import annotations

from typing import Protocol

from model_sharing_protocol.names import FullName
from model_sharing_provider.services.context import Context


class SharedCatalogFreshness(Protocol):
    async def ensure(self, context: Context, name: FullName) -> None:
        """Make sure that what is read of a model is recent. Raises UpstreamUnavailable."""

    async def note_age(self, context: Context, catalog: str) -> None:
        """Leave the age of a listing in `context.state_age`."""
