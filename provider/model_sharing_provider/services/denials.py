"""Aggregation of repeated denials: the first is an event, its repetitions are counted for a minute.

Denials are of one kind if they agree in address (an IPv6 one by its /64), face, action, class of error, and
principal; nothing that a stranger can word counts. The number of kinds is bounded, too: beyond the bound, all
are of one kind, `otherDenials`. So strangers cannot fill the disk, whatever they send.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.addresses import network_of

WINDOW_SECONDS = 60
MAX_KINDS = 200


@dataclass(slots=True)
class _Window:
    """Window of a kind: its unwritten repetitions, its last event, and its begin (epoch ms)."""

    event: AuditEvent
    since: int
    count: int = 0
    first_at: int = 0

    def add(self, event: AuditEvent) -> None:
        self.first_at = min(self.first_at, event.first) if self.count else event.first
        self.count += event.count
        self.event = event

    def take(self, now: int) -> AuditEvent:
        """Take one event for all counted repetitions, and restart the window."""
        event = replace(self.event, count=self.count, first_at=self.first_at)
        self.count, self.since = 0, now
        return event


class DenialAggregator:
    """Aggregator that separates denials to write now from repetitions to write later, as one event."""

    def __init__(self, clock: Callable[[], int] = now_ms, max_kinds: int = MAX_KINDS) -> None:
        self._clock = clock
        self._max_kinds = max_kinds
        self._windows: dict[Hashable, _Window] = {}

    def __bool__(self) -> bool:
        return bool(self._windows)

    def is_first(self, event: AuditEvent, error: str) -> bool:
        """True for a denial to write at once; one that repeats another is counted instead."""
        kind, event = self._kind(event, error)
        if kind in self._windows:
            self._windows[kind].add(event)
            return False
        self._windows[kind] = _Window(event, self._clock())
        return True

    def count(self, event: AuditEvent, error: str) -> None:
        """Count a denial even if it is the first of its kind."""
        kind, event = self._kind(event, error)
        self._windows.setdefault(kind, _Window(event, self._clock())).add(event)

    def ended(self) -> list[AuditEvent]:
        """Take the events of ended windows; kinds without repetitions are forgotten."""
        now = self._clock()
        over = [
            (kind, window)
            for kind, window in self._windows.items()
            if now - window.since >= WINDOW_SECONDS * 1000
        ]
        for kind, window in over:
            if not window.count:
                del self._windows[kind]
        return [window.take(now) for _, window in over if window.count]

    def drain(self) -> list[AuditEvent]:
        """Take the events for all counted repetitions."""
        counted = [window.take(self._clock()) for window in self._windows.values() if window.count]
        self._windows.clear()
        return counted

    def _kind(self, event: AuditEvent, error: str) -> tuple[Hashable, AuditEvent]:
        caller, target = event.caller, event.target
        kind = (
            network_of(caller.address),
            caller.face,
            caller.principal.id,
            event.action,
            target.share,
            target.recipient,
            error,
        )
        if kind in self._windows or len(self._windows) < self._max_kinds:
            return kind, event
        other = Caller(ANONYMOUS, caller.face, "", "")
        target = Target(SecurableType.METASTORE)
        action = AuditAction.OTHER_DENIALS
        return action, AuditEvent(event.at, other, action, target, Outcome.DENIED, action.meaning)
