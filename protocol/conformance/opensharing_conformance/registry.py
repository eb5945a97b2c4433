"""Registry of checks: functions, each with the ids of the requirements that it proves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opensharing_conformance.client import Client
from opensharing_conformance.contents import Contents
from opensharing_conformance.expectations import Expectations
from opensharing_conformance.profiles import Profile
from opensharing_conformance.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Subject:
    """Server under test, as checks see it. `learn_secret` keeps a secret of an answer out of reports."""

    profile: Profile
    client: Client
    contents: Contents
    expected: Expectations
    redactor: Redactor


CheckFunction = Callable[[Subject], None]


@dataclass(frozen=True, slots=True)
class Check:
    """Check of requirements: it raises Violation or NotTested, or they are met."""

    ids: tuple[str, ...]
    run: CheckFunction


CHECKS: list[Check] = []
"""All checks, in the order of their definition; `opensharing_conformance.checks` fills it."""


def proves(*ids: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of these requirements."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.append(Check(ids, function))
        return function

    return register
