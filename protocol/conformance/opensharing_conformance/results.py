"""Results of a run: one for each requirement that was selected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from opensharing_conformance.client import Exchange
from opensharing_conformance.requirements import Requirement

Outcome = Literal["pass", "fail", "warn", "note", "skip", "known", "unexpected pass", "error"]
"""Outcome of a requirement.

A violation is `fail` for a MUST, `warn` for a SHOULD and `note` for a MAY. `known` is a violation that the
file of known failures has, `unexpected pass` a requirement of that file that is met. `error` is a fault of
the suite.
"""
FAILURES: frozenset[Outcome] = frozenset({"fail", "unexpected pass"})
_BY_LEVEL: dict[str, Outcome] = {"MUST": "fail", "SHOULD": "warn", "MAY": "note"}


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one requirement, with the requests that led to it and the time they took, in seconds."""

    requirement: Requirement
    outcome: Outcome
    reason: str = ""
    exchanges: tuple[Exchange, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Results of a run against one endpoint; `stopped` says why it ended early, if it did."""

    endpoint: str
    started: str
    results: tuple[Result, ...]
    stopped: str = ""

    def count(self) -> Counter[Outcome]:
        return Counter(result.outcome for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 if no MUST is violated, 1 if one is, 2 if the run could not be made or not to its end."""
        outcomes = self.count()
        if self.stopped or outcomes["error"]:
            return 2
        return 1 if any(outcomes[outcome] for outcome in FAILURES) else 0


def violated(requirement: Requirement, known: Iterable[str]) -> Outcome:
    """Outcome of a violation."""
    return "known" if requirement.id in known else _BY_LEVEL[requirement.level]
