"""Audit log for administrators: list, export and prune events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, EventFilter, Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS, AUDIT_MODEL
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.models import find_model, model_target

if TYPE_CHECKING:
    from model_sharing_provider.services.administration.audit_export import EventFile

_BATCH = 5000
_SHORTEST_RETENTION = timedelta(days=1)
_METASTORE = Target(SecurableType.METASTORE)


class Audit:
    """Audit log, readable by administrators alone but for the events of one's own models."""

    async def latest(self, context: Context, limit: int, **only: Unpack[EventFilter]) -> list[AuditEvent]:
        """Latest events, newest first, at most `limit`. Raises PermissionDenied."""
        async with context.view(AuditAction.LIST_AUDIT_LOG, _METASTORE) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await operation.rows.audit_log.latest(limit, **only)

    async def page(
        self, context: Context, page: PageRequest, **only: Unpack[EventFilter]
    ) -> Page[AuditEvent]:
        """Page of the events that match, newest first; it may have few, and a next page.

        Raises PermissionDenied.
        """
        async with context.view(AuditAction.LIST_AUDIT_LOG, _METASTORE) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await operation.rows.audit_log.page(page, **only)

    async def of_model(
        self, context: Context, name: FullName, page: PageRequest, *, reads: bool = True
    ) -> Page[AuditEvent]:
        """Page of the events of a model and its versions under this name, newest first.

        Without `reads`, calls that only read it are left out, unless they were denied or failed. A page may
        have few events, or none, and a next page: each looks at a bounded part of the log. Raises NotFound,
        PermissionDenied.
        """
        async with context.view(AuditAction.LIST_AUDIT_LOG, model_target(name)) as operation:
            await operation.authorize(AUDIT_MODEL)
            await find_model(operation, name)
            return await operation.rows.audit_log.page_of_model(str(name), page, reads=reads)

    async def batches(self, context: Context, **only: Unpack[EventFilter]) -> AsyncIterator[list[AuditEvent]]:
        """All events that match in batches, oldest first, once that was authorized and logged.

        Raises PermissionDenied.
        """
        async with context.view(AuditAction.EXPORT_AUDIT_LOG, _METASTORE) as operation:
            await operation.authorize(ADMINISTRATORS)
        async with context.read_unaudited() as rows:
            async for events in rows.audit_log.batches(_BATCH, **only):
                yield events

    async def export(self, context: Context, path: Path, **only: Unpack[EventFilter]) -> int:
        """Export the log to a new Parquet file, oldest event first; return the number of events.

        The file gets its name last, once it is complete and the export has been logged. Raises
        AlreadyExists, InvalidParameter for a path that cannot be written, DiskFull, PermissionDenied.
        """
        count = 0
        with ExitStack() as cleanup:
            async with context.view(AuditAction.EXPORT_AUDIT_LOG, _METASTORE) as operation:
                await operation.authorize(ADMINISTRATORS)
                file = await asyncio.to_thread(_new_file, path)
                cleanup.callback(file.discard)
                async for events in operation.rows.audit_log.batches(_BATCH, **only):
                    await asyncio.to_thread(file.write, events)
                    count += len(events)
                await asyncio.to_thread(file.finish)
            await asyncio.to_thread(file.publish)
        return count

    async def prune(self, context: Context, older_than: timedelta) -> int:
        """Delete older events; return their number. The deletion is logged before the first is deleted.

        Raises InvalidParameter for less than a day, PermissionDenied.
        """
        if older_than < _SHORTEST_RETENTION:
            raise InvalidParameter(f"The age of audit events must be at least 1d, not {older_than}.")
        async with context.change(AuditAction.PRUNE_AUDIT_LOG, _METASTORE) as operation:
            await operation.authorize(ADMINISTRATORS)
            before = operation.now - older_than // timedelta(milliseconds=1)
        return await context.delete_events_before(before)


def _new_file(path: Path) -> EventFile:
    # Arrow takes a tenth of a second to import, which most commands need not wait for.
    from model_sharing_provider.services.administration.audit_export import EventFile  # noqa: PLC0415

    return EventFile(path)
