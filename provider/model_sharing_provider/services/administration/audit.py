"""Keep, show and export the audit log.

An event is durable before its call is answered. Events that arrive while others are being written share the
next commit, since a commit costs the same for one row as for a hundred. Of denials that repeat each other
only the first is an event of its own (`denials`).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import structlog

from model_sharing_protocol.errors import InvalidParameter, MetastoreUnavailable
from model_sharing_provider.domain.events import AuditEvent, Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.rows.audit_log import EventFilter
from model_sharing_provider.services.denials import WINDOW_SECONDS, DenialFold
from model_sharing_provider.telemetry.reports import Measured, timed

if TYPE_CHECKING:
    from model_sharing_provider.services.administration.audit_export import EventFile
    from model_sharing_provider.services.context import Context

_BATCH = 5000
_LEAST_KEPT = timedelta(days=1)
_LOOKS_IN_A_WINDOW = 4

_log = structlog.get_logger("model_sharing_provider")


@dataclass(frozen=True, slots=True)
class _Waiting:
    event: AuditEvent
    written: asyncio.Future[None]
    deletes: bool


class AuditRecorder:
    """Writes events in groups, in the order they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._fold = DenialFold()
        self._counted: list[AuditEvent] = []
        self._closing = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self.observe: Callable[[AuditEvent], None] = lambda _: None
        """Called with each event that is in the log."""

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return len(self._waiting)

    async def record(self, event: AuditEvent, *, deletes: bool = False) -> None:
        """Return when the event is committed. Raises DiskFull; for that, what `deletes` has a reserve."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, written, deletes))
        if self._writer is None or self._writer.done():
            # In no request's context: the events are those of many.
            self._writer = asyncio.create_task(self._write_groups(), context=contextvars.Context())
        with timed(Measured.DATABASE_WAIT, kind="audit"):
            await written

    async def record_denial(self, event: AuditEvent, error: str) -> None:
        """Return when the event is committed, or counted as one more of those that it repeats.

        `error` is its kind, of which there are few.
        """
        first = self._fold.is_first(event, error)
        self._end_windows_in_time()
        if not first:
            self.observe(event)
            return
        try:
            await self.record(event)
        except Exception:
            self._fold.count(event, error)
            raise

    def count_denial(self, event: AuditEvent, error: str) -> None:
        """Count it, to be written with others later: for those who asked so often that nothing is done."""
        self._fold.count(event, error)
        self._end_windows_in_time()
        self.observe(event)

    async def close(self) -> None:
        """Write what was counted."""
        self._closing.set()
        if self._ending is not None:
            await self._ending
        self._closing.clear()
        await self._write_counted([*self._counted, *self._fold.drain()])

    def _end_windows_in_time(self) -> None:
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end_windows(), context=contextvars.Context())

    async def _end_windows(self) -> None:
        while not self._closing.is_set() and (self._fold or self._counted):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), WINDOW_SECONDS / _LOOKS_IN_A_WINDOW)
            await self._write_counted(self._counted or self._fold.ended())

    async def _write_counted(self, events: list[AuditEvent]) -> None:
        """What cannot be written now is kept for the next time."""
        self._counted = events
        if not events:
            return
        try:
            await self._database.append_events(events)
        except Exception as error:
            _log.error("repeated denials are not written yet", events=len(events), reason=str(error))
        else:
            self._counted = []

    async def _write_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            deletes = any(each.deletes for each in group)
            try:
                await self._database.append_events([each.event for each in group], deletes=deletes)
            except Exception as error:
                if isinstance(error, MetastoreUnavailable):
                    # Those who came meanwhile would wait as long again, for the same.
                    group, self._waiting = [*group, *self._waiting], []
                for each in group:
                    if not each.written.done():
                        each.written.set_exception(error)
            else:
                for each in group:
                    if not each.written.done():
                        each.written.set_result(None)
                for each in group:
                    self.observe(each.event)


class Audit:
    """What an administrator sees of the log."""

    async def latest(self, context: Context, limit: int, **only: Unpack[EventFilter]) -> list[AuditEvent]:
        """The newest events first, at most `limit`. Raises PermissionDenied."""
        async with context.view("listAuditLog", Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await operation.rows.audit_log.latest(limit, **only)

    async def export(self, context: Context, path: Path, **only: Unpack[EventFilter]) -> int:
        """Write the log to a new Parquet file, oldest event first; how many events it holds.

        The file gets its name last: when it is whole, and the log says that it was made. Raises
        AlreadyExists, InvalidParameter for a place that cannot be written to, DiskFull, PermissionDenied.
        """
        count = 0
        with ExitStack() as cleanup:
            async with context.view("exportAuditLog", Target(SecurableType.METASTORE)) as operation:
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
        """Delete the events that are older; how many there were. The log says so before the first is gone.

        Raises InvalidParameter for less than a day, PermissionDenied.
        """
        if older_than < _LEAST_KEPT:
            raise InvalidParameter(f"{older_than} is too short: the audit log keeps a day at the least.")
        async with context.change("pruneAuditLog", Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(ADMINISTRATORS)
            before = operation.now - older_than // timedelta(milliseconds=1)
        return await context.delete_events_before(before)


def _new_file(path: Path) -> EventFile:
    # Arrow takes a tenth of a second to import, which most commands need not wait for.
    from model_sharing_provider.services.administration.audit_export import EventFile  # noqa: PLC0415

    return EventFile(path)
