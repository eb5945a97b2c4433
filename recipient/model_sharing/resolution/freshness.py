"""Freshness of signed answers: nothing signed more than an hour ago passes as the present.

The provider says when it signed; clocks that differ by less than that hour do no harm.
"""

from __future__ import annotations

from pathlib import Path

from model_sharing_protocol.errors import StaleAnswer
from model_sharing_protocol.times import iso

MAX_AGE_MS = 3_600_000


def is_fresh(issued_at: int, now: int) -> bool:
    """True if what was signed then may count as the present. Both in epoch milliseconds."""
    return abs(now - issued_at) <= MAX_AGE_MS


def check_fresh(subject: str, issued_at: int, now: int, seen: int, record: Path) -> None:
    """Raise StaleAnswer for what was signed too far from `now`, or too long before the latest `seen`.

    `record` is the file that says so.
    """
    check_recent(subject, issued_at, now)
    if issued_at < seen - MAX_AGE_MS:
        raise StaleAnswer(
            f"{_signed(subject, issued_at)}; one signed at {iso(seen)}, {duration(seen - issued_at)} later, "
            "was seen before. Somebody replays an old answer, or a clock of the provider's was wrong: ask "
            f"it, and if the later one is wrong, delete {record}."
        )


def check_recent(subject: str, issued_at: int, now: int) -> None:
    """Raise StaleAnswer for what was signed too far from `now`."""
    if not is_fresh(issued_at, now):
        away = f"{duration(abs(now - issued_at))} {'from now' if issued_at > now else 'ago'}"
        raise StaleAnswer(
            f"{_signed(subject, issued_at)}, {away} by the clock of this machine ({iso(now)}). If this clock "
            "is right, somebody replays an old answer, or the provider's clock is wrong: ask it. If not, set "
            "the clock."
        )


def _signed(subject: str, issued_at: int) -> str:
    return f"The answer about {subject} was signed at {iso(issued_at)}"


def duration(milliseconds: int) -> str:
    """Duration as people say it: `3 hours`."""
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return "less than a second"
