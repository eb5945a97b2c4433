"""Replication as a server sees it: the heartbeat of a home; the age and the audit events of a replica."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.domain.replicas import HEARTBEAT_SECONDS, ReplicaStatus
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.telemetry.log import log
from model_sharing_provider.telemetry.reports import Measured, report

DELIVERED_EVERY_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_LOOKED_AT_EVERY_SECONDS = 0.5


class Spool(Protocol):
    """Audit events that the home does not have yet."""

    async def waiting(self) -> int: ...

    async def deliver(self) -> int: ...


class Replication:
    """Replication of this server, which is a replica if it has a spool."""

    def __init__(self, database: Database, spool: Spool | None) -> None:
        self._database = database
        self._spool = spool
        self._looked = -_LOOKED_AT_EVERY_SECONDS
        self._status: ReplicaStatus | None = None

    async def status(self) -> ReplicaStatus | None:
        """Status of a replica as of a moment ago; None at the home, and while it cannot be read."""
        if self._spool is not None and time.monotonic() - self._looked >= _LOOKED_AT_EVERY_SECONDS:
            self._looked = time.monotonic()  # anybody may ask for readiness, without a token
            try:
                self._status = ReplicaStatus(await self._database.staleness(), await self._spool.waiting())
            except SharingError:
                self._status = None
        return self._status

    async def run(self) -> None:
        """Deliver events to the home, or as the home tell replicas the time, until cancelled."""
        if self._spool is None:
            await self._beat()
        else:
            await self._deliver(self._spool)

    async def _beat(self) -> None:
        while True:
            try:
                await self._database.beat()
            except SharingError as error:
                log.debug("no heartbeat", reason=error.message)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _deliver(self, spool: Spool) -> None:
        pause = DELIVERED_EVERY_SECONDS
        while True:
            try:
                delivered = await spool.deliver()
                pause = DELIVERED_EVERY_SECONDS
            except Exception as error:
                delivered = 0
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)
                reason = error.message if isinstance(error, SharingError) else type(error).__name__
                log.warning("audit events not delivered to the home", reason=reason, again_in_seconds=pause)
            await self._measure()
            if not delivered:
                await asyncio.sleep(pause)

    async def _measure(self) -> None:
        status = await self.status()
        if status is not None:
            report(Measured.AUDIT_EVENTS_SPOOLED, status.audit_events_waiting)
            if status.staleness_seconds is not None:
                report(Measured.REPLICA_STALENESS, status.staleness_seconds)
