"""Recorder of audit events, each committed before its call is answered.

Events that arrive while others are being written share the next commit: a commit costs the same for one row
as for a hundred. Repeated denials are aggregated; only the first is an event of its own (`denials`).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from model_sharing_protocol.errors import MetastoreUnavailable
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.services.denials import WINDOW_SECONDS, DenialAggregator
from model_sharing_provider.telemetry.log import log
from model_sharing_provider.telemetry.reports import Measured, timed

_CHECKS_IN_A_WINDOW = 4


@dataclass(frozen=True, slots=True)
class _Waiting:
    event: AuditEvent
    written: asyncio.Future[bool]
    deletes: bool
    under: str | None


class EventLog(Protocol):
    """Where events are written: the database, or on a replica the spool of those for the home."""

    async def append_events(
        self, events: Sequence[AuditEvent], *, deletes: bool = False, under: Sequence[str | None] = ()
    ) -> list[bool]: ...

    async def check_writable(self) -> None: ...


class AuditRecorder:
    """Recorder that writes events in groups, in the order they came."""

    def __init__(self, log: EventLog) -> None:
        self._event_log = log
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._denials = DenialAggregator()
        self._counted: list[AuditEvent] = []
        self._closing = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self.observe: Callable[[AuditEvent], None] = lambda _: None
        """Callback for each event that has been committed."""

    @property
    def waiting(self) -> int:
        """Number of events that are not written yet."""
        return len(self._waiting)

    async def record(self, event: AuditEvent, *, deletes: bool = False, under: str | None = None) -> bool:
        """Commit an event. Raises DiskFull; with `deletes`, only when the reserve is used up, too.

        With `under`, a change token, false if it is no longer current: then the event is not committed.
        """
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, written, deletes, under))
        if self._writer is None or self._writer.done():
            # Outside of any request's context: the events are those of many requests.
            self._writer = asyncio.create_task(self._write_groups(), context=contextvars.Context())
        with timed(Measured.DATABASE_WAIT, kind="audit"):
            return await written

    async def record_denial(self, event: AuditEvent, error: str) -> None:
        """Commit a denial, or count it as a repetition.

        `error` is the name of the error's class: there are few, whatever strangers send.
        """
        first = self._denials.is_first(event, error)
        self._end_windows_in_time()
        if not first:
            self.observe(event)
            return
        try:
            await self.record(event)
        except Exception:
            self._denials.count(event, error)
            raise

    def count_denial(self, event: AuditEvent, error: str) -> None:
        """Count a denial, to be written later with others: for callers over a rate limit."""
        self._denials.count(event, error)
        self._end_windows_in_time()
        self.observe(event)

    async def close(self) -> None:
        """Write the denials that were counted."""
        self._closing.set()
        if self._ending is not None:
            await self._ending
        self._closing.clear()
        await self._write_counted([*self._counted, *self._denials.drain()])

    def _end_windows_in_time(self) -> None:
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end_windows(), context=contextvars.Context())

    async def _end_windows(self) -> None:
        while not self._closing.is_set() and (self._denials or self._counted):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), WINDOW_SECONDS / _CHECKS_IN_A_WINDOW)
            await self._write_counted(self._counted or self._denials.ended())

    async def _write_counted(self, events: list[AuditEvent]) -> None:
        """Write events of counted denials; if that fails, keep them for the next attempt."""
        self._counted = events
        if not events:
            return
        try:
            await self._event_log.append_events(events)
        except Exception as error:
            log.error("repeated denials are not written yet", events=len(events), reason=str(error))
        else:
            self._counted = []

    async def _write_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            deletes = any(each.deletes for each in group)
            try:
                appended = await self._event_log.append_events(
                    [each.event for each in group], deletes=deletes, under=[each.under for each in group]
                )
            except Exception as error:
                if isinstance(error, MetastoreUnavailable):
                    # Events that arrived meanwhile would wait as long again, for the same error.
                    group, self._waiting = [*group, *self._waiting], []
                for each in group:
                    if not each.written.done():
                        each.written.set_exception(error)
            else:
                for each, done in zip(group, appended, strict=True):
                    if not each.written.done():
                        each.written.set_result(done)
                for each, done in zip(group, appended, strict=True):
                    if done:
                        self.observe(each.event)
