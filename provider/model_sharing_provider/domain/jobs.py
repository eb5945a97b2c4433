"""Background jobs: work that any server takes from the job table, and takes over from one that died."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

from model_sharing_provider.domain.principals import Principal


class JobKind(StrEnum):
    """Kind of a job. At most one of a kind and subject is unfinished at any time."""

    CHECK_STORAGE = "CHECK_STORAGE"
    COLLECT_GARBAGE = "COLLECT_GARBAGE"
    FINALIZE_VERSION = "FINALIZE_VERSION"
    PULL_CATALOG = "PULL_CATALOG"


class JobState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Job as its row has it; times are epoch ms.

    It is worked on in the name of `requester`, as long as the token that it was asked for with is valid; the
    command line has none. `group_ids` are groups that this token gave. `progress` is what was done so far, or
    in the end. The server `claimed_by` holds it until `leased_until`; it is not begun before `due_at`.
    """

    id: str
    kind: JobKind
    subject: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requester_id: str
    requester: str
    token_id: str = ""
    group_ids: tuple[str, ...] = ()
    state: JobState = JobState.QUEUED
    attempts: int = 0
    created_at: int
    due_at: int
    ended_at: int | None = None
    claimed_by: str = ""
    leased_until: int = 0
    progress: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def asked_by(cls, principal: Principal, kind: JobKind, subject: str, now: int, **values: Any) -> Job:
        """New job that a principal asks for."""
        return cls(
            id=str(uuid4()),
            kind=kind,
            subject=subject,
            requester_id=principal.id,
            requester=principal.name,
            token_id=principal.token_id,
            group_ids=tuple(group.id for group in principal.token_groups),
            created_at=now,
            due_at=now,
            **values,
        )


@dataclass(frozen=True, slots=True)
class JobCount:
    """Number of unfinished or failed jobs of a kind and state; the oldest is due since then (epoch ms)."""

    kind: JobKind
    state: JobState
    number: int
    oldest_due_at: int


ShowProgress = Callable[[Mapping[str, Any]], None]
"""Function that takes what a job has done so far; cheap, it is written now and then."""
