"""Background jobs: claimed by one server at a time, taken over, tried again, given up, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidModel,
    InvalidState,
    MetastoreUnavailable,
    NotFound,
    SharingError,
)
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.jobs import Job, JobKind, JobState, ShowProgress
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.http.backend_metrics import JOBS, JOBS_WAIT
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.jobs import lease, worker
from model_sharing_provider.services.jobs.worker import JobWorker, Work
from model_sharing_provider.services.tasks import end_tasks
from model_sharing_provider.serving.expiry import show_inventory
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE
from support.principals import create_user

pytestmark = pytest.mark.each_database
KIND = JobKind.CHECK_STORAGE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LOOK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.1)


def server(admin: AdminClient, work: Work, at_once: int = 2) -> JobWorker:
    """A further server of the metastore, which does all checks of storage by `work`."""
    return JobWorker(admin.context, admin.provider.context, {KIND: work}, at_once=at_once)


@asynccontextmanager
async def running(*workers: JobWorker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in workers]
    try:
        yield
    finally:
        await end_tasks(tasks)


async def until(admin: AdminClient, state: JobState, job: Job) -> Job:
    for _ in range(PATIENCE * 50):
        if (found := await admin.provider.jobs.get(admin.context, job.id)).state is state:
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(found)


async def add_jobs(admin: AdminClient, number: int) -> None:
    """Jobs of the same kind with different subjects, as only pulls have them otherwise."""
    for subject in range(number):
        async with admin.provider.database.write() as rows:
            await rows.jobs.add(Job.asked_by(admin.provider.administrator, KIND, str(subject), subject + 1))


def doing(calls: list[str], then: Callable[[], Awaitable[None]] | None = None) -> Work:
    async def work(_context: Context, job: Job, _show: ShowProgress) -> None:
        calls.append(job.subject)
        if then is not None:
            await then()

    return work


async def test_each_job_is_done_once_by_many_servers_and_few_at_a_time(admin: AdminClient) -> None:
    done: list[str] = []
    now, most = 0, 0

    async def count() -> None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.02)
        now -= 1

    await add_jobs(admin, 30)
    async with running(*(server(admin, doing(done, count), 1) for _ in range(3))):
        for _ in range(PATIENCE * 20):
            if not await admin.provider.jobs.list(admin.context):
                break
            await asyncio.sleep(0.05)
    assert sorted(done) == sorted(str(number) for number in range(30))
    assert most <= 3


async def test_one_of_a_kind_and_subject_is_unfinished_at_a_time(admin: AdminClient) -> None:
    first = await admin.provider.jobs.start_check(admin.context)
    with pytest.raises(AlreadyExists, match=f"jobs show {first.id}"):
        await admin.provider.jobs.start_check(admin.context)
    async with running(server(admin, doing([]))):
        await until(admin, JobState.DONE, first)
    assert (await admin.provider.jobs.start_check(admin.context)).id != first.id


async def test_a_server_that_cannot_renew_stops_before_another_begins(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that has lost the database, and goes on otherwise."""
    monkeypatch.setattr(lease, "RENEWED_EVERY_SECONDS", 0.4)  # so that the lease ends between two attempts
    log: list[str] = []
    begun = asyncio.Event()

    async def cut_off(_context: Context, _job: Job, _show: ShowProgress) -> None:
        log.append("first begins")
        begun.set()
        cable.setattr(first._system, "write_unaudited", unavailable)
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            log.append("first stops")

    def unavailable(**_: Any) -> Any:
        raise MetastoreUnavailable("The cable was pulled.")

    async def second_work(_context: Context, job: Job, _show: ShowProgress) -> None:
        log.append(f"second begins attempt {job.attempts}")

    system = admin.provider.context(Caller(admin.provider.administrator, "jobs"))
    first = JobWorker(system, admin.provider.context, {KIND: cut_off}, at_once=1)
    job = await admin.provider.jobs.start_check(admin.context)
    async with running(first):
        with monkeypatch.context() as cable:
            await asyncio.wait_for(begun.wait(), PATIENCE)
            async with running(server(admin, second_work)):
                await until(admin, JobState.DONE, job)
    assert log == ["first begins", "first stops", "second begins attempt 2"]


async def test_what_may_pass_is_tried_again_and_in_the_end_given_up(admin: AdminClient) -> None:
    tried: list[str] = []

    async def fail() -> None:
        raise MetastoreUnavailable("The disk is being exchanged.")

    job = await admin.provider.jobs.start_check(admin.context)
    async with running(server(admin, doing(tried, fail))):
        failed = await until(admin, JobState.FAILED, job)
    assert (len(tried), failed.attempts, failed.error) == (5, 5, "The disk is being exchanged.")


async def test_what_will_not_pass_is_not_tried_again(admin: AdminClient) -> None:
    tried: list[str] = []

    async def fail() -> None:
        raise InvalidModel("It is no model.")

    job = await admin.provider.jobs.start_check(admin.context)
    async with running(server(admin, doing(tried, fail))):
        failed = await until(admin, JobState.FAILED, job)
    assert (len(tried), failed.error) == (1, "It is no model.")
    assert [each.id for each in await admin.provider.jobs.list(admin.context)] == [job.id]


async def test_a_job_that_ends_its_servers_is_given_up(admin: AdminClient) -> None:
    job = await admin.provider.jobs.start_check(admin.context)
    for number in range(worker.MOST_ATTEMPTS):
        async with admin.provider.database.write() as rows:
            claimed = await rows.jobs.claim(f"server {number}", job.due_at + number, job.due_at + number)
            assert claimed is not None and claimed.attempts == number + 1
    done: list[str] = []
    async with running(server(admin, doing(done))):
        failed = await until(admin, JobState.FAILED, job)
    assert "each time its server stopped" in failed.error
    assert not done


async def test_a_server_that_stops_leaves_its_job_to_others_at_once(admin: AdminClient) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.sleep(PATIENCE)

    job = await admin.provider.jobs.start_check(admin.context)
    async with running(server(admin, doing([], wait))):
        await asyncio.wait_for(begun.wait(), PATIENCE)
    left = await admin.provider.jobs.get(admin.context, job.id)
    assert (left.state, left.attempts, left.leased_until) == (JobState.QUEUED, 0, 0)


async def test_a_job_that_is_cancelled_is_stopped(admin: AdminClient) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            stopped.set()

    job = await admin.provider.jobs.start_check(admin.context)
    async with running(server(admin, doing([], wait))), asyncio.timeout(PATIENCE):
        await begun.wait()
        await admin.provider.jobs.cancel(admin.context, job.id)
        await stopped.wait()
    assert (await admin.provider.jobs.get(admin.context, job.id)).state is JobState.CANCELLED
    with pytest.raises(InvalidState, match="is cancelled already"):
        await admin.provider.jobs.cancel(admin.context, job.id)
    with pytest.raises(NotFound, match="jobs list --all"):
        await admin.provider.jobs.cancel(admin.context, "nothing")


@pytest.mark.parametrize("ends", ["the token", "the principal"])
async def test_who_may_not_ask_any_more_has_nothing_done(admin: AdminClient, ends: str) -> None:
    bob = await create_user(admin, "bob")
    asked_in = await bob.context()
    principal = asked_in.caller.principal
    async with admin.provider.database.write() as rows:
        job = Job.asked_by(principal, KIND, "", 1)
        await rows.jobs.add(job)
    if ends == "the token":
        await admin.provider.principals.delete_token(admin.context, "bob", principal.token_id)
    else:
        await admin.provider.principals.delete(admin.context, "bob")
    done: list[str] = []
    async with running(server(admin, doing(done))):
        failed = await until(admin, JobState.FAILED, job)
    assert not done and "bob" in failed.error


async def test_work_is_authorized_for_who_asked(admin: AdminClient) -> None:
    """A row of a job is no permission: whoever is no administrator any more has no garbage collected."""
    bob = await create_user(admin, "bob")
    async with admin.provider.database.write() as rows:
        principal = (await bob.context()).caller.principal
        arguments = {"older_than": 86400.0}
        job = Job.asked_by(principal, JobKind.COLLECT_GARBAGE, "", 1, arguments=arguments)
        await rows.jobs.add(job)
    async with running(admin.provider.job_worker):
        failed = await until(admin, JobState.FAILED, job)
    assert "administrator" in failed.error


async def test_maintenance_is_left_to_a_server(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    check = await admin.provider.jobs.start_check(admin.context, quick=True)
    collection = await admin.provider.jobs.start_collection(admin.context, older_than=timedelta(days=2))
    await show_inventory(admin.provider.inventory)
    assert JOBS.labels("CHECK_STORAGE", "QUEUED")._value.get() == 1
    assert JOBS_WAIT._value.get() >= 0
    async with running(admin.provider.job_worker):
        checked = await until(admin, JobState.DONE, check)
        collected = await until(admin, JobState.DONE, collection)
    assert (checked.progress["versions"], checked.progress["num_problems"]) == (1, 0)
    assert collected.progress == {"objects": 0, "size": 0, "abandoned": 0, "lineage": 0}
    await show_inventory(admin.provider.inventory)
    assert JOBS.labels("CHECK_STORAGE", "QUEUED")._value.get() == 0
    events = await admin.provider.audit.latest(admin.context, 10, action=AuditAction.CHECK_STORAGE)
    assert [(event.caller.face, event.caller.request_id) for event in events] == [("jobs", check.id)]


async def test_ages_are_checked_before_a_collection_is_queued(admin: AdminClient) -> None:
    with pytest.raises(SharingError, match="must be at least 1h"):
        await admin.provider.jobs.start_collection(admin.context, older_than=timedelta(minutes=1))
    assert not await admin.provider.jobs.list(admin.context)
