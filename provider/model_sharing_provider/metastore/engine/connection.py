"""Database connections for row classes, and one that opens at its first statement."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from model_sharing_provider.metastore.noted_reads import note_other
from model_sharing_provider.telemetry.reports import Measured, timed

Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
"""Result of a statement; its rows can be unpacked, faster than to look at each column by its name."""


class Connection(Protocol):
    """Part of SQLAlchemy's AsyncConnection that row classes use."""

    async def execute(self, statement: Executable, parameters: Any = None) -> Rows: ...


class ReadConnection:
    """Read connection, taken from the pool at its first statement: calls with only hot reads need none."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    async def execute(self, statement: Executable, parameters: Any = None) -> Rows:
        if self._connection is None:
            note_other()
            with timed(Measured.DATABASE_WAIT, kind="connection"):
                self._connection = await self._engine.connect().start()
        return await self._connection.execute(statement, parameters)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
