"""Timing of SQLAlchemy statements, separately from waits for a transaction to begin."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from model_sharing_provider.telemetry.reports import Measured, report

BEGINS = {"begins": True}
"""Execution options of a statement that begins a transaction: it may wait for its turn."""


def time_statements(engine: AsyncEngine) -> None:
    """Report the time of each statement of an engine."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        context.started = time.perf_counter()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        if "begins" not in context.execution_options:
            report(Measured.DATABASE, time.perf_counter() - context.started, kind="statement")
