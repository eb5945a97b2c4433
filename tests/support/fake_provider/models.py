"""Models that the fake provider shares, and the messages that describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.terms import terms_digest

SHARE = "acme_share"

Files = Mapping[str, bytes]


@dataclass
class Model:
    versions: dict[int, Files] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    recalls: dict[int, Recall] = field(default_factory=dict)
    id: str = ""
    comment: str = "flowers"
    updated_at: int = 1_700_000_000_000

    def message(self, name: str) -> dict[str, Any]:
        """Message of listings and of the model's own route, called `schema.model`."""
        return {
            **_place(name, "name"),
            **({"id": self.id} if self.id else {}),
            "comment": self.comment,
            "aliases": self.aliases,
            "latestVersion": max(self.versions, default=None),
            "updatedAt": self.updated_at,
        }

    def version_message(self, name: str, number: int) -> dict[str, Any]:
        manifest = manifest_of(self.versions[number])
        return {
            **_place(name, "modelName"),
            "version": number,
            "status": "READY",
            "storageLocation": "opaque:1",
            "aliases": [alias for alias, version in self.aliases.items() if version == number],
            "size": manifest.size,
            "digest": manifest.digest,
            "createdAt": 1_700_000_000_000,
            **({"recalled": msgspec.to_builtins(self.recalls[number])} if number in self.recalls else {}),
        }


def terms_message(version: str, text: str, *models: str) -> dict[str, Any]:
    """Message about terms that nobody accepted yet, of the share or of some models."""
    of_models = {"appliesTo": list(models), "numModels": len(models)} if models else {}
    return {"digest": terms_digest(version, text), "version": version, "text": text, **of_models}


def _place(name: str, field_of_model: str) -> dict[str, str]:
    schema, model = name.split(".")
    return {field_of_model: model, "schema": schema, "share": SHARE}


@lru_cache(64)
def digest_of(content: bytes) -> str:
    """Remembered, since the same contents are asked for over and over."""
    return sha256(content).hexdigest()


def manifest_of(files: Files) -> Manifest:
    """The manifest as the provider lists it; hostile paths pass."""
    entries = [ManifestFile(path, len(data), digest_of(data)) for path, data in files.items()]
    return Manifest(tuple(sorted(entries, key=lambda entry: entry.path)))


@dataclass(frozen=True)
class XorDelta:
    """Delta that makes the file with the digest `target` of the one with the digest `base`, they say."""

    target: str
    base: str
    content: bytes
