"""Lineage of model versions, as clients tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRecord:
    """Lineage as a client sent it: where a version came from, or what it was used in."""

    id: str
    direction: str
    payload: Mapping[str, Any]
    recorded_at: int
    recorded_by: str
