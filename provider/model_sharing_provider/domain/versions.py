"""Versions of models: new ones as their makers describe them, and READY ones with their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_sharing_protocol.manifest import ManifestFile
from model_sharing_provider.domain.limits import check_comment, check_origin
from model_sharing_provider.domain.securables import ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as its maker describes it. One from another registry keeps its `number` if that is free.

    Raises InvalidParameter for what is too long to keep.
    """

    number: int = 1
    source: str = ""
    run_id: str = ""
    comment: str = ""
    logged_model_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_comment(self.comment)
        check_origin(self.source, self.run_id, self.logged_model_id)


@dataclass(frozen=True, slots=True)
class VersionContent:
    """READY version with its files, ordered by path; `gated` until the caller accepts terms for them."""

    version: ModelVersion
    files: Sequence[ManifestFile]
    gated: bool = False
