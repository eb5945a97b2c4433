"""Requirements of the specification: rows of data, each with its level, its class and its anchor."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

Level = Literal["MUST", "SHOULD", "MAY"]
Side = Literal["server", "client"]
CLASSES = (
    "profile",
    "core",
    "models",
    "models-dir",
    "tables-url",
    "tables-dir",
    "volumes",
    "skills",
    "activation",
)
"""Classes of requirements, in the order in which they are tested and reported."""


@dataclass(frozen=True, slots=True)
class Source:
    """Document of the specification at a pinned commit, with the sections that anchors may name."""

    name: str
    repository: str
    commit: str
    path: str
    sections: frozenset[str]

    def url(self, section: str) -> str:
        return f"https://github.com/{self.repository}/blob/{self.commit}/{self.path}#{section}"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Requirement of the specification, in our words.

    `side` is the one that has to meet it. The suite tests servers; rows for clients have their place here,
    and a half of the suite that plays the server to them would prove them.
    """

    id: str
    class_name: str
    level: Level
    side: Side
    source: Source
    section: str
    text: str

    @property
    def url(self) -> str:
        """Anchor in the specification."""
        return self.source.url(self.section)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Table of all requirements, in the order of the file."""

    rows: Mapping[str, Requirement]
    sources: Mapping[str, Source]

    def of_side(self, side: Side) -> tuple[Requirement, ...]:
        return tuple(row for row in self.rows.values() if row.side == side)


@cache
def load_requirements() -> Requirements:
    """Read the table that comes with the package."""
    return parse_requirements(files(__package__).joinpath("requirements.toml").read_text("utf-8"))


def parse_requirements(text: str) -> Requirements:
    """Parse a table of requirements; raises ValueError for a row that is not right."""
    data = tomllib.loads(text)
    sources = {
        name: Source(name, row["repository"], row["commit"], row["path"], frozenset(row["sections"]))
        for name, row in data["source"].items()
    }
    rows: dict[str, Requirement] = {}
    for row in data["requirement"]:
        requirement = _requirement(row, sources)
        if requirement.id in rows:
            raise ValueError(f"{requirement.id} is there twice.")
        rows[requirement.id] = requirement
    return Requirements(rows, sources)


def _requirement(row: Mapping[str, str], sources: Mapping[str, Source]) -> Requirement:
    identifier, level, side = row["id"], row["level"], row.get("side", "server")
    source_name, _, section = row["anchor"].partition("#")
    if row["class"] not in CLASSES:
        raise ValueError(f"{identifier} has the class {row['class']!r}; classes are {', '.join(CLASSES)}.")
    if level not in ("MUST", "SHOULD", "MAY") or side not in ("server", "client"):
        raise ValueError(f"{identifier} has the level {level!r} and the side {side!r}.")
    if source_name not in sources or section not in sources[source_name].sections:
        raise ValueError(f"{identifier} has the anchor {row['anchor']!r}, which is no section of a source.")
    words = " ".join(row["text"].split())
    return Requirement(
        identifier, row["class"], cast(Level, level), cast(Side, side), sources[source_name], section, words
    )
