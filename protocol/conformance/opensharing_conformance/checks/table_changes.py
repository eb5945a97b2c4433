"""Checks of the change data feed."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.table_lines import require_head, table_lines, url_table
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.registry import Subject, proves

_CHANGES = ("add", "cdf", "remove")


@proves("OS-TABLES-141")
def start_is_required(subject: Subject) -> None:
    shapes.require_refusal(subject.client.get(*url_table(subject).path, "changes"))


@proves("OS-TABLES-142")
def lines_of_changes(subject: Subject) -> None:
    answer = _changes(subject)
    shapes.require_content_type(answer, shapes.NDJSON)
    require_head(answer)
    for number, line in enumerate(table_lines(answer)[2:], start=3):
        kind = next(iter(line), "nothing")
        known = (*_CHANGES, "metaData", "protocol", "endStreamAction")
        require(kind in known, f"line {number} is {kind!r}, not a change")


@proves("OS-TABLES-143")
def fields_of_changes(subject: Subject) -> None:
    answer = _changes(subject)
    found = [(kind, line[kind]) for line in table_lines(answer) for kind in _CHANGES if kind in line]
    if not found:
        raise NotTested("the table has no changes since version 0")
    for kind, change in found:
        fields = shapes.as_object(change, kind)
        for name in ("url", "id"):
            shapes.text(fields, name)
        for name in ("size", "timestamp", "version"):
            shapes.long(fields, name)
        held = fields.get("partitionValues")
        require(isinstance(held, dict), f"partitionValues of {kind} is {held!r}, not a map")


def _changes(subject: Subject) -> Answer:
    path = url_table(subject).path
    answer = subject.client.get(*path, "changes", query={"startingVersion": "0"})
    if 400 <= answer.status < 500 or answer.status == 501:
        raise NotTested(f"the table has no change data feed (HTTP {answer.status})")
    shapes.require_status(answer, 200)
    return answer
