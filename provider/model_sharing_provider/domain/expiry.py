"""Expiry of what recipients and principals were given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expiring:
    """`earliest` is the epoch ms of the next that expires, None if none does; `soon` counts those near."""

    earliest: int | None
    soon: int
