"""Names of securables and references to model versions.

Rules (OpenSharing, Unity Catalog): at most 255 characters; no `.`, `/`, white space or control
characters; stored in lower case and compared case-insensitively. Invisible characters and letters with
several spellings are refused as well, so that no two names look alike.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from model_sharing_protocol.characters import find_unseen, shown
from model_sharing_protocol.errors import InvalidParameter

INFORMATION_SCHEMA = "information_schema"
"""Schema of the tables that a share has about itself; it never has models."""
MAX_NAME_LENGTH = 255
MAX_VERSION = 2**31 - 1
MODEL_SCHEME = "models:/"

_PLAIN_NAME = re.compile(r"[!-\-0-~]{1,255}")
"""Nearly all names, visible ASCII without `.` and `/`: what a listing of thousands is checked by."""
_NUMBERED = re.compile(r"(?P<name>.+)/(?P<version>[0-9]{1,10})")
_ALIASED = re.compile(r"(?P<name>[^@]+)@(?P<alias>.+)")
_RESERVED_ALIAS = re.compile(r"latest|v[0-9]+", re.IGNORECASE)


def normalize_name(kind: str, name: str) -> str:
    """Normalize a name to lower case. Raises InvalidParameter, naming the rule that it breaks.

    `kind` is the everyday word for the named object: "catalog", "share", "model".
    """
    if _PLAIN_NAME.fullmatch(name):
        return name.lower()
    if not name:
        raise InvalidParameter(f"The {kind} name is empty; give it at least one character.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidParameter(
            f"The {kind} name has {len(name)} characters; at most {MAX_NAME_LENGTH} are allowed."
        )
    for character in name:
        if character in "./" or character.isspace() or find_unseen(character):
            raise InvalidParameter(
                f"The {kind} name {name!r} contains {shown(character)}; names cannot contain '.', '/', white "
                "space, control characters or other invisible ones."
            )
    if not unicodedata.is_normalized("NFC", name):
        raise InvalidParameter(
            f"The {kind} name {name!r} is not in the Unicode form NFC, in which each letter has one spelling."
        )
    return name.lower()


def check_alias(alias: str) -> str:
    """Check an alias and return it. Raises InvalidParameter; `latest` and `v<digits>` are reserved."""
    normalize_name("alias", alias)
    if "@" in alias:
        raise InvalidParameter(f"The alias {alias!r} contains '@'.")
    if _RESERVED_ALIAS.fullmatch(alias):
        raise InvalidParameter(f"The alias {alias!r} is reserved, as 'latest' and 'v<number>' are.")
    return alias


def parse_version(text: str) -> int:
    """Version number from a path or a command line: a whole number from 1 to 2**31 - 1."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MAX_VERSION:
        return int(text)
    raise InvalidParameter(f"{text!r} is not a version number; versions are whole numbers from 1.")


@dataclass(frozen=True, slots=True, order=True)
class SchemaName:
    """Name of a schema, `catalog.schema`, in lower case."""

    catalog: str
    schema: str

    @classmethod
    def parse(cls, text: str) -> SchemaName:
        parts = text.split(".")
        if len(parts) != 2:
            raise InvalidParameter(f"{text!r} is not a schema name; write it as catalog.schema.")
        return cls(normalize_name("catalog", parts[0]), normalize_name("schema", parts[1]))

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}"


@dataclass(frozen=True, slots=True, order=True)
class FullName:
    """Full name of a model, `catalog.schema.model`, in lower case. The catalog may be a mount's name."""

    catalog: str
    schema: str
    name: str

    @classmethod
    def parse(cls, text: str, kind: str = "model") -> FullName:
        """Parse the full name of a model or, by its `kind`, of another asset. Raises InvalidParameter."""
        parts = text.split(".")
        if len(parts) != 3:
            raise InvalidParameter(
                f"{text!r} is not a {kind}'s full name; write it as catalog.schema.{kind}."
            )
        return cls(
            normalize_name("catalog", parts[0]),
            normalize_name("schema", parts[1]),
            normalize_name(kind, parts[2]),
        )

    @property
    def schema_name(self) -> SchemaName:
        return SchemaName(self.catalog, self.schema)

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class SharedName:
    """Name of a model inside a share: `schema.model`."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str, kind: str = "model") -> SharedName:
        """Parse the name of a model or, by its `kind`, of another asset. Raises InvalidParameter."""
        parts = text.split(".")
        if len(parts) != 2:
            raise InvalidParameter(f"{text!r} is not a shared name; write it as schema.{kind}.")
        return cls(normalize_name("schema", parts[0]), normalize_name(kind, parts[1]))

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Reference to a model version, by number or alias: `models:/c.s.m/3` or `models:/c.s.m@Champion`.

    The form is MLflow's. `name` keeps its dotted form, since it has three parts for a mounted catalog and
    two inside a share. Exactly one of `version` and `alias` is set.
    """

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Parse a reference, with or without the prefix `models:/`. Raises InvalidParameter."""
        body = text.removeprefix(MODEL_SCHEME)
        if numbered := _NUMBERED.fullmatch(body):
            return cls(numbered["name"], version=parse_version(numbered["version"]))
        if aliased := _ALIASED.fullmatch(body):
            normalize_name("alias", aliased["alias"])
            return cls(aliased["name"], alias=aliased["alias"])
        raise InvalidParameter(
            f"{text!r} does not name a model version; "
            f"write {MODEL_SCHEME}catalog.schema.model/3 or {MODEL_SCHEME}catalog.schema.model@alias."
        )

    def __str__(self) -> str:
        return f"{MODEL_SCHEME}{self.name}" + (f"@{self.alias}" if self.alias else f"/{self.version}")
