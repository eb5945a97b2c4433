"""Whatever a server says, the suite neither crashes nor hangs, and repeats no secret or control character."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from mutants import contents
from mutants.conformant_server import ConformantServer
from mutants.mutations import body
from opensharing_conformance import client
from opensharing_conformance.client import Client
from opensharing_conformance.expectations import parse_expectations
from opensharing_conformance.profiles import Profile
from opensharing_conformance.redaction import Redactor
from opensharing_conformance.reports.machine import to_json, to_junit, to_tap
from opensharing_conformance.reports.page import to_html
from opensharing_conformance.reports.terminal import print_report
from opensharing_conformance.requirements import load_requirements
from opensharing_conformance.results import Report
from opensharing_conformance.runner import make_subject, run
from opensharing_conformance.transport import NoAnswer, Request, Response

ROWS = load_requirements().of_side("server")
SECRETS = ("ASIA0123", "secret-of-", "signed-", contents.TOKEN, contents.EXPIRED, contents.ACTIVATED, "3f9a")


class Server:
    """A server that answers by a function."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.send = answer


def tried(server: Server | ConformantServer, **options: Any) -> tuple[Report, Redactor]:
    profile = Profile(contents.profile(contents.TOKEN))
    recipient = Client(contents.ENDPOINT, contents.TOKEN, server, **options)
    subject = make_subject(profile, recipient, parse_expectations(contents.expectations()))
    return run(subject, ROWS), subject.redactor


def rendered(report: Report, redactor: Redactor) -> str:
    shown = io.StringIO()
    print_report(report, Console(file=shown, width=200), redactor, show_skipped=True)
    json.loads(to_json(report, redactor))
    ElementTree.fromstring(to_junit(report, redactor))
    return "\n".join(
        [shown.getvalue(), *(render(report, redactor) for render in (to_json, to_junit, to_tap, to_html))]
    )


NASTY: list[bytes] = [
    b"",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"17",
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 10_000,
    b'{"items": {"a": 1}, "nextPageToken": {}}',
    b'{"items": [null, [], 7]}',
    b'{"items": [{"name": 7}], "nextPageToken": "again"}',
    b'{"items": [{"name": "a\\u001b[31m\\u0000\\ud800", "schema": "s", "share": "x"}]}',
    b'{"protocol": 7}\n{"metaData": []}\n{"file": null}\n{"file": {"url": 7, "size": 1e400}}',
    b'{"items": "' + b"http://" * 20_000,
    b'{"share": 7, "version": true, "credentials": {"awsTempCredentials": "x"}, "expirationTime": 1e999}',
]


@pytest.mark.parametrize("said", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("status", [200, 400, 999])
def test_any_body_is_survived(said: bytes, status: int) -> None:
    headers = {"content-type": "application/json; charset=utf-8\x1b", "delta-table-version": "²"}
    report, redactor = tried(Server(lambda _: Response(status, headers, said)))
    assert report.count()["error"] == 0, [r for r in report.results if r.outcome == "error"][:1]
    assert report.exit_code == 1
    assert "\x1b" not in rendered(report, redactor)


def damaged(value: Any, chance: random.Random) -> Any:
    """JSON with a few values of another type."""
    if chance.random() < 0.06:
        return chance.choice([None, 7, -1, True, "", "x" * 300, [], {}, [[]], {"a": {}}, 1e300])
    if isinstance(value, dict):
        return {key: damaged(item, chance) for key, item in value.items() if chance.random() > 0.03}
    return [damaged(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(25))
def test_damaged_answers_are_no_fault_of_the_suite(seed: int) -> None:
    chance, server = random.Random(seed), ConformantServer()

    def answer(request: Request) -> Response:
        response = server.send(request)
        if b"\n" in response.body:
            rows = [json.dumps(damaged(json.loads(line), chance)) for line in response.body.splitlines()]
            return Response(response.status, response.headers, "\n".join(rows).encode())
        return body(lambda row: damaged(row, chance))(response) if response.body[:1] == b"{" else response

    report, redactor = tried(Server(answer))
    assert [r.reason for r in report.results if r.outcome == "error"] == []
    assert report.count()["fail"] > 0
    said = rendered(report, redactor)
    assert [secret for secret in SECRETS if secret in said] == []


def test_no_secret_is_repeated_when_everything_fails() -> None:
    server = ConformantServer()

    def answer(request: Request) -> Response:
        response = server.send(request)
        said = response.body + json.dumps({"echo": dict(request.headers), "url": request.url}).encode()
        return Response(response.status, {"x-echo": request.headers.get("Authorization", "")}, said)

    report, redactor = tried(Server(answer))
    assert report.count()["fail"] > 10
    said = rendered(report, redactor)
    assert [secret for secret in SECRETS if secret in said] == []
    assert "[redacted]" in said


def test_a_server_that_stops_to_answer_ends_the_run() -> None:
    server, served = ConformantServer(), iter(range(100))

    def answer(request: Request) -> Response:
        if next(served, None) is None:
            raise NoAnswer("gone")
        return server.send(request)

    report, redactor = tried(Server(answer))
    assert report.exit_code == 2
    assert "5 times in a row" in report.stopped
    assert len(report.results) == len(ROWS)
    assert "Bail out!" in to_tap(report, redactor)


def test_requests_are_paced_and_the_run_has_an_end() -> None:
    moments, now = [], 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def answer(request: Request) -> Response:
        moments.append(now)
        return ConformantServer().send(request)

    report, _ = tried(Server(answer), requests_per_second=2.0, seconds=30.0, clock=lambda: now, sleep=sleep)
    assert report.stopped == "the time for the run is over"
    assert report.exit_code == 2
    assert {round(later - earlier, 6) for earlier, later in pairwise(moments)} == {0.5}


def test_a_server_that_says_too_much_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 10_000)
    report, _ = tried(ConformantServer())
    assert report.stopped == "the server's answers have more than 10000 bytes"
    assert report.exit_code == 2


def test_pages_without_end_are_told_from_many_pages() -> None:
    def endless(again: bool) -> Report:
        numbers = iter(range(10**6))

        def answer(request: Request) -> Response:
            token = "again" if again else str(next(numbers))
            page = {"items": [{"name": f"share{token}"}], "nextPageToken": token}
            return Response(200, {"content-type": "application/json"}, json.dumps(page).encode())

        return tried(Server(answer))[0]

    outcomes = [
        {result.requirement.id: (result.outcome, result.reason) for result in endless(again).results}
        for again in (True, False)
    ]
    assert outcomes[0]["OS-CORE-014"] == ("fail", "the same nextPageToken comes again")
    assert outcomes[1]["OS-CORE-014"] == ("skip", "the shares have more than 200 pages")
