"""Pulls: what is fetched from a provider into this server's store, and what may be made from what is here.

Sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from model_sharing_provider.domain.mirrors import part_of

if TYPE_CHECKING:
    from model_sharing_protocol.manifest import Manifest, ManifestFile
    from model_sharing_protocol.names import SharedName
    from model_sharing_protocol.profile import Profile
    from model_sharing_provider.domain.mirrors import Mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSource:
    """Version in a provider's share as the source of files. The provider must list those of `manifest`."""

    mirror: Mirror
    profile: Profile = field(repr=False)
    name: SharedName
    number: int
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseVersion:
    """Version of the same share of which `parts` are in the store, below `storage_path`."""

    storage_path: str
    manifest: Manifest
    parts: frozenset[str]

    def has(self, file: ManifestFile) -> bool:
        """True if this file of the version is in the store."""
        return part_of(file.sha256, file.size) in self.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLimits:
    """Limits of what is kept of all shared catalogs; None means no limit."""

    max_size: int | None = None
    max_age: timedelta | None = None
