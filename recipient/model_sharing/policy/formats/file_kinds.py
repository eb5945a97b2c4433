"""Kinds of files, by their names: findings about those that can hold code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_sharing.policy.finding import Finding
from model_sharing_protocol.file_kinds import why_it_can_hold_code


def kind_findings(paths: Iterable[str]) -> Iterator[Finding]:
    """Findings about files that are not known to be only read, by their names."""
    for path in sorted(paths):
        if cause := why_it_can_hold_code(path):
            yield Finding.of_file(path, cause)
