"""Report at a terminal: a table by class, and what is not as it should be."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opensharing_conformance.redaction import Redactor
from opensharing_conformance.requirements import CLASSES
from opensharing_conformance.results import Outcome, Report, Result

_COLUMNS: tuple[Outcome, ...] = ("pass", "fail", "warn", "note", "known", "skip")
_STYLES: dict[Outcome, str] = {
    "pass": "green",
    "fail": "bold red",
    "unexpected pass": "bold red",
    "error": "bold red",
    "warn": "yellow",
    "known": "yellow",
    "note": "cyan",
    "skip": "dim",
}


def print_report(report: Report, console: Console, redactor: Redactor, *, show_skipped: bool = False) -> None:
    """Print a report. Text of the server is shown without control characters and secrets."""
    for result in report.results:
        if result.outcome not in ("pass", "skip") or (show_skipped and result.outcome == "skip"):
            console.print(_line(result, redactor), soft_wrap=True)
    console.print(_table(report))
    counts = report.count()
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _STYLES if counts[outcome])
    console.print(Text(f"{redactor.text(report.endpoint)}: {said}"), soft_wrap=True)
    if report.stopped:
        console.print(Text(f"The run ended early: {redactor.text(report.stopped)}", "bold red"))


def _line(result: Result, redactor: Redactor) -> Text:
    row = result.requirement
    line = Text.assemble(
        (f"{result.outcome:5}", _STYLES[result.outcome]), f" {row.id} {row.level} {row.text}"
    )
    if result.reason:
        line.append(f"\n      {redactor.text(result.reason)}", "dim")
    return line


def _table(report: Report) -> Table:
    table = Table("class", *_COLUMNS, box=None, header_style="bold")
    for name in CLASSES:
        counts = Counter(_column(r.outcome) for r in report.results if r.requirement.class_name == name)
        if counts:
            cells = [Text(str(counts[c] or "·"), _STYLES[c] if counts[c] else "dim") for c in _COLUMNS]
            table.add_row(name, *cells)
    return table


def _column(outcome: Outcome) -> Outcome:
    return "fail" if outcome in ("unexpected pass", "error") else outcome
