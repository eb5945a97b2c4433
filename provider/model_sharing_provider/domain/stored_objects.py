"""Objects in the artifact store, and URLs to write them to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Stored object: its path below the root, size in bytes, and time of its last change in epoch ms."""

    path: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class UploadUrl:
    """URL to PUT a file to, and the headers to send with it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExternalFile:
    """File in an external location: its path there, size in bytes, last change in epoch ms, and etag."""

    path: str
    size: int
    modified: int
    etag: str


def normalize_etag(written: str | None) -> str:
    """Normalize an ETag, without quotation marks: Azure writes them for an object, and not in a listing."""
    return (written or "").strip('"')
