"""Worker of background jobs: takes what is due from the job table, as many at a time as this server is to.

A row is the right to work on a job. Its holder renews it, and stops once it cannot: then any server takes it
over. So work must be safe to do twice in part; what it changes for good, it commits only while it holds it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState, SharingError, Unauthenticated, UpstreamUnavailable
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.jobs import Job, JobKind, JobState, ShowProgress
from model_sharing_provider.domain.principals import Caller, Principal
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.jobs.lease import JobLost, lease_from, while_held
from model_sharing_provider.services.tasks import end_tasks
from model_sharing_provider.telemetry.log import log

LOOK_EVERY_SECONDS = 1.0
MOST_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 600.0
_KEPT_MS = 7 * 24 * 3_600_000
_DELETED_EVERY_SECONDS = 3600.0
_SERVERS_FAULT = 500
_TOO_MANY = 429

Work = Callable[[Context, Job, ShowProgress], Awaitable[None]]
"""Function that does a job in the context of who asked for it. What it raises, the job fails with."""


class JobWorker:
    """Worker of this process. `system` is the server's own context; `context_of` gives those of others."""

    def __init__(
        self,
        system: Context,
        context_of: Callable[[Caller], Context],
        work: Mapping[JobKind, Work],
        *,
        at_once: int,
    ) -> None:
        self._system = system
        self._context_of = context_of
        self._work = work
        self._at_once = at_once
        # For people, who see it in the list of jobs; the last part makes it another one after a restart.
        self._id = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"
        self._running: set[asyncio.Task[None]] = set()
        self._cleaned_at = -_DELETED_EVERY_SECONDS

    async def run(self) -> None:
        """Work until cancelled; what is not done by then is left to other servers, at once."""
        try:
            while True:
                try:
                    while len(self._running) < self._at_once and (job := await self._claim()):
                        self._begin(job)
                    await self._forget_old()
                except SharingError as error:
                    log.warning("jobs were not looked for", reason=error.message)
                except Exception:
                    log.exception("jobs were not looked for")
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            await end_tasks(self._running)

    async def _claim(self) -> Job | None:
        """Claim a job. Servers without anything to do only read."""
        now = now_ms()
        async with self._system.read_unaudited() as rows:
            if await rows.jobs.claimable(now) is None:
                return None
        async with self._system.write_unaudited(cached=False) as rows:
            now = now_ms()
            return await rows.jobs.claim(self._id, now, lease_from(now))

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._hold(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _hold(self, job: Job) -> None:
        """Work on a job as long as it is this server's, and record how it ended."""
        progress: dict[str, Any] = dict(job.progress)
        try:
            try:
                await while_held(self._system, job, self._do(job, progress.update), progress)
            except JobLost:
                log.warning("a job was cancelled, or taken over", job=job.id, kind=job.kind.value)
            except Exception as error:
                await self._fail(job, progress, error)
            else:
                await self._end(job, JobState.DONE, progress)
        except asyncio.CancelledError:
            with suppress(SharingError):
                await asyncio.shield(self._put_back(job, now_ms(), attempts=job.attempts - 1))
            raise
        except SharingError as error:
            # Another server finds the lease ended, and does it again.
            log.warning("the end of a job was not recorded", job=job.id, reason=error.message)

    async def _do(self, job: Job, show: ShowProgress) -> None:
        if job.attempts > MOST_ATTEMPTS:
            raise InvalidState(f"It was begun {MOST_ATTEMPTS} times, and each time its server stopped.")
        caller = Caller(await self._requester(job), "jobs", request_id=job.id)
        await self._work[job.kind](self._context_of(caller), job, show)

    async def _requester(self, job: Job) -> Principal:
        """Principal who asked for a job, as of now. Raises Unauthenticated once it could not ask any more."""
        async with self._system.read_unaudited() as rows:
            if job.token_id:
                found = await rows.principals.find_by_token_id(job.token_id, now_ms(), job.group_ids)
                if found is not None:
                    return found
            elif (info := await rows.principals.find_by_id(job.requester_id)) and info.active:
                return info.principal
        raise Unauthenticated(
            f"The token that {job.requester} asked with has expired or was revoked, or {job.requester} was "
            "deactivated or deleted. Ask for it again."
        )

    async def _fail(self, job: Job, progress: Mapping[str, Any], error: Exception) -> None:
        """Record a failure, and put the job back if it may succeed later."""
        reason = error.message if isinstance(error, SharingError) else type(error).__name__
        known = isinstance(error, SharingError)
        log.warning(
            "job failed",
            job=job.id,
            kind=job.kind.value,
            attempt=job.attempts,
            reason=reason,
            exc_info=not known,
        )
        if not _may_pass(error) or job.attempts >= MOST_ATTEMPTS:
            await self._end(job, JobState.FAILED, progress, reason)
            return
        pause = min(_LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (job.attempts - 1))
        await self._put_back(job, now_ms() + int(1000 * pause), attempts=job.attempts, error=reason)

    async def _end(self, job: Job, state: JobState, progress: Mapping[str, Any], error: str = "") -> None:
        async with self._system.write_unaudited(cached=False) as rows:
            await rows.jobs.end(job.id, self._id, state, now_ms(), progress=progress, error=error)

    async def _put_back(self, job: Job, due_at: int, *, attempts: int, error: str = "") -> None:
        async with self._system.write_unaudited(cached=False) as rows:
            await rows.jobs.put_back(job.id, self._id, due_at, attempts=attempts, error=error)

    async def _forget_old(self) -> None:
        if time.monotonic() - self._cleaned_at < _DELETED_EVERY_SECONDS:
            return
        async with self._system.write_unaudited(cached=False) as rows:
            await rows.jobs.delete_ended(now_ms() - _KEPT_MS)
        self._cleaned_at = time.monotonic()


def _may_pass(error: Exception) -> bool:
    """True for an error that may be gone later: of a disk, a network or another server, or an unknown one."""
    if not isinstance(error, SharingError) or isinstance(error, UpstreamUnavailable):
        return True
    return error.row.unity_catalog_status >= _SERVERS_FAULT or error.row.unity_catalog_status == _TOO_MANY
