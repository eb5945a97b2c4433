"""`jobs` commands: background jobs of all servers."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli.records import Record, to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.jobs import Job

_COLUMNS = ["id", "kind", "subject", "state", "progress", "attempts", "requester", "created_at", "error"]

_AN_ID = "0f0d5ac8-6d6b-4f3f-8a60-0d2a4c6c2c0e"


@click.group(epilog=example("model-sharing-provider jobs list"))
def jobs() -> None:
    """Background jobs, which any server takes: pulls of catalogs, checks, garbage collections."""


@jobs.command(
    "list", epilog=example("model-sharing-provider jobs list", "model-sharing-provider jobs list --all")
)
@click.option("--all", "ended", is_flag=True, help="Also those that are done or cancelled, for a week.")
@output_option
def list_jobs(*, ended: bool, output: str) -> None:
    """List jobs that are queued, running or failed, the newest first."""
    found = run(lambda provider, context: provider.jobs.list(context, ended=ended))
    if output == "json":
        show_list([to_record(job) for job in found], _COLUMNS, output)
        return
    show_list([_line(job) for job in found], _COLUMNS, output)


@jobs.command(epilog=example(f"model-sharing-provider jobs show {_AN_ID}"))
@click.argument("job_id")
@output_option
def show(job_id: str, output: str) -> None:
    """Show a job, with what it has done or found."""
    show_one(to_record(run(lambda provider, context: provider.jobs.get(context, job_id))), output)


@jobs.command(epilog=example(f"model-sharing-provider jobs cancel {_AN_ID}"))
@click.argument("job_id")
@output_option
def cancel(job_id: str, output: str) -> None:
    """Cancel a job; a server that works on it stops within seconds. What it has done stays."""
    run(lambda provider, context: provider.jobs.cancel(context, job_id))
    show_done({"id": job_id, "cancelled": True}, f"Cancelled the job {job_id}", output)


def show_queued(job: Job, output: str) -> None:
    """Show a job that a command has queued."""
    sentence = f"Queued the job {job.id} for the servers; see: model-sharing-provider jobs show {job.id}"
    show_done(to_record(job), sentence, output)


def _line(job: Job) -> Record:
    size, done = job.progress.get("size"), job.progress.get("size_done")
    shown = "" if not size or done is None else f"{human_size(done)} of {human_size(size)}"
    return to_record(job) | {"progress": shown}
