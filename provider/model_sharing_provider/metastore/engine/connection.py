"""Database connections as rows use them, and one that is opened by its first statement."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from model_sharing_provider.telemetry.reports import Measured, timed


class Connection(Protocol):
    """The part of SQLAlchemy's AsyncConnection that rows use."""

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]: ...


class ReadConnection:
    """Takes a connection from the pool at the first statement: calls that only do hot reads take none."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if self._connection is None:
            with timed(Measured.DATABASE_WAIT, kind="connection"):
                self._connection = await self._engine.connect().start()
        return await self._connection.execute(statement, parameters)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
