"""Writes of what recipients use of their limits, by which all servers share one budget.

Each statement is atomic by itself, and waits for none but others about the same recipient and period. It is
plain SQL: see `executor` for why.
"""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_provider.domain.recipient_limits import Claim, ClaimRefused, LimitPeriod, Period
from model_sharing_provider.metastore.engine.database_engine import SqlRows

SHARE_OF_REST = 8
"""A server is granted an eighth of what is left, so that the others find some, too."""
_KEPT_DAYS_MS = 2 * 24 * 3600 * 1000

_LEFT = """(:most - CASE WHEN recipient_usage.started_at < :start THEN 0 ELSE recipient_usage.taken END)"""
_GRANT = f"""CASE WHEN {_LEFT} < :need THEN 0
    WHEN {_LEFT} / {SHARE_OF_REST} > :need THEN {_LEFT} / {SHARE_OF_REST} ELSE :need END"""
_TAKE = f"""
INSERT INTO recipient_usage (recipient_id, period, started_at, taken, granted, refused_at)
VALUES (:recipient, :period, :start, :first, :first, 0)
ON CONFLICT (recipient_id, period) DO UPDATE SET
    granted = {_GRANT},
    taken = :most - {_LEFT} + {_GRANT},
    started_at = CASE WHEN recipient_usage.started_at < :start THEN :start ELSE recipient_usage.started_at END
RETURNING granted
"""  # noqa: S608 - a constant
_FIRST_REFUSAL = """
INSERT INTO recipient_usage (recipient_id, period, started_at, taken, granted, refused_at)
VALUES (:recipient, :period, :start, 0, 0, :start)
ON CONFLICT (recipient_id, period) DO UPDATE SET refused_at = :start
WHERE recipient_usage.refused_at < :start RETURNING refused_at
"""
_ISSUE = """
INSERT INTO recipient_issues (recipient_id, subject, started_at) VALUES (:recipient, :subject, :start)
ON CONFLICT (recipient_id, subject) DO UPDATE SET started_at = :start
WHERE recipient_issues.started_at < :start RETURNING started_at
"""
_FORGET_ISSUES = "DELETE FROM recipient_issues WHERE recipient_id = :recipient AND started_at < :before"
_USED = "SELECT period, started_at, taken FROM recipient_usage WHERE recipient_id = :recipient"


def take(rows: SqlRows, recipient_id: str, claims: Sequence[Claim]) -> list[int]:
    """Take what each claim needs, or more, from its limit. Raises ClaimRefused."""
    granted = []
    for claim in claims:
        first = 0 if claim.most < claim.need else max(claim.most // SHARE_OF_REST, claim.need)
        values = {
            "recipient": recipient_id,
            "period": claim.period.kind.value,
            "start": claim.period.start,
            "most": claim.most,
            "need": claim.need,
            "first": first,
        }
        got = int(rows.execute(_TAKE, values).fetchone()["granted"])
        if got < claim.need:
            raise ClaimRefused(claim)
        granted.append(got)
    return granted


def issue(rows: SqlRows, recipient_id: str, subject: str, day: Period, claims: Sequence[Claim]) -> list[int]:
    """Take for URLs of a subject, unless that was done on this day; then nothing. Raises ClaimRefused."""
    values = {"recipient": recipient_id, "subject": subject, "start": day.start}
    if rows.execute(_ISSUE, values).fetchone() is None:
        return []
    rows.execute(_FORGET_ISSUES, {"recipient": recipient_id, "before": day.start - _KEPT_DAYS_MS})
    return take(rows, recipient_id, claims)


def first_refusal(rows: SqlRows, recipient_id: str, period: Period) -> bool:
    """True for the first of all servers that refuses in a period."""
    values = {"recipient": recipient_id, "period": period.kind.value, "start": period.start}
    return rows.execute(_FIRST_REFUSAL, values).fetchone() is not None


def used(rows: SqlRows, recipient_id: str, now: int) -> dict[LimitPeriod, int]:
    """What was taken in the present periods, with what servers hold and have not given yet."""
    found = {row["period"]: row for row in rows.execute(_USED, {"recipient": recipient_id})}
    return {
        kind: int(row["taken"])
        for kind in LimitPeriod
        if (row := found.get(kind.value)) and row["started_at"] >= kind.at(now).start
    }
