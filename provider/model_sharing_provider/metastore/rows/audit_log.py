"""Rows of the audit log: append, filter, read in batches, delete the oldest."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from sqlalchemy import Row, Select, and_, func, insert, literal_column, or_, select, text

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, EventFilter, Outcome, Target
from model_sharing_provider.domain.limits import MAX_EVENT_TEXT, shortened
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.tables import audit_log
from model_sharing_provider.metastore.tables.events import FREQUENT, NOT_FREQUENT

if TYPE_CHECKING:
    from model_sharing_provider.domain.sharing import LastCall

_ADD = insert(audit_log).inline()  # nobody needs the id
_OLDEST = "SELECT id FROM audit_log WHERE at < :before ORDER BY at, id LIMIT :limit"
NEWEST_EVENTS = 1_000_000
RECENT_EVENTS = 50_000
"""Events that a page can look through."""
_READS = ("get", "list", "search", "check", "createDownloadUrl")
"""Beginnings of the names of actions that read."""


class AuditRows:
    """Rows of the audit log in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._recorded: list[AuditEvent] = []

    def record(self, event: AuditEvent) -> None:
        """Record an event, to be written at the end of the transaction."""
        self._recorded.append(event)

    async def write(self) -> None:
        """Write what was recorded: at the end of a transaction, with its commit."""
        for values in event_values(self._recorded):
            await self._connection.execute(_ADD, values)

    async def latest(self, limit: int, **only: Unpack[EventFilter]) -> list[AuditEvent]:
        """Latest events, newest first, at most `limit`."""
        # The index by action is in the order of ids, in which events came, but for milliseconds.
        by_time = () if _is_indexed(only) else (audit_log.c.at.desc(),)
        query = _matching(only).order_by(*by_time, audit_log.c.id.desc()).limit(limit)
        return [_event(row) for row in await self._connection.execute(query)]

    async def page(self, page: PageRequest, **only: Unpack[EventFilter]) -> Page[AuditEvent]:
        """Page of the events that match, newest first.

        Those that are not OK have an index, and those of rare actions. Of others, a page looks at a bounded
        part of the log: it may have few events, or none, and a next page.
        """
        end = await self._end(page)
        query = _matching(only).where(audit_log.c.id < end)
        bounded = only.get("outcome", "") in ("", Outcome.OK) and not _is_indexed(only)
        if bounded:
            query = query.where(audit_log.c.id >= end - RECENT_EVENTS)
        rows = (await self._connection.execute(query.order_by(audit_log.c.id.desc()).limit(page.size))).all()
        first = end - RECENT_EVENTS if bounded else 0
        if len(rows) == page.size:
            first = rows[-1].id
        oldest = only.get("since", 0)
        ended = first <= 1 or (bool(rows) and rows[-1].at < oldest)
        return Page([_event(row) for row in rows], None if ended else str(first))

    async def _end(self, page: PageRequest) -> int:
        """Id after the newest event of a page."""
        if page.after:
            return _event_id(page.after)
        newest = select(func.coalesce(func.max(audit_log.c.id), 0) + 1)
        return int((await self._connection.execute(newest)).scalar_one())

    async def page_of_model(self, name: str, page: PageRequest, *, reads: bool) -> Page[AuditEvent]:
        """Page of the events of a model and its versions, newest first, in a bounded part of the log.

        Without `reads`, calls that read and were allowed are left out. There is no index by names, for which
        every call would pay: the log is read backwards.
        """
        end = await self._end(page)
        # After "/" comes "0": all names that begin with the model's and a slash.
        below = and_(audit_log.c.object_name > f"{name}/", audit_log.c.object_name < f"{name}0")
        query = (
            select(audit_log)
            .where(audit_log.c.id < end, audit_log.c.id >= end - RECENT_EVENTS)
            .where(or_(audit_log.c.object_name == name, below))
            .order_by(audit_log.c.id.desc())
            .limit(page.size)
        )
        if not reads:
            are_reads = or_(*(audit_log.c.action.startswith(word) for word in _READS))
            query = query.where(or_(audit_log.c.outcome != Outcome.OK, ~are_reads))
        rows = (await self._connection.execute(query)).all()
        first = rows[-1].id if len(rows) == page.size else end - RECENT_EVENTS
        return Page([_event(row) for row in rows], str(first) if first > 1 else None)

    async def last_calls(
        self, recipients: Sequence[str], *, among: int = NEWEST_EVENTS
    ) -> dict[str, LastCall]:
        """Last answered call of each recipient, among so many of the newest events."""
        from model_sharing_provider.domain.sharing import LastCall  # noqa: PLC0415

        newest = select(func.max(audit_log.c.id)).scalar_subquery()
        last = (
            select(func.max(audit_log.c.id))
            .where(
                audit_log.c.id > newest - among,
                audit_log.c.principal_type == PrincipalType.RECIPIENT,
                audit_log.c.outcome == Outcome.OK,
                audit_log.c.principal.in_(recipients),
            )
            .group_by(audit_log.c.principal)
        )
        query = select(audit_log.c.principal, audit_log.c.at, audit_log.c.address).where(
            audit_log.c.id.in_(last)
        )
        return {row.principal: LastCall(row.at, row.address) for row in await self._connection.execute(query)}

    async def batches(self, size: int, **only: Unpack[EventFilter]) -> AsyncIterator[list[AuditEvent]]:
        """All events in batches of `size`, oldest first, since the log may be larger than memory."""
        query = _matching(only).order_by(audit_log.c.id).limit(size)
        last = 0
        while rows := (await self._connection.execute(query.where(audit_log.c.id > last))).all():
            yield [_event(row) for row in rows]
            last = rows[-1].id


def _event_id(key: str) -> int:
    """Id in a page token. Raises InvalidParameter."""
    if key.isascii() and key.isdigit() and len(key) <= 18:
        return int(key)
    raise InvalidParameter("The page was not given by this list; start again without it.")


def delete_oldest(rows: SqlRows, before: int, limit: int) -> int:
    """Delete the `limit` oldest events before a moment (epoch ms); return their number."""
    oldest = rows.execute(_OLDEST, {"before": before, "limit": limit})
    ids = [{"id": row["id"]} for row in oldest]
    if ids:
        rows.executemany("DELETE FROM audit_log WHERE id = :id", ids)
    return len(ids)


def event_values(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """Columns of events, for an insert."""
    return [dict(zip(EVENT_COLUMNS, event_row(event), strict=True)) for event in events]


EVENT_COLUMNS = (
    "at",
    "face",
    "principal_type",
    "principal",
    "action",
    "object_type",
    "object_name",
    "share",
    "recipient",
    "outcome",
    "reason",
    "address",
    "request_id",
    "count",
    "first_at",
    "token_groups",
    "version_id",
)
"""All columns of an event but its id, which the database gives it."""


def event_row(event: AuditEvent) -> tuple[str | int | None, ...]:
    """Values of an event's columns, in the order of `EVENT_COLUMNS`."""
    caller, target = event.caller, event.target
    return (
        event.at,
        caller.face,
        _text_of(caller.principal.type),
        caller.principal.name,
        _text_of(event.action),
        _text_of(target.type),
        _storable(target.name),
        _storable(target.share),
        _storable(target.recipient),
        _text_of(event.outcome),
        _storable(event.reason) if event.reason else "",
        caller.address,
        caller.request_id,
        event.count,
        event.first,
        _names(caller.principal.token_groups),
        target.version_id or None if event.outcome is Outcome.OK else None,
    )


def _text_of(word: str) -> str:
    """Word of an enumeration as text alone, which SQLite's driver stores without asking adapters."""
    return str.__str__(word)


def _names(groups: Sequence[Principal]) -> str | None:
    return json.dumps([group.name for group in groups], ensure_ascii=False) if groups else None


def _storable(text: str) -> str:
    """Text of a request that fits a column: short, and without NUL for PostgreSQL."""
    return shortened(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), MAX_EVENT_TEXT)


def _matching(only: EventFilter) -> Select[Any]:
    query = select(audit_log)
    if since := only.get("since"):
        query = query.where(audit_log.c.at >= since)
    if only.get("outcome", "") not in ("", Outcome.OK):
        # Implied by the next condition, but needed for the partial index of events that are not OK.
        query = query.where(audit_log.c.outcome != literal_column(f"'{Outcome.OK}'"))
    if _is_indexed(only):
        # Implied by the action as well, and needed for the partial index.
        query = query.where(text(NOT_FREQUENT))
    for column in ("share", "recipient", "principal", "action", "outcome"):
        if value := only.get(column):
            query = query.where(audit_log.c[column] == value)
    return query


def _is_indexed(only: EventFilter) -> bool:
    """True if there is an index of the events of this action."""
    action = only.get("action")
    return action is not None and action not in FREQUENT


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        at=row.at,
        caller=Caller(
            _principal(row),
            row.face,
            row.address,
            row.request_id,
        ),
        action=_action(row.action),
        target=Target(
            SecurableType(row.object_type), detail=row.object_name, share=row.share, recipient=row.recipient
        ),
        outcome=Outcome(row.outcome),
        reason=row.reason,
        count=row._mapping["count"],
        first_at=row.first_at,
    )


def _principal(row: Row[Any]) -> Principal:
    groups = (Principal(PrincipalType.GROUP, "", name) for name in json.loads(row.token_groups or "[]"))
    return Principal(PrincipalType(row.principal_type), "", row.principal).with_token_groups(groups)


def _action(word: str) -> AuditAction | str:
    """Action of a stored event; an unknown word, from another release, is returned unchanged."""
    try:
        return AuditAction(word)
    except ValueError:
        return word
