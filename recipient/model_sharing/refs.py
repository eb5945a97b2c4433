"""What was last learned about a model: its versions' contents and its aliases. It is what works offline.

One small JSON file a model, `refs/<hash of endpoint and share>/<hash of schema.model>.json`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from filelock import FileLock

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import ModelVersion
from model_sharing_protocol.times import now_ms

_FRESH_ENOUGH_MS = 60_000


class KnownVersion(msgspec.Struct, frozen=True):
    """A version as the provider described it, and the digest of its manifest."""

    digest: str
    version: ModelVersion


class KnownAlias(msgspec.Struct, frozen=True):
    """The version that an alias pointed at, and when the provider last said so (epoch milliseconds)."""

    version: int
    resolved_at: int


class _Known(msgspec.Struct):
    versions: dict[str, KnownVersion] = {}
    aliases: dict[str, KnownAlias] = {}


class Refs:
    """What is known about the models of one share."""

    def __init__(self, cache_root: Path, endpoint: str, share: str) -> None:
        self._folder = cache_root / "refs" / _hash(f"{endpoint}\n{share}")

    def version(self, model: SharedName, version: int) -> KnownVersion | None:
        return self._read(model).versions.get(str(version))

    def alias(self, model: SharedName, alias: str) -> KnownAlias | None:
        return self._read(model).aliases.get(alias.lower())

    def remember_version(self, model: SharedName, version: ModelVersion, digest: str) -> None:
        known = self._read(model)
        fresh = KnownVersion(digest, version)
        if known.versions.get(str(version.version)) != fresh:
            with self._locked():
                known = self._read(model)
                known.versions[str(version.version)] = fresh
                self._write(model, known)

    def remember_alias(self, model: SharedName, alias: str, version: int) -> None:
        """Written at most once a minute for an alias that stays, so that a warm load writes nothing."""
        present = self.alias(model, alias)
        now = now_ms()
        if present and present.version == version and 0 <= now - present.resolved_at < _FRESH_ENOUGH_MS:
            return
        with self._locked():
            known = self._read(model)
            known.aliases[alias.lower()] = KnownAlias(version, now)
            self._write(model, known)

    def forget(self, model: SharedName, *, version: int | None = None, alias: str | None = None) -> None:
        """The provider no longer shares it: it must not come back when the provider cannot be asked."""
        known = self._read(model)
        if not (str(version) in known.versions or (alias or "").lower() in known.aliases):
            return
        with self._locked():
            known = self._read(model)
            known.versions.pop(str(version), None)
            known.aliases.pop((alias or "").lower(), None)
            self._write(model, known)

    def _path(self, model: SharedName) -> Path:
        return self._folder / f"{_hash(str(model))}.json"

    def _locked(self) -> FileLock:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(self._folder / ".lock")

    def _read(self, model: SharedName) -> _Known:
        try:
            return msgspec.json.decode(self._path(model).read_bytes(), type=_Known)
        except (OSError, msgspec.MsgspecError):
            return _Known()

    def _write(self, model: SharedName, known: _Known) -> None:
        path = self._path(model)
        temporary = path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(known))
        temporary.replace(path)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
