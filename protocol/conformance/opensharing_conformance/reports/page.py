"""Report as one HTML page, which needs nothing else: requests and answers of what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from opensharing_conformance import __version__
from opensharing_conformance.client import Exchange
from opensharing_conformance.redaction import Redactor
from opensharing_conformance.requirements import CLASSES
from opensharing_conformance.results import Outcome, Report, Result

_MOST_EXCHANGES = 6
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
td.n { text-align: right; } pre { overflow: auto; padding: .6rem; background: #8882; white-space: pre-wrap; }
.fail, .error, .unexpected { color: #c22; } .warn, .known { color: #b60; } .note { color: #07a; }
.pass { color: #282; } .skip { color: #888; } b.o { display: inline-block; min-width: 4rem; }
details { margin: .2rem 0; } summary { cursor: pointer; }
"""
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    f"<title>OpenSharing conformance</title><style>{_STYLE}</style></head><body>"
)
_COLUMNS: tuple[Outcome, ...] = ("pass", "fail", "warn", "note", "known", "unexpected pass", "error", "skip")


def to_html(report: Report, redactor: Redactor) -> str:
    """Page with a table by class, what is not as it should be with its requests, then all results."""
    wrong = [result for result in report.results if result.outcome not in ("pass", "skip")]
    parts = [
        _HEAD,
        "<h1>OpenSharing conformance</h1>",
        f"<p>{escape(redactor.text(report.endpoint))}, {escape(report.started)}, "
        f"opensharing-conformance {__version__}</p>",
        f'<p class="error">The run ended early: {escape(redactor.text(report.stopped))}</p>'
        if report.stopped
        else "",
        *_table(report),
        "<h2>Not as it should be</h2>" if wrong else "<p>All that was tested is as it should be.</p>",
        *(_details(result, redactor) for result in wrong),
        *(part for name in CLASSES for part in _class(name, report, redactor)),
        "</body></html>\n",
    ]
    return "".join(parts)


def _table(report: Report) -> Iterable[str]:
    yield "<table><tr><th>class</th>" + "".join(f"<th>{name}</th>" for name in _COLUMNS) + "</tr>"
    for name in CLASSES:
        rows = [r.outcome for r in report.results if r.requirement.class_name == name]
        if rows:
            cells = "".join(f'<td class="n">{rows.count(outcome) or ""}</td>' for outcome in _COLUMNS)
            yield f'<tr><td><a href="#{name}">{name}</a></td>{cells}</tr>'
    yield "</table>"


def _class(name: str, report: Report, redactor: Redactor) -> Iterable[str]:
    results = [result for result in report.results if result.requirement.class_name == name]
    if results:
        yield f'<h2 id="{name}">{name}</h2>'
    for result in results:
        yield f"<div>{_line(result, redactor)}</div>"


def _details(result: Result, redactor: Redactor) -> str:
    shown = result.exchanges[-_MOST_EXCHANGES:]
    exchanges = "".join(_exchange(exchange, redactor) for exchange in shown)
    return f"<details><summary>{_line(result, redactor)}</summary>{exchanges}</details>"


def _line(result: Result, redactor: Redactor) -> str:
    row, style = result.requirement, result.outcome.split()[0]
    said = escape(redactor.text(result.reason))
    reason = f'<br><span class="{style}">{said}</span>' if said else ""
    return (
        f'<b class="o {style}">{result.outcome}</b> <a href="{escape(row.url)}">{row.id}</a> {row.level} '
        f"{escape(row.text)}{reason}"
    )


def _exchange(exchange: Exchange, redactor: Redactor) -> str:
    request, response = exchange.request, exchange.response
    lines = [f"{request.method} {redactor.text(request.url)}", *_headers(request.headers, redactor)]
    if request.body:
        lines += ["", redactor.body(request.body)]
    lines.append("")
    if response is None:
        lines.append(f"no answer: {redactor.text(exchange.reason)}")
    else:
        lines += [f"HTTP {response.status}", *_headers(response.headers, redactor), ""]
        lines.append(redactor.body(response.body))
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _headers(headers: Mapping[str, str], redactor: Redactor) -> list[str]:
    shown = redactor.headers(headers)
    return [f"{name}: {value}" for name, value in shown.items()]
