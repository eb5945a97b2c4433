"""Selection of requirements by ids, classes and globs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from opensharing_conformance.requirements import Requirement


class NothingSelected(ValueError):
    """A pattern selects no requirement: probably a typing error."""


def select(rows: Sequence[Requirement], only: Iterable[str], skip: Iterable[str]) -> list[Requirement]:
    """Requirements that one of `only` names, all if it is empty, without those that one of `skip` names."""
    chosen = _matching(rows, only) or {row.id for row in rows}
    left_out = _matching(rows, skip)
    selected = [row for row in rows if row.id in chosen and row.id not in left_out]
    if not selected:
        raise NothingSelected("No requirement is left to test.")
    return selected


def _matching(rows: Sequence[Requirement], patterns: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        matching = {row.id for row in rows if _matches(row, pattern)}
        if not matching:
            raise NothingSelected(f"{pattern!r} is not an id, a class or a glob of either.")
        found |= matching
    return found


def _matches(row: Requirement, pattern: str) -> bool:
    return fnmatchcase(row.id, pattern.upper()) or fnmatchcase(row.class_name, pattern.lower())
