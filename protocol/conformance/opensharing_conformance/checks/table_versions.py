"""Checks of a table's version."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.listing_checks import MISSING
from opensharing_conformance.checks.table_lines import NO_TIME, answered, require_table_version, url_table
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import require
from opensharing_conformance.registry import Subject, proves


@proves("OS-TABLES-051")
def version(subject: Subject) -> None:
    answer = _version(subject)
    shapes.require_status(answer, 200)
    require_table_version(answer)


@proves("OS-TABLES-052")
def no_body(subject: Subject) -> None:
    answer = answered(_version(subject))
    require(not answer.body, f"the body has {len(answer.body)} bytes")


@proves("OS-TABLES-053")
def time_that_is_none(subject: Subject) -> None:
    answered(_version(subject))
    path = url_table(subject).path
    answer = subject.client.get(*path, "version", query={"startingTimestamp": NO_TIME})
    shapes.require_status(answer, 400)


@proves("OS-TABLES-054")
def any_case(subject: Subject) -> None:
    answered(_version(subject))
    table = url_table(subject)
    other = table.in_other_case()
    shapes.require_status(subject.client.get(*other.path, "version"), 200)


@proves("OS-TABLES-055")
def missing(subject: Subject) -> None:
    table = url_table(subject)
    path = table.named(MISSING).path
    answer = subject.client.get(*path, "version")
    shapes.require_status(answer, 404)


def _version(subject: Subject) -> Answer:
    return subject.client.get(*url_table(subject).path, "version")
