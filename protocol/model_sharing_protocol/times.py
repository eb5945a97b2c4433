"""Times: epoch milliseconds on the wire and in rows, datetimes in Python, ISO 8601 for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

MAX_MS = 253_402_300_799_999
"""Last millisecond of the year 9999, the end of the range of `datetime`."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)
_MILLISECOND = timedelta(milliseconds=1)


def now_ms() -> int:
    """Current time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def moment(ms: int) -> datetime:
    """Epoch milliseconds as a datetime in UTC."""
    return _EPOCH + ms * _MILLISECOND


def epoch_ms(moment: datetime) -> int:
    """Aware datetime as epoch milliseconds."""
    return (moment - _EPOCH) // _MILLISECOND


def iso(ms: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, to the second: `2026-11-23T09:07:00Z`."""
    return (_EPOCH_WITHOUT_ZONE + ms * _MILLISECOND).isoformat(timespec="seconds") + "Z"
