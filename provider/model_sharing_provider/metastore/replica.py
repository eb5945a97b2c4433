"""Bounds of a replica: no rows that are older than a limit, and no changes.

A heartbeat that the home writes travels through replication as any other row. A replica that has replayed it
has replayed all that was committed before. So rows are at most as old as the last heartbeat that was seen,
even if it was looked up a moment ago: a replica only moves forward.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from model_sharing_protocol.errors import ReadOnlyReplica, StaleReplica
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.replicas import HEARTBEAT_SECONDS, ReplicaPolicy
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.hot.executor import SqlExecutor

_LOOKED_UP_EVERY_SECONDS = 1.0
_LAST_HEARTBEAT = "SELECT max(beaten_at) FROM heartbeats"
_BEAT = (
    "INSERT INTO heartbeats (id, beaten_at) VALUES (1, :now) ON CONFLICT (id) DO UPDATE "
    "SET beaten_at = excluded.beaten_at WHERE heartbeats.beaten_at <= excluded.beaten_at - :pause"
)


class ReplicaBounds:
    def __init__(self, policy: ReplicaPolicy, sql: SqlExecutor) -> None:
        self._policy = policy
        self._sql = sql
        self._beaten_at: int | None = None
        self._looked_up = -_LOOKED_UP_EVERY_SECONDS
        self._one_at_a_time = asyncio.Lock()

    def refuse_change(self) -> ReadOnlyReplica:
        """Error for a change."""
        return ReadOnlyReplica(
            f"This server answers reads from a replica. Changes are made at its home: {self._policy.home}"
        )

    async def check(self) -> None:
        """Check that what is read from now on is fresh enough. Raises StaleReplica, MetastoreUnavailable."""
        age = await self.staleness()
        limit = self._policy.max_staleness.total_seconds()
        if age is None or age > limit:
            shown = "of unknown age" if age is None else f"{timedelta(seconds=round(age))} old"
            raise StaleReplica(
                f"The rows of this replica are {shown}; it answers from none that are older than "
                f"{self._policy.max_staleness}. Ask its home: {self._policy.home}"
            )

    async def staleness(self) -> float | None:
        """Age of the rows in seconds; None if the home never wrote a heartbeat."""
        if time.monotonic() - self._looked_up >= _LOOKED_UP_EVERY_SECONDS:
            async with self._one_at_a_time:
                if time.monotonic() - self._looked_up >= _LOOKED_UP_EVERY_SECONDS:
                    self._beaten_at = await self._sql.read_one(_LAST_HEARTBEAT)
                    self._looked_up = time.monotonic()
        return None if self._beaten_at is None else max(0.0, (now_ms() - self._beaten_at) / 1000)


async def beat(sql: SqlExecutor) -> None:
    """Write the time for replicas, unless another server of the home has just done so."""
    values = {"now": now_ms(), "pause": int(HEARTBEAT_SECONDS * 500)}

    def write(rows: SqlRows) -> None:
        rows.execute(_BEAT, values)

    await sql.run(write, writes=True)
