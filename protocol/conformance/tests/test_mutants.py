"""The suite is tested by servers that each break one requirement, and by one that breaks none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from mutants import contents
from mutants.all_mutants import MUTANTS
from mutants.conformant_server import ConformantServer
from mutants.core import PROFILES
from mutants.mutations import Mutation
from opensharing_conformance.client import Client
from opensharing_conformance.expectations import Expectations, parse_expectations
from opensharing_conformance.profiles import Profile
from opensharing_conformance.requirements import load_requirements
from opensharing_conformance.results import Report
from opensharing_conformance.runner import make_subject, run
from opensharing_conformance.transport import Request, Response, Transport

TESTED = {requirement.id: requirement for requirement in load_requirements().of_side("server")}
NOTHING: Mapping[str, str | int] = {}
CAUGHT = frozenset({"fail", "warn", "note"})


@dataclass
class Mutant:
    """Conformant server with one mutation."""

    mutation: Mutation
    server: ConformantServer

    def send(self, request: Request) -> Response:
        return self.mutation(request, self.server.send)


def report_on(server: Transport, expected: Expectations, fields: Mapping[str, str | int] = NOTHING) -> Report:
    profile = Profile(contents.profile(contents.TOKEN) | dict(fields))
    client = Client(contents.ENDPOINT, contents.TOKEN, server)
    return run(make_subject(profile, client, expected), tuple(TESTED.values()))


def caught_by(report: Report) -> set[str]:
    return {result.requirement.id for result in report.results if result.outcome in CAUGHT}


@pytest.mark.parametrize("expected", [parse_expectations(contents.expectations()), Expectations()])
def test_a_conformant_server_is_accused_of_nothing(expected: Expectations) -> None:
    report = report_on(ConformantServer(), expected)
    assert [
        (result.requirement.id, result.reason) for result in report.results if result.outcome in CAUGHT
    ] == []
    assert report.exit_code == 0
    if expected.shares:
        assert report.count()["skip"] == 0


def test_every_requirement_has_its_mutant() -> None:
    assert set(MUTANTS) | set(PROFILES) == set(TESTED)


def test_nearly_all_mutants_are_caught_by_their_own_id(capsys: pytest.CaptureFixture[str]) -> None:
    expected = parse_expectations(contents.expectations())
    reports = {
        identifier: report_on(Mutant(mutation, ConformantServer()), expected)
        for identifier, mutation in MUTANTS.items()
    }
    for identifier, fields in PROFILES.items():
        reports[identifier] = report_on(ConformantServer(), expected, fields)
    assert [name for name, report in reports.items() if report.count()["error"]] == []
    missed = [identifier for identifier, report in reports.items() if identifier not in caught_by(report)]
    alone = sum(caught_by(report) == {identifier} for identifier, report in reports.items())
    caught = len(reports) - len(missed)
    with capsys.disabled():
        print(f"\n{caught} of {len(reports)} mutants are caught by their own id, {alone} by it alone")
    assert caught >= 0.95 * len(reports), f"not caught: {missed}"
