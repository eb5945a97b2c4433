"""Snapshot of one version, or of some of its files: what is missing is fetched, then it appears at once."""

from __future__ import annotations

from pathlib import Path

from model_sharing.downloads.engine import Engine
from model_sharing.downloads.job import Job
from model_sharing.downloads.plan import Plan, check_space, make_plan
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.filesystem.local_files import translated_write_errors
from model_sharing_protocol.errors import CorruptArtifact

_ATTEMPTS = 3


def fetch_snapshot(job: Job) -> Path:
    """Fetch the verified files of the job's manifest, or those selected; their folder. The caller holds it.

    Blocking; ends early after `connections.stop()`. Two processes that want the same version of one provider
    at the same time wait for each other, so that it is fetched once, and so do two that want the same
    selection: who wants a small file of a version does not wait for all of it. Raises FileNotFoundError if
    somebody deletes the cache meanwhile.
    """
    cache, manifest, selected = job.cache, job.manifest, job.selected
    lock = cache.name_for_provider(cache.snapshot_folder(manifest, selected).name)
    with translated_write_errors(cache.root), cache.lock(lock, lambda: job.connections.stopped):
        if folder := cache.snapshot(manifest, selected=selected, verify=job.verify):
            return folder
        with ReusePlanner(job) as planner:
            for _ in range(_ATTEMPTS):
                if (plan := make_plan(selected or manifest, cache, verify=job.verify)).missing:
                    _fetch_missing(job, plan, planner)
                try:
                    return cache.publish_snapshot(manifest, selected=selected)
                except FileNotFoundError:
                    continue  # another process noticed just now that a blob was damaged, and dropped it
    raise CorruptArtifact(f"Files vanish from {cache.blobs} as soon as they arrive. Check the disk.")


def _fetch_missing(job: Job, plan: Plan, planner: ReusePlanner) -> None:
    job.cache.remove_abandoned()
    check_space(plan, job.cache)
    job.progress.begin(plan)
    try:
        Engine(job, planner).run(plan.missing)
    finally:
        job.progress.end()


def bytes_to_fetch(job: Job, plan: Plan) -> dict[str, int]:
    """Bytes that a job with this plan would fetch of each missing content, by sha256. Blocking.

    Only the chunk maps are fetched, without which nobody knows what can be taken from other versions.
    """
    try:
        with ReusePlanner(job) as planner:
            reassemblies = planner.reassemblies(plan.missing)
            deltas = planner.deltas(plan.missing, reassemblies)
            return {
                file.sha256: deltas[file.sha256].delta.size
                if file.sha256 in deltas
                else planner.bytes_to_fetch(file, reassemblies.get(file.sha256))
                for file in plan.missing
            }
    finally:
        job.connections.close()
