"""Upstreams: what a provider says about a share that a catalog here is made from.

Times are epoch ms, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelSummary
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import Bundle
from model_sharing_provider.domain.terms import SharedTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamShare:
    """Share as its provider describes it: signing keys, origins of files, and permission to share further.

    `terms` are those in force, where they were asked for.
    """

    keys: tuple[str, ...]
    provider_fingerprint: str
    file_origins: tuple[str, ...]
    resharing: bool
    terms: tuple[SharedTerms, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamModel:
    """Model in a provider's share. `id` never changes; `updated_at` is None if the provider does not tell."""

    name: SharedName
    id: str = ""
    comment: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    updated_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamVersion:
    """Version in a provider's share, as it is described; its files are verified separately."""

    number: int
    digest: str = ""
    comment: str = ""
    source: str = ""
    run_id: str = ""
    signature: dict[str, Any] | None = None
    size: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: int = 0
    recall: Recall | None = None
    format: str = ""
    license: str = ""
    summary: ModelSummary = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFiles:
    """Files of a version, verified against the provider's signature: its bundle, and the key's PEM.

    `state` is what the provider signed about the version just now.
    """

    manifest: Manifest
    bundle: Bundle
    key_pem: str
    state: SignedTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTarget:
    """Version that an alias or a number stands for, as the provider signed it just now.

    `sequence` orders the states of a model.
    """

    version: int
    digest: str
    sequence: tuple[int, int]
    issued_at: int
    recall: Recall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamChange:
    """Change in a provider's share; without a model, of the share itself."""

    kind: str
    model: SharedName | None = None
    previous_model: SharedName | None = None
    version: int | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamChanges:
    """Page of changes, in order, and the token of the state after them."""

    changes: Sequence[UpstreamChange]
    token: str
    more: bool = False
