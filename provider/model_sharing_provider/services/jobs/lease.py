"""Lease of a job: renewed while somebody works on it, who stops once it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.jobs import Job
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.tasks import end_tasks

LEASE_SECONDS = 15.0
RENEWED_EVERY_SECONDS = 4.0
_STOPPED_BEFORE = 0.1
"""Share of a lease at its end, in which its holder no longer works."""

T = TypeVar("T")


class JobLost(Exception):
    """Another server works on the job, or it was cancelled."""


async def while_held(
    context: Context, job: Job, work: Coroutine[Any, Any, T], progress: Mapping[str, Any]
) -> T:
    """Result of work on a job that this process holds; `progress` is noted with each renewal.

    Raises JobLost, after the work was cancelled, before or as soon as another server may begin.
    """
    working = asyncio.create_task(work)
    renewing = asyncio.create_task(_renew(context, job, progress))
    try:
        await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise JobLost
        return working.result()
    finally:
        await end_tasks((working, renewing))


async def _renew(context: Context, job: Job, progress: Mapping[str, Any]) -> None:
    """Renew a lease; returns once it is lost, by the table or, if that cannot be reached, by the clock.

    The clock counts from before the statement that set the lease, and stops before another server's may find
    that it has ended: work takes a moment to be cancelled.
    """
    kept = LEASE_SECONDS * (1 - _STOPPED_BEFORE)
    ends = time.monotonic() + kept - (now_ms() + LEASE_SECONDS * 1000 - job.leased_until) / 1000
    while (left := ends - time.monotonic()) > 0:
        await asyncio.sleep(min(RENEWED_EVERY_SECONDS, left))
        began = time.monotonic()
        with suppress(SharingError, TimeoutError):
            async with asyncio.timeout(max(0.0, ends - began)), context.write_unaudited(cached=False) as rows:
                if not await rows.jobs.renew(job.id, job.claimed_by, lease_from(now_ms()), progress):
                    return
            ends = began + kept


def lease_from(now: int) -> int:
    """End of a lease that begins at a moment, both in epoch ms."""
    return now + int(LEASE_SECONDS * 1000)
