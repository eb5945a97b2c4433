"""Securables: catalogs, schemas, registered models and their versions. Times are epoch ms, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelFormat, ModelSummary, known_of
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.recalls import Recall
from model_sharing_provider.domain.mirrors import CatalogSource

MAX_ALIASES = 10
MAX_TAGS = 50


class SecurableType(StrEnum):
    """Types of securables, on which privileges are granted and to which audit events refer."""

    METASTORE = "METASTORE"
    CATALOG = "CATALOG"
    SCHEMA = "SCHEMA"
    MODEL = "MODEL"
    SHARE = "SHARE"
    RECIPIENT = "RECIPIENT"
    PROVIDER = "PROVIDER"
    PRINCIPAL = "PRINCIPAL"


class VersionStatus(StrEnum):
    """Status of a version (Unity Catalog); recipients see only READY ones."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metastore:
    """Metastore of this provider; `owner` is its first administrator."""

    id: str
    name: str
    owner: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Catalog. `source` is None unless it is made from a share of another provider."""

    id: str
    name: str
    comment: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    owner: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    source: CatalogSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    id: str
    full_name: SchemaName
    comment: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    owner: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """Registered model; `aliases` maps each alias, in its original spelling, to its version.

    `format`, `license` and `summary` are those of the `latest_version`, the newest that is READY.
    """

    id: str
    full_name: FullName
    comment: str = ""
    owner: str
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    latest_version: int | None = None
    format: ModelFormat | None = None
    license: str = ""
    summary: ModelSummary = NOTHING_KNOWN
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""

    @property
    def known_summary(self) -> dict[str, Any] | None:
        """Summary without what is not known; None if nothing is."""
        return known_of(self.summary) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Filter of models by the beginning of their name, and by their newest READY version.

    What is empty does not matter, nor does case.
    """

    name_prefix: str = ""
    format: ModelFormat | None = None
    license: str = ""


ANY_MODEL = ModelFilter()


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a version in another metastore: the provider and its share, as they were known here.

    `model` is its name in the share, `digest` that of the signed files, `key` the fingerprint of the key that
    signed them.
    """

    provider: str
    share: str
    model: str
    version: int
    digest: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """Model version. `storage_path` is relative to the artifact root or, for a version registered in place,
    the URL of its folder. `digest` is the manifest's; `logged_model_id` is MLflow's. `chunk_maps` is the
    sha256 of the chunk maps that were made with it; empty if there are none, or nobody vouches for them.

    `origin_…` say which version of which provider's share it came from, if it did; `origin_key` is the
    fingerprint of the key that signed it. `recalled_at` is None unless the version was recalled. `format`,
    `license` and `summary` were read from its files; a version that is not READY has none.
    """

    id: str
    model_id: str
    full_name: FullName
    version: int
    status: VersionStatus
    status_message: str = ""
    comment: str = ""
    source: str = ""
    run_id: str = ""
    logged_model_id: str = ""
    storage_path: str
    signature: dict[str, Any] | None = None
    digest: str = ""
    chunk_maps: str = ""
    size: int = 0
    num_files: int = 0
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str = ""
    origin_provider: str = ""
    origin_share: str = ""
    origin_model: str = ""
    origin_version: int | None = None
    origin_digest: str = ""
    origin_key: str = ""
    recalled_at: int | None = None
    recall_reason: str = ""
    recall_replacement: int | None = None
    format: ModelFormat | None = None
    license: str = ""
    summary: ModelSummary = NOTHING_KNOWN

    @property
    def known_summary(self) -> dict[str, Any] | None:
        """Summary without what is not known; None if nothing is."""
        return known_of(self.summary) or None

    @property
    def in_place(self) -> bool:
        """True if the files are in an external location: read, never written or deleted."""
        return "://" in self.storage_path

    @property
    def origin(self) -> Origin | None:
        """Origin in another metastore; None for a version that was made here."""
        if self.origin_version is None:
            return None
        return Origin(
            self.origin_provider,
            self.origin_share,
            self.origin_model,
            self.origin_version,
            self.origin_digest,
            self.origin_key,
        )

    def with_origin_of(self, source: ModelVersion) -> ModelVersion:
        """Same version, with the origin of one that it is a copy of."""
        return replace(
            self,
            origin_provider=source.origin_provider,
            origin_share=source.origin_share,
            origin_model=source.origin_model,
            origin_version=source.origin_version,
            origin_digest=source.origin_digest,
            origin_key=source.origin_key,
        )

    @property
    def recall(self) -> Recall | None:
        """Recall of this version; None unless it was recalled."""
        if self.recalled_at is None:
            return None
        return Recall(self.recall_reason, self.recalled_at, self.recall_replacement)
