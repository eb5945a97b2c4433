"""Expiry of tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expiring:
    """Expiring tokens: `earliest` is the next expiry in epoch ms, or None; `soon` counts those near."""

    earliest: int | None
    soon: int
