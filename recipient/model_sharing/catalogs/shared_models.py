"""Models and versions as a mounted catalog shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from model_sharing_protocol import model_formats
from model_sharing_protocol.model_formats import known_of
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import ModelSummary, ModelVersion, RegisteredModel
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.times import moment


@dataclass(frozen=True, slots=True)
class SharedModel:
    """Model of a mounted share; its catalog is the mount's name. `updated_at` is in UTC.

    `format`, `license` and `summary` are those of the latest version, None if the provider does not tell.
    """

    full_name: str
    comment: str | None
    aliases: Mapping[str, int]
    latest_version: int | None
    tags: Mapping[str, str]
    updated_at: datetime | None
    format: str | None = None
    license: str | None = None
    summary: Mapping[str, Any] | None = field(repr=False, default=None)

    @classmethod
    def of(cls, name: FullName, wire: RegisteredModel) -> SharedModel:
        """Model under the name `name`, from the protocol's message."""
        return cls(
            str(name),
            wire.comment,
            wire.aliases,
            wire.latest_version,
            wire.tags,
            _moment(wire.updated_at),
            wire.format,
            wire.license,
            _summary(wire.summary),
        )


@dataclass(frozen=True, slots=True)
class SharedVersion:
    """Version of a shared model: `size` in bytes, `created_at` in UTC.

    `digest` names the content of all its files together. `signature` is the MLflow model signature.
    `recalled` is None unless the provider recalled it. `format`, such as `gguf`, `license`, and `summary`,
    with the fields of `ModelSummary` that are known, are what the provider says of the files, unsigned.
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
    format: str | None = None
    license: str | None = None
    summary: Mapping[str, Any] | None = field(repr=False, default=None)

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
            wire.format,
            wire.license,
            _summary(wire.summary),
        )

    @property
    def uri(self) -> str:
        """URI of this version for `load_model`, with its full name and number."""
        return f"models:/{self.full_name}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadedVersion(SharedVersion):
    """Version copied to `path`. Each of the bytes was `fetched` now, or `reused` from the cache.

    `files` are the paths of those that were asked for, if not all were.
    """

    path: Path
    fetched: int
    reused: int
    files: tuple[str, ...] | None = None

    @classmethod
    def at(
        cls,
        path: Path,
        version: SharedVersion,
        *,
        fetched: int,
        reused: int,
        files: tuple[str, ...] | None = None,
    ) -> DownloadedVersion:
        """Version, or some of its files, as it was copied to `path`."""
        known = {each.name: getattr(version, each.name) for each in fields(version)}
        return cls(**known, path=path, fetched=fetched, reused=reused, files=files)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


def _summary(told: ModelSummary | None) -> dict[str, Any] | None:
    return (
        None
        if told is None
        else known_of(msgspec.convert(told, model_formats.ModelSummary, from_attributes=True))
    )
