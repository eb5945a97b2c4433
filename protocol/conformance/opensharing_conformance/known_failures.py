"""Known failures: ids of requirements that a server is known to violate, one a line; comments after `#`."""

from __future__ import annotations

from pathlib import Path

from opensharing_conformance.requirements import Requirements


class UnreadableKnownFailures(ValueError):
    """A line is not the id of a requirement."""


def read_known_failures(path: Path, requirements: Requirements) -> frozenset[str]:
    """Read the ids of a file; raises UnreadableKnownFailures or OSError."""
    ids = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        identifier = line.partition("#")[0].strip()
        if not identifier:
            continue
        if identifier not in requirements.rows:
            raise UnreadableKnownFailures(f"Line {number} of {path.name}: {identifier!r} is not an id.")
        ids.add(identifier)
    return frozenset(ids)
