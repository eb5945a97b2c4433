"""Times that rows were changed at, which recipients rely on to tell an older state from a newer one."""

from __future__ import annotations

from sqlalchemy import Case, Column, case


def monotonic_timestamp(column: Column[int], now: int) -> Case[int]:
    """`now`, or just after what the column holds, should the clock have been set back: it always grows."""
    return case((column >= now, column + 1), else_=now)
