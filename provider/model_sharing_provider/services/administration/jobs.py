"""Background jobs as administrators see them: what waits, runs and failed; and maintenance as a job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from model_sharing_protocol.errors import AlreadyExists, InvalidState, NotFound
from model_sharing_protocol.progress import Progress
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.jobs import Job, JobKind, ShowProgress
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.services.administration.fsck import Findings, Fsck
from model_sharing_provider.services.administration.gc import GRACE, GarbageCollection, check_graces
from model_sharing_provider.services.context import Context

_METASTORE = Target(SecurableType.METASTORE)
_MOST_PROBLEMS = 100
_MOST_JOBS = 1000


class Jobs:
    def __init__(self, fsck: Fsck, gc: GarbageCollection) -> None:
        self._fsck = fsck
        self._gc = gc

    async def list(self, context: Context, *, ended: bool = False, limit: int = _MOST_JOBS) -> Sequence[Job]:
        """Newest jobs that are not done or failed; with `ended`, also those that were done or cancelled."""
        async with context.view(AuditAction.LIST_JOBS, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            return await operation.rows.jobs.listed(limit, ended=ended)

    async def get(self, context: Context, job_id: str) -> Job:
        """Job with this id. Raises NotFound."""
        target = Target(SecurableType.METASTORE, detail=job_id)
        async with context.view(AuditAction.LIST_JOBS, target) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            if (job := await operation.rows.jobs.find(job_id)) is None:
                raise _unknown(job_id)
            return job

    async def cancel(self, context: Context, job_id: str) -> None:
        """Cancel a job; its server stops within seconds. Raises NotFound, InvalidState for an ended one."""
        target = Target(SecurableType.METASTORE, detail=job_id)
        async with context.change(AuditAction.CANCEL_JOB, target) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            job = await operation.rows.jobs.find(job_id)
            if job is None:
                raise _unknown(job_id)
            if not await operation.rows.jobs.cancel(job_id, operation.now):
                raise InvalidState(f"The job {job_id!r} is {job.state.lower()} already.")

    async def start_check(self, context: Context, *, quick: bool = False) -> Job:
        """Queue a check of storage. Raises AlreadyExists while another one is queued or running."""
        return await self._start(context, JobKind.CHECK_STORAGE, quick=quick)

    async def start_collection(
        self,
        context: Context,
        *,
        older_than: timedelta = GRACE,
        abandoned_after: timedelta | None = None,
        lineage_older_than: timedelta | None = None,
    ) -> Job:
        """Queue a garbage collection, as by `GarbageCollection`. Raises AlreadyExists, InvalidParameter."""
        check_graces(older_than, abandoned_after)
        ages = {
            "older_than": older_than,
            "abandoned_after": abandoned_after,
            "lineage_older_than": lineage_older_than,
        }
        seconds = {name: age.total_seconds() for name, age in ages.items() if age is not None}
        return await self._start(context, JobKind.COLLECT_GARBAGE, **seconds)

    async def check(self, context: Context, job: Job, show: ShowProgress) -> None:
        """Check storage for a job; its progress is what was found in the end."""

        def show_some(now: Progress) -> None:
            total = now.bytes_total or 0
            show({"phase": now.phase, "size_done": now.bytes_done, "size": total, "files": now.files_done})

        show(_found(await self._fsck.check(context, **job.arguments, progress=show_some)))

    async def collect(self, context: Context, job: Job, show: ShowProgress) -> None:
        """Collect garbage for a job; what a server that died has deleted is not counted again."""
        ages = {name: timedelta(seconds=seconds) for name, seconds in job.arguments.items()}
        collected = await self._gc.collect(
            context,
            older_than=ages["older_than"],
            abandoned_after=ages.get("abandoned_after"),
            lineage_older_than=ages.get("lineage_older_than"),
        )
        show(
            {
                "objects": sum(each.num_objects for each in collected.orphans),
                "size": sum(each.size for each in collected.orphans),
                "abandoned": len(collected.abandoned),
                "lineage": collected.num_lineage,
            }
        )

    async def _start(self, context: Context, kind: JobKind, **arguments: Any) -> Job:
        target = Target(SecurableType.METASTORE, detail=kind.value)
        async with context.change(AuditAction.START_JOB, target) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            if known := await operation.rows.jobs.find_latest(kind, "", operation.now):
                raise AlreadyExists(
                    f"The job {known.id} does that already; see: model-sharing-provider jobs show {known.id}"
                )
            job = Job.asked_by(operation.principal, kind, "", operation.now, arguments=arguments)
            await operation.rows.jobs.add(job)
            return job


def _found(found: Findings) -> dict[str, Any]:
    problems = [
        {
            "full_name": str(each.version.full_name),
            "version": each.version.version,
            "damage": each.damage.value,
            "path": each.path,
            "reason": each.reason,
        }
        for each in found.problems[:_MOST_PROBLEMS]
    ]
    return {
        "phase": "done",
        "versions": found.num_versions,
        "files": found.num_files,
        "size": found.size,
        "num_problems": len(found.problems),
        "problems": problems,
    }


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"The job {job_id!r} does not exist; see: model-sharing-provider jobs list --all")
