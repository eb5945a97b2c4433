"""Runner of the checks against one server."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from opensharing_conformance import checks as _registers_all_checks  # noqa: F401
from opensharing_conformance.client import Client, Stopped
from opensharing_conformance.contents import Contents
from opensharing_conformance.expectations import Expectations
from opensharing_conformance.judgement import NotTested, Violation
from opensharing_conformance.profiles import Profile
from opensharing_conformance.redaction import Redactor
from opensharing_conformance.registry import CHECKS, Check, Subject
from opensharing_conformance.requirements import Requirement
from opensharing_conformance.results import Outcome, Report, Result, violated
from opensharing_conformance.transport import NoAnswer

Progress = Callable[[Result], None]
_LONGEST_REASON = 500


def run(
    subject: Subject,
    selected: Sequence[Requirement],
    known_failures: Collection[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Test the selected requirements, one after another.

    Never raises for what a server does. The run ends early if the server stops to answer or the time is over.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    wanted = {requirement.id: requirement for requirement in selected}
    results: dict[str, Result] = {}
    stopped = _unreachable(subject)
    for check in CHECKS:
        rows = [wanted[identifier] for identifier in check.ids if identifier in wanted]
        if stopped or not rows:
            continue
        try:
            found = _tested(subject, check, rows, known_failures)
        except Stopped as reason:
            stopped = str(reason)
            continue
        for result in found:
            results[result.requirement.id] = result
            if progress is not None:
                progress(result)
    not_run = f"not run: {stopped}" if stopped else "no check proves it"
    ordered = [results.get(row.id) or Result(row, "skip", not_run) for row in selected]
    return Report(subject.client.endpoint, started, tuple(ordered), stopped)


def make_subject(
    profile: Profile, client: Client, expected: Expectations, secrets: Sequence[str] = ()
) -> Subject:
    """Subject with an empty memory of what the server holds."""
    redactor = Redactor([profile.token, *expected.secrets, *secrets])
    return Subject(profile, client, Contents(client, expected), expected, redactor)


def _unreachable(subject: Subject) -> str:
    try:
        subject.client.get("shares")
    except NoAnswer as error:
        return f"{subject.client.endpoint} cannot be reached: {error}"
    except Stopped as error:
        return str(error)
    return ""


def _tested(
    subject: Subject, check: Check, rows: Sequence[Requirement], known_failures: Collection[str]
) -> list[Result]:
    subject.client.exchanges.clear()
    began = time.monotonic()
    judged, reason = _judged(subject, check)
    seconds = time.monotonic() - began
    exchanges = tuple(subject.client.exchanges)
    found = []
    for row in rows:
        outcome = _outcome(row, judged, known_failures)
        shown = () if outcome in ("pass", "skip") else exchanges
        found.append(Result(row, outcome, reason, shown, seconds))
    return found


def _judged(subject: Subject, check: Check) -> tuple[Outcome, str]:
    try:
        check.run(subject)
    except Violation as violation:
        return "fail", str(violation)[:_LONGEST_REASON]
    except NoAnswer as error:
        return "fail", f"no answer came: {error}"
    except NotTested as reason:
        return "skip", str(reason)[:_LONGEST_REASON]
    except Stopped:
        raise
    except Exception as fault:
        return "error", f"fault of the suite, please report it: {type(fault).__name__}: {fault}"
    return "pass", ""


def _outcome(row: Requirement, judged: Outcome, known_failures: Collection[str]) -> Outcome:
    if judged == "fail":
        return violated(row, known_failures)
    if judged == "pass" and row.id in known_failures:
        return "unexpected pass"
    return judged
