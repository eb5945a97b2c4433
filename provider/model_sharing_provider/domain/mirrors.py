"""Mirrors: catalogs that are made from a share of a provider.

Times are epoch ms, sizes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

SMALL_FILES = "small"
"""Part of all files of a version that are not large; each large one is a part by its sha256."""
LARGE_FILE_BYTES = 16 * 1024 * 1024
"""Largest size of a file that is fetched together with other small ones."""


class MirrorState(StrEnum):
    """State of a shared catalog. All but the first two say why it is not brought up to date."""

    SYNCING = "SYNCING"
    ACTIVE = "ACTIVE"
    UNREACHABLE = "UNREACHABLE"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a state
    TOKEN_REFUSED = "TOKEN_REFUSED"  # noqa: S105 - a state
    REVOKED = "REVOKED"
    KEY_CHANGED = "KEY_CHANGED"
    STALE_ANSWERS = "STALE_ANSWERS"
    INVALID_ANSWERS = "INVALID_ANSWERS"
    FAILED_HERE = "FAILED_HERE"

    @property
    def is_failure(self) -> bool:
        """True if the last attempt to bring the rows up to date failed."""
        return self not in (MirrorState.SYNCING, MirrorState.ACTIVE)

    @property
    def ends_access(self) -> bool:
        """True if the provider has withdrawn the share, or can no longer be believed."""
        return self in (MirrorState.REVOKED, MirrorState.TOKEN_REFUSED, MirrorState.KEY_CHANGED)


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """Policy for reads of shared catalogs.

    `bound` is the greatest age of what is read, `grace` the greatest while the provider cannot be asked. With
    `serves_after_revocation`, the grace also holds after the provider has withdrawn the share.
    """

    bound: timedelta = timedelta(seconds=5)
    grace: timedelta = timedelta(hours=24)
    serves_after_revocation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Mirror of a share, whose rows are below one catalog.

    `keys` are PEMs of the provider's signing keys, oldest first. `synced_at` is the time of the last complete
    sync. With `broker`, bytes are not kept here: users are given the provider's URLs.
    """

    catalog_id: str
    catalog: str
    catalog_owner: str
    provider_id: str
    provider: str
    sealed_profile: str = field(repr=False)
    share: str
    broker: bool = False
    resharing: bool = False
    keys: tuple[str, ...]
    provider_fingerprint: str
    file_origins: tuple[str, ...] = ()
    synced_at: int | None = None
    state: MirrorState = MirrorState.SYNCING
    state_reason: str = ""
    state_since: int

    @property
    def shown(self) -> str:
        """The share and its provider, for messages."""
        return f"share {self.share} of provider {self.provider}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSource:
    """Source of a shared catalog, and how well its rows are kept true.

    `key_fingerprint` is that of the key that signs. `checked_at` is when the provider last confirmed the
    rows, `synced_at` the time of the last complete sync. `pulled_size` are the bytes of its files that are
    here; None in listings.
    """

    provider: str
    share: str
    key_fingerprint: str
    broker: bool = False
    resharing: bool = False
    state: MirrorState
    state_reason: str = ""
    state_since: int
    synced_at: int | None = None
    checked_at: int = 0
    pulled_size: int | None = None


@dataclass(frozen=True, slots=True)
class SharedCatalogStatus:
    """Status of a shared catalog, and when its provider last confirmed it; 0 if it never did."""

    catalog: str
    state: MirrorState
    checked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledPart:
    """Part of a version's files in this server's store, or on its way there.

    `read_at` is the time of its last use, to within a minute. Until `fetched_until`, a process has the right
    to fetch it, or to evict it.
    """

    version_id: str
    part: str
    size: int
    pulled_at: int | None = None
    read_at: int = 0
    fetched_until: int = 0


def part_of(sha256: str, size: int) -> str:
    """Part that a file belongs to."""
    return sha256 if size > LARGE_FILE_BYTES else SMALL_FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorCheck:
    """Last confirmation of a mirror by its provider. An empty `feed_token` means that it was never synced."""

    feed_token: str = ""
    checked_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredModel:
    """Mirrored model: its local id, and the provider's.

    `sequence` and `issued_at` are those of the last signed state: nothing older is believed.
    """

    model_id: str
    upstream_id: str = ""
    updated_at: int = 0
    sequence: tuple[int, int] = (0, 0)
    issued_at: int = 0
