"""Rows of background jobs: claimed, renewed and ended by conditional updates.

A claim is one statement. On PostgreSQL it skips rows that another server is claiming (SKIP LOCKED), so that
claims of different jobs do not wait for each other; SQLite has one writer at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from model_sharing_provider.domain.jobs import UNFINISHED, Job, JobCount, JobKind, JobState
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import jobs

_JSON = ("arguments", "group_ids", "progress")


class JobRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, job: Job) -> None:
        """Add a job. Raises AlreadyExists while one of its kind and subject is unfinished."""
        values = asdict(job)
        await self._connection.execute(
            insert(jobs).values(**values | {name: json.dumps(values[name]) for name in _JSON})
        )

    async def replace(self, job: Job) -> None:
        """Add a job in place of an unfinished one of its kind and subject, whose server loses it."""
        unfinished = jobs.c.state.in_(UNFINISHED)
        await self._connection.execute(
            delete(jobs).where(jobs.c.kind == job.kind, jobs.c.subject == job.subject, unfinished)
        )
        await self.add(job)

    async def find(self, job_id: str) -> Job | None:
        return await self._first(jobs.c.id == job_id)

    async def find_latest(self, kind: JobKind, subject: str, ended_since: int) -> Job | None:
        """Unfinished job of a kind and subject, or else the one that ended last, if that was since then."""
        return await self._first(
            jobs.c.kind == kind,
            jobs.c.subject == subject,
            or_(jobs.c.ended_at.is_(None), jobs.c.ended_at >= ended_since),
        )

    async def claimable(self, now: int) -> str | None:
        """Id of the job that has been due for longest: queued, or of a server whose lease has ended."""
        query = select(jobs.c.id).where(_is_claimable(now)).order_by(jobs.c.due_at).limit(1)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def claim(self, server: str, now: int, until: int) -> Job | None:
        """Claim the job that has been due for longest, until `until`; None if there is none."""
        oldest = select(jobs.c.id).where(_is_claimable(now)).order_by(jobs.c.due_at).limit(1)
        result = await self._connection.execute(
            update(jobs)
            .where(
                jobs.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery(), _is_claimable(now)
            )
            .values(
                state=JobState.RUNNING,
                claimed_by=server,
                leased_until=until,
                attempts=jobs.c.attempts + 1,
            )
            .returning(jobs)
        )
        row = result.first()
        return _job(row) if row else None

    async def renew(self, job_id: str, server: str, until: int, progress: Mapping[str, Any]) -> bool:
        """Renew a lease and note the progress; False once another server has the job, or it was cancelled."""
        return await self._update_claimed(job_id, server, leased_until=until, progress=json.dumps(progress))

    async def end(
        self,
        job_id: str,
        server: str,
        state: JobState,
        now: int,
        *,
        progress: Mapping[str, Any],
        error: str = "",
    ) -> bool:
        """End a job; False if the server does not hold it any more."""
        return await self._update_claimed(
            job_id, server, state=state, ended_at=now, progress=json.dumps(progress), error=error
        )

    async def put_back(
        self, job_id: str, server: str, due_at: int, *, attempts: int, error: str = ""
    ) -> bool:
        """Queue a job again; False if the server does not hold it any more."""
        return await self._update_claimed(
            job_id,
            server,
            state=JobState.QUEUED,
            due_at=due_at,
            attempts=attempts,
            leased_until=0,
            error=error,
        )

    async def cancel(self, job_id: str, now: int) -> bool:
        """Cancel an unfinished job; False for one that has ended. Its server learns of it as it renews."""
        result = await self._connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED))
            .values(state=JobState.CANCELLED, ended_at=now)
            .returning(jobs.c.id)
        )
        return result.first() is not None

    async def delete(self, job_id: str, server: str) -> bool:
        """Delete a job that the server holds, and whose end nobody will ask for; False if it does not."""
        result = await self._connection.execute(
            delete(jobs).where(jobs.c.id == job_id, *_held_by(server)).returning(jobs.c.id)
        )
        return result.first() is not None

    async def delete_ended(self, before: int) -> None:
        """Delete jobs that ended before a moment."""
        await self._connection.execute(delete(jobs).where(jobs.c.ended_at < before))

    async def listed(self, limit: int, *, ended: bool = True) -> list[Job]:
        """Newest jobs; without `ended`, those that are not, and those that failed."""
        query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
        if not ended:
            query = query.where(jobs.c.state.in_((*UNFINISHED, JobState.FAILED)))
        return [_job(row) for row in await self._connection.execute(query)]

    async def counts(self) -> list[JobCount]:
        """Numbers of unfinished and failed jobs."""
        query = (
            select(
                jobs.c.kind, jobs.c.state, func.count().label("number"), func.min(jobs.c.due_at).label("due")
            )
            .where(jobs.c.state.in_((*UNFINISHED, JobState.FAILED)))
            .group_by(jobs.c.kind, jobs.c.state)
        )
        rows = await self._connection.execute(query)
        return [JobCount(JobKind(row.kind), JobState(row.state), row.number, row.due) for row in rows]

    async def _first(self, *conditions: Any) -> Job | None:
        query = select(jobs).where(*conditions)
        # An unfinished one has no end, and comes first.
        query = query.order_by(jobs.c.ended_at.is_not(None), jobs.c.ended_at.desc()).limit(1)
        row = (await self._connection.execute(query)).first()
        return _job(row) if row else None

    async def _update_claimed(self, job_id: str, server: str, **values: Any) -> bool:
        result = await self._connection.execute(
            update(jobs).where(jobs.c.id == job_id, *_held_by(server)).values(**values).returning(jobs.c.id)
        )
        return result.first() is not None


def _is_claimable(now: int) -> Any:
    return or_(
        and_(jobs.c.state == JobState.QUEUED, jobs.c.due_at <= now),
        and_(jobs.c.state == JobState.RUNNING, jobs.c.leased_until < now),
    )


def _held_by(server: str) -> tuple[Any, ...]:
    return jobs.c.state == JobState.RUNNING, jobs.c.claimed_by == server


def _job(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    values |= {name: json.loads(values[name]) for name in _JSON}
    values |= {"kind": JobKind(values["kind"]), "state": JobState(values["state"])}
    return Job(**values | {"group_ids": tuple(values["group_ids"])})
