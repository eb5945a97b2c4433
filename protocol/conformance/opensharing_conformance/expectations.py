"""Expectations: what the operator of a server says that it holds, so that more can be tested.

Without them the suite finds what is there by listing, and cannot know of aliases, of shares that were not
granted, of expired tokens, or that something is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_ASSETS = ("models", "tables", "volumes", "skills")
_KNOWN_FIELDS = {"shares", "notGranted", "expiredToken", "activationLink"}
_KNOWN_SCHEMA_FIELDS = {"name", *_ASSETS}
_KNOWN_MODEL_FIELDS = {"name", "versions", "notReady", "aliases"}
_KNOWN_TABLE_FIELDS = {"name", "history"}


class UnreadableExpectations(ValueError):
    """The file of expectations is not what it should be."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Asset that the server is expected to show to the recipient."""

    kind: str
    share: str
    schema: str
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        return ("shares", self.share, "schemas", self.schema, self.kind, self.name)

    def named(self, name: str) -> Asset:
        """Asset of that name beside this one."""
        return Asset(self.kind, self.share, self.schema, name)

    def in_other_case(self) -> Asset:
        """The same asset, with each name in the other case."""
        return Asset(self.kind, self.share.swapcase(), self.schema.swapcase(), self.name.swapcase())


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the server holds, as far as it was told."""

    shares: tuple[str, ...] = ()
    schemas: tuple[tuple[str, str], ...] = ()
    assets: tuple[Asset, ...] = ()
    not_granted: tuple[str, ...] = ()
    expired_token: str = ""
    activation_link: str = ""

    def of_kind(self, kind: str) -> tuple[Asset, ...]:
        return tuple(asset for asset in self.assets if asset.kind == kind)

    def with_activation_link(self, link: str) -> Expectations:
        return replace(self, activation_link=link)

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.expired_token, self.activation_link)))


def read_expectations(path: Path) -> Expectations:
    """Read a file of expectations; raises UnreadableExpectations or OSError."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableExpectations(f"{path.name} is not JSON: {error}") from None
    return parse_expectations(data)


def parse_expectations(data: Any) -> Expectations:
    """Parse expectations; raises UnreadableExpectations, also for a field that nobody reads."""
    fields = _object(data, "The file", _KNOWN_FIELDS)
    shares: list[str] = []
    schemas: list[tuple[str, str]] = []
    assets: list[Asset] = []
    for share in _objects(fields, "shares", {"name", "schemas"}):
        shares.append(_name(share))
        for schema in _objects(share, "schemas", _KNOWN_SCHEMA_FIELDS):
            schemas.append((_name(share), _name(schema)))
            assets.extend(_assets(_name(share), schema))
    not_granted = fields.get("notGranted", [])
    if not isinstance(not_granted, list) or not all(isinstance(name, str) for name in not_granted):
        raise UnreadableExpectations("notGranted is not a list of names of shares.")
    return Expectations(
        tuple(shares),
        tuple(schemas),
        tuple(assets),
        tuple(not_granted),
        _text(fields, "expiredToken"),
        _text(fields, "activationLink"),
    )


def _assets(share: str, schema: Mapping[str, Any]) -> Iterator[Asset]:
    known = {"models": _KNOWN_MODEL_FIELDS, "tables": _KNOWN_TABLE_FIELDS}
    for kind in _ASSETS:
        for row in schema.get(kind, []):
            details = {"name": row} if isinstance(row, str) else _object(row, kind, known.get(kind, {"name"}))
            yield Asset(kind, share, _name(schema), _name(details), details)


def _object(value: Any, place: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableExpectations(f"{place} is not a JSON object.")
    for name in value:
        if name not in known:
            raise UnreadableExpectations(f"{place} has {name!r}; known are {', '.join(sorted(known))}.")
    return value


def _objects(fields: Mapping[str, Any], name: str, known: set[str]) -> list[Mapping[str, Any]]:
    rows = fields.get(name, [])
    if not isinstance(rows, list):
        raise UnreadableExpectations(f"{name} is not a list.")
    return [_object(row, name, known) for row in rows]


def _name(fields: Mapping[str, Any]) -> str:
    name = _text(fields, "name")
    if not name:
        raise UnreadableExpectations("Each share, schema and asset needs a name.")
    return name


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise UnreadableExpectations(f"{name} is not text.")
    return value
