"""Replicas: servers that answer reads over a read-only copy of the home's database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MAX_STALENESS = timedelta(hours=1)
"""Default for how old the rows of a replica may be. A replica cannot tell whether the home is down, where
nobody can revoke anything meanwhile, or cut off from it: then it is the time for which a revocation may not
hold. An hour outlasts a failover or an upgrade of the home; who needs less, sets less, down to 10 s."""
HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReplicaPolicy:
    """Policy of a replica: the URL of its home, which makes all changes, and how old its rows may be."""

    home: str
    max_staleness: timedelta = MAX_STALENESS


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """Status of a replica: the age of its rows (seconds; None if the home never wrote the time), and the
    number of audit events that are not delivered to the home yet."""

    staleness_seconds: float | None
    audit_events_waiting: int
