"""Models and versions as a mounted catalog shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import ModelVersion, RegisteredModel
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.times import moment


@dataclass(frozen=True, slots=True)
class SharedModel:
    """Model of a mounted share; its catalog is the mount's name. `updated_at` is in UTC."""

    full_name: str
    comment: str | None
    aliases: Mapping[str, int]
    latest_version: int | None
    tags: Mapping[str, str]
    updated_at: datetime | None

    @classmethod
    def of(cls, name: FullName, wire: RegisteredModel) -> SharedModel:
        """Model under the name `name`, from the protocol's message."""
        return cls(
            str(name), wire.comment, wire.aliases, wire.latest_version, wire.tags, _moment(wire.updated_at)
        )


@dataclass(frozen=True, slots=True)
class SharedVersion:
    """Version of a shared model: `size` in bytes, `created_at` in UTC.

    `digest` names the content of all its files together. `signature` is the MLflow model signature.
    `recalled` is None unless the provider recalled it.
    """

    full_name: str
    version: int
    status: str
    aliases: tuple[str, ...]
    size: int | None
    digest: str | None
    created_at: datetime | None
    comment: str | None
    source: str | None
    run_id: str | None
    tags: Mapping[str, str]
    signature: Mapping[str, Any] | None = field(repr=False, default=None)
    recalled: Recall | None = None

    @classmethod
    def of(cls, name: FullName, wire: ModelVersion) -> SharedVersion:
        """Version of the model `name`, from the protocol's message."""
        return cls(
            str(name),
            wire.version,
            wire.status,
            wire.aliases,
            wire.size,
            wire.digest,
            _moment(wire.created_at),
            wire.comment,
            wire.source,
            wire.run_id,
            wire.tags,
            wire.signature,
            wire.recalled,
        )

    @property
    def uri(self) -> str:
        """URI of this version for `load_model`, with its full name and number."""
        return f"models:/{self.full_name}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadedVersion(SharedVersion):
    """Version copied to `path`. Each of its bytes was `fetched` now, or `reused` from the cache."""

    path: Path
    fetched: int
    reused: int

    @classmethod
    def at(cls, path: Path, version: SharedVersion, *, fetched: int, reused: int) -> DownloadedVersion:
        """Version as it was copied to `path`."""
        known = {each.name: getattr(version, each.name) for each in fields(version)}
        return cls(**known, path=path, fetched=fetched, reused=reused)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)
