"""Audit log: its events by filters in the URL, and downloads of them."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.times import iso, now_ms
from model_sharing_protocol.units import parse_duration
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, EventFilter, Outcome
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer audit log"
_FIELDS = ("principal", "recipient", "share", "action", "outcome", "since")
_COLUMNS = (
    "at",
    "outcome",
    "action",
    "principal",
    "object",
    "share",
    "recipient",
    "reason",
    "face",
    "address",
    "request_id",
    "count",
    "token_groups",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_PIECE_BYTES = 1024 * 1024


async def show(request: web.Request) -> web.Response:
    """Events that match the filters, newest first, for administrators."""
    provider, context = provider_of(request), context_of(request)
    refusals = await provider.permissions.refusals(context, SecurableType.METASTORE)
    given = _given(request)
    events, token = [], None
    if not refusals["administer"]:
        found = await provider.audit.page(context, page_of(request, _LISTING), **_filter(given))
        events, token = list(found.items), found.token(_LISTING)
    return render(
        request,
        "audit.html",
        events=events,
        given=given,
        refusals=refusals,
        actions=sorted(AuditAction),
        outcomes=list(Outcome),
        meanings={action.value: action.meaning for action in AuditAction},
        denied=explorer_url(request, "audit", outcome=Outcome.DENIED, since="24h"),
        csv=explorer_url(request, "audit", "events.csv", **given),
        parquet=explorer_url(request, "audit", "events.parquet", **given),
        next=explorer_url(request, "audit", page=token, **given) if token else "",
    )


async def download_csv(request: web.Request) -> web.StreamResponse:
    """Events that match, oldest first, as CSV for spreadsheets, in which no cell is a formula."""
    events = provider_of(request).audit.batches(context_of(request), **_filter(_given(request)))
    first: list[AuditEvent] = await anext(events, [])
    response = _attachment("events.csv", "text/csv")
    await response.prepare(request)
    await response.write(_lines([_COLUMNS]) + _lines(map(_cells, first)))
    async for batch in events:
        await response.write(_lines(map(_cells, batch)))
    return response


async def download_parquet(request: web.Request) -> web.StreamResponse:
    """Events that match, oldest first, as a Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        await provider_of(request).audit.export(context_of(request), path, **_filter(_given(request)))
        response = _attachment("events.parquet", "application/vnd.apache.parquet")
        await response.prepare(request)
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                await response.write(piece)
    return response


def _attachment(name: str, kind: str) -> web.StreamResponse:
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f"attachment; filename={name}",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.StreamResponse(headers=headers)


def _given(request: web.Request) -> dict[str, str]:
    """Filters as the URL has them."""
    return {name: request.query.get(name, "").strip() for name in _FIELDS}


def _filter(given: dict[str, str]) -> EventFilter:
    """Filter of events. Raises InvalidParameter for an unknown word, or a time that is none."""
    if given["action"] and given["action"] not in list(AuditAction):
        raise InvalidParameter(f"{given['action']!r} is not an action of the audit log.")
    if given["outcome"] and given["outcome"] not in list(Outcome):
        raise InvalidParameter(f"{given['outcome']!r} is not an outcome; write OK, DENIED or FAILED.")
    return EventFilter(
        principal=given["principal"],
        recipient=given["recipient"].lower(),
        share=given["share"].lower(),
        action=AuditAction(given["action"]) if given["action"] else None,
        outcome=given["outcome"],
        since=_since(given["since"]),
    )


def _since(text: str) -> int:
    if not text:
        return 0
    return max(0, now_ms() - parse_duration(text, "since") // timedelta(milliseconds=1))


def _cells(event: AuditEvent) -> tuple[str, ...]:
    texts = (
        iso(event.at),
        event.outcome,
        str(event.action),
        event.caller.principal.name,
        event.target.name,
        event.target.share,
        event.target.recipient,
        event.reason,
        event.caller.face,
        event.caller.address,
        event.caller.request_id,
        str(event.count),
        ", ".join(event.caller.token_groups),
    )
    return tuple(f"'{text}" if text.startswith(_FORMULAS) else text for text in texts)


def _lines(rows: object) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


ROUTES = (
    page("/audit", show),
    page("/audit/events.csv", download_csv),
    page("/audit/events.parquet", download_parquet),
)
