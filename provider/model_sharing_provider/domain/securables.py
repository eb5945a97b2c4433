"""Catalogs, schemas, registered models and their versions. Times are epoch ms, sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from model_sharing_protocol.names import FullName, SchemaName

MAX_ALIASES = 10


class SecurableType(StrEnum):
    """What privileges can be granted on, and what audit events are about."""

    METASTORE = "METASTORE"
    CATALOG = "CATALOG"
    SCHEMA = "SCHEMA"
    MODEL = "MODEL"
    SHARE = "SHARE"
    RECIPIENT = "RECIPIENT"


class VersionStatus(StrEnum):
    """Only READY versions are listed to recipients, resolved or loaded (Unity Catalog)."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    id: str
    name: str
    comment: str = ""
    owner: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    id: str
    full_name: SchemaName
    comment: str = ""
    owner: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """`aliases` maps each alias, as it was written, to its version."""

    id: str
    full_name: FullName
    comment: str = ""
    owner: str
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    latest_version: int | None = None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """`storage_path` is where the files are, below the artifact root; `digest` names the manifest."""

    id: str
    model_id: str
    full_name: FullName
    version: int
    status: VersionStatus
    comment: str = ""
    source: str = ""
    run_id: str = ""
    storage_path: str
    signature: dict[str, Any] | None = None
    digest: str = ""
    size: int = 0
    num_files: int = 0
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    created_at: int
    created_by: str
