"""Listings of the protocol: paths whose answers are pages of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Place = Mapping[str, str]
"""Names along a path: `share`, `schema`, `model` and so on, each the name of one thing."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Pages of items at a path; `fields` are the required ones, all strings but `version`.

    Items are told apart by the fields `key`; `parents` are the names that the path needs.
    """

    name: str
    kind: str
    path: tuple[str, ...]
    fields: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path if part.startswith("{"))

    def segments(self, place: Place) -> tuple[str, ...]:
        return tuple(place[part[1:-1]] if part.startswith("{") else part for part in self.path)


def _of_assets(kind: str, *more: str) -> tuple[Listing, Listing]:
    fields = ("name", "schema", "share", *more)
    key = ("schema", "name")
    of_schema = ("shares", "{share}", "schemas", "{schema}", kind)
    return (
        Listing(f"all {kind} of a share", kind, ("shares", "{share}", f"all-{kind}"), fields, key),
        Listing(f"{kind} of a schema", kind, of_schema, fields, key),
    )


SHARES = Listing("shares", "shares", ("shares",), ("name",), ("name",))
SCHEMAS = Listing(
    "schemas of a share", "schemas", ("shares", "{share}", "schemas"), ("name", "share"), ("name",)
)
ALL_MODELS, MODELS = _of_assets("models")
VERSIONS = Listing(
    "versions of a model",
    "models",
    (*MODELS.path, "{model}", "versions"),
    ("modelName", "schema", "share", "version", "status", "storageLocation"),
    ("version",),
)
ALL_TABLES, TABLES = _of_assets("tables")
ALL_VOLUMES, VOLUMES = _of_assets("volumes", "storageLocation")
ALL_SKILLS, SKILLS = _of_assets("skills", "description", "storageLocation")
ALL_OF = {"models": ALL_MODELS, "tables": ALL_TABLES, "volumes": ALL_VOLUMES, "skills": ALL_SKILLS}
