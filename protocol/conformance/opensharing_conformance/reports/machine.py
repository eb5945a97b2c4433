"""Reports for programs: JSON, JUnit XML and TAP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from opensharing_conformance import __version__
from opensharing_conformance.redaction import Redactor
from opensharing_conformance.results import FAILURES, Report, Result

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_json(report: Report, redactor: Redactor) -> str:
    """JSON object with a summary and one object for each requirement."""
    summary: Mapping[str, Any] = {
        "suite": f"opensharing-conformance {__version__}",
        "endpoint": redactor.text(report.endpoint),
        "started": report.started,
        "exitCode": report.exit_code,
        "stopped": redactor.text(report.stopped) or None,
        "counts": dict(report.count()),
        "results": [_as_object(result, redactor) for result in report.results],
    }
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def to_junit(report: Report, redactor: Redactor) -> str:
    """JUnit XML: a test suite for each class. Warnings, notes and known failures pass, and say why."""
    suites = ElementTree.Element("testsuites", name="opensharing-conformance")
    for name in dict.fromkeys(result.requirement.class_name for result in report.results):
        rows = [result for result in report.results if result.requirement.class_name == name]
        bad = sum(result.outcome in FAILURES for result in rows)
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=name,
            tests=str(len(rows)),
            failures=str(bad),
            errors=str(sum(result.outcome == "error" for result in rows)),
            skipped=str(sum(result.outcome == "skip" for result in rows)),
            timestamp=report.started,
        )
        for result in rows:
            _add_case(suite, result, redactor)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def to_tap(report: Report, redactor: Redactor) -> str:
    """TAP, version 14: known failures are TODO, what was not tested is SKIP."""
    rows = [_tap_line(number, result, redactor) for number, result in enumerate(report.results, start=1)]
    if report.stopped:
        rows.append(f"Bail out! {_one_line(redactor.text(report.stopped))}")
    return "\n".join(["TAP version 14", f"1..{len(report.results)}", *rows]) + "\n"


def _as_object(result: Result, redactor: Redactor) -> Mapping[str, Any]:
    row = result.requirement
    return {
        "id": row.id,
        "class": row.class_name,
        "level": row.level,
        "text": row.text,
        "anchor": row.url,
        "outcome": result.outcome,
        "reason": redactor.text(result.reason) or None,
        "seconds": round(result.seconds, 3),
        "requests": [
            {
                "method": exchange.request.method,
                "url": redactor.text(exchange.request.url),
                "status": exchange.response.status if exchange.response else None,
            }
            for exchange in result.exchanges
        ],
    }


def _add_case(suite: ElementTree.Element, result: Result, redactor: Redactor) -> None:
    row, reason = result.requirement, _NOT_IN_XML.sub("�", redactor.text(result.reason))
    case = ElementTree.SubElement(
        suite, "testcase", classname=row.class_name, name=f"{row.id} {row.text}", time=f"{result.seconds:.3f}"
    )
    if result.outcome in FAILURES:
        ElementTree.SubElement(
            case, "failure", message=reason or result.outcome, type=row.level
        ).text = row.url
    elif result.outcome == "error":
        ElementTree.SubElement(case, "error", message=reason)
    elif result.outcome == "skip":
        ElementTree.SubElement(case, "skipped", message=reason)
    elif result.outcome != "pass":
        ElementTree.SubElement(case, "system-out").text = f"{result.outcome}: {reason}"


def _tap_line(number: int, result: Result, redactor: Redactor) -> str:
    row, reason = result.requirement, _one_line(redactor.text(result.reason))
    name = f"{number} - {row.id} {_one_line(row.text)}"
    if result.outcome == "skip":
        return f"ok {name} # SKIP {reason}"
    if result.outcome == "known":
        return f"not ok {name} # TODO {reason}"
    if result.outcome in ("fail", "unexpected pass", "error"):
        return f"not ok {name}\n# {result.outcome}: {reason}"
    return f"ok {name}" + (f"\n# {result.outcome}: {reason}" if result.outcome != "pass" else "")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text).replace("#", "\\#")
