"""Rows of the audit log: only ever added and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select

from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.metastore.connection import Connection
from model_sharing_provider.metastore.tables import audit_log


class AuditRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, events: Sequence[AuditEvent]) -> None:
        await self._connection.execute(insert(audit_log), event_values(events))

    async def latest(
        self, limit: int, *, share: str = "", recipient: str = "", outcome: str = "", since: int = 0
    ) -> list[AuditEvent]:
        """The newest events first, `limit` at most; empty filters match everything."""
        query = select(audit_log).where(audit_log.c.at >= since)
        for column, value in (
            (audit_log.c.share, share),
            (audit_log.c.recipient, recipient),
            (audit_log.c.outcome, outcome),
        ):
            if value:
                query = query.where(column == value)
        rows = await self._connection.execute(query.order_by(audit_log.c.id.desc()).limit(limit))
        return [
            AuditEvent(
                at=row.at,
                caller=Caller(
                    Principal(PrincipalType(row.principal_type), "", row.principal),
                    row.face,
                    row.address,
                    row.request_id,
                ),
                action=row.action,
                target=Target(
                    SecurableType(row.object_type), row.object_name, share=row.share, recipient=row.recipient
                ),
                outcome=Outcome(row.outcome),
                reason=row.reason,
            )
            for row in rows
        ]


def event_values(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """The columns of events, for an insert."""
    return [
        {
            "at": event.at,
            "face": event.caller.face,
            "principal_type": event.caller.principal.type,
            "principal": event.caller.principal.name,
            "action": event.action,
            "object_type": event.target.type,
            "object_name": event.target.name,
            "share": event.target.share,
            "recipient": event.target.recipient,
            "outcome": event.outcome,
            "reason": event.reason,
            "address": event.caller.address,
            "request_id": event.caller.request_id,
        }
        for event in events
    ]
