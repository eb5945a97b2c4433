"""Timestamps of changes, by which recipients distinguish older states from newer ones."""

from __future__ import annotations

from sqlalchemy import BindParameter, Case, Column, case


def monotonic_timestamp(column: Column[int], now: int | BindParameter[int]) -> Case[int]:
    """Current time, or just after the column's value if the clock was set back: it always grows."""
    return case((column >= now, column + 1), else_=now)
