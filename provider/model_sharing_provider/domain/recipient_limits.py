"""Limits of recipients: requests a minute, bytes a day and a month, all servers together. 0 is no limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from model_sharing_protocol.errors import InvalidParameter

MOST = 2**60
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LimitPeriod(StrEnum):
    """Period of a limit, by UTC. What is counted begins anew with each."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"

    def at(self, now: int) -> Period:
        """Period that a moment (epoch ms) is in."""
        moment = _EPOCH + now * _MS
        start = moment.replace(second=0, microsecond=0)
        if self is LimitPeriod.MINUTE:
            return Period(self, _ms(start), _ms(start + timedelta(minutes=1)))
        start = start.replace(hour=0, minute=0)
        if self is LimitPeriod.DAY:
            return Period(self, _ms(start), _ms(start + timedelta(days=1)))
        start = start.replace(day=1)
        return Period(self, _ms(start), _ms((start + timedelta(days=32)).replace(day=1)))


@dataclass(frozen=True, slots=True)
class Period:
    """Period from `start` to `end`, in epoch ms."""

    kind: LimitPeriod
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim on what is left of a limit of `most` in a period: for at least `need`."""

    period: Period
    need: int
    most: int


class ClaimRefused(Exception):
    """Less is left of a limit than a claim needs; nothing of the transaction was kept."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.period.kind)
        self.claim = claim


@dataclass(frozen=True, slots=True)
class RecipientLimits:
    """Limits of one recipient. None is what the settings say for all, in which it does not occur."""

    requests_per_minute: int | None = None
    bytes_per_day: int | None = None
    bytes_per_month: int | None = None

    def over(self, defaults: RecipientLimits) -> RecipientLimits:
        """These limits, and the defaults where there is none."""
        return RecipientLimits(
            *(
                theirs if ours is None else ours
                for ours, theirs in zip(_values(self), _values(defaults), strict=True)
            )
        )


@dataclass(frozen=True, slots=True)
class RecipientUsage:
    """Limits in effect, and what was taken of them: with what servers hold and have not given yet."""

    limits: RecipientLimits
    used: Mapping[LimitPeriod, int]


DEFAULT_LIMITS = RecipientLimits()
"""Those of a recipient without any of its own."""


def check_limits(limits: RecipientLimits) -> RecipientLimits:
    """Check limits, and return them. Raises InvalidParameter."""
    for most in _values(limits):
        if most is not None and not 0 <= most <= MOST:
            raise InvalidParameter(f"{most} is not a limit; it must be from 0, which is none, to {MOST}.")
    return limits


def _values(limits: RecipientLimits) -> tuple[int | None, ...]:
    return limits.requests_per_minute, limits.bytes_per_day, limits.bytes_per_month


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS
