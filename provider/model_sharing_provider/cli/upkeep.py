"""`fsck` and `gc`: look after what is stored."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, human_size
from model_sharing_protocol.console.progress_bar import ProgressBar
from model_sharing_protocol.console.results import show_list, show_one
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_provider.cli.records import Record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.administration.fsck import Findings, Problem
from model_sharing_provider.services.administration.gc import GRACE, Collected
from model_sharing_provider.services.administration.orphans import Leftover
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(epilog=example("model-sharing-provider fsck --quick"))
@click.option("--quick", is_flag=True, help="Look for files and their sizes only; read none of them.")
@output_option
def fsck(*, quick: bool, output: str) -> None:
    """Check all versions against what is stored, and what is stored against all versions.

    Every file is read and hashed. Nothing is changed. Ends with code 10 if anything is missing or corrupt;
    bytes that no version needs are no damage: `gc` deletes them. A server may go on running beside it.
    """
    with ProgressBar() as bar:

        async def check(provider: ProviderServices, context: Context) -> Findings:
            return await provider.fsck.check(context, quick=quick, progress=bar.show)

        found = run(check)
    _show_findings(found, output)
    if found.problems:
        sys.exit(CorruptArtifact.row.exit_code)


@click.command(epilog=example("model-sharing-provider gc --dry-run"))
@click.option("--older-than", type=Duration(), default=GRACE, help="Grace for bytes without a row [24h].")
@click.option("--abandoned-after", type=Duration(), help="Give up versions that wait for files this long.")
@click.option("--lineage-older-than", type=Duration(), help="Forget lineage that is older.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@output_option
def gc(
    *,
    older_than: timedelta,
    abandoned_after: timedelta | None,
    lineage_older_than: timedelta | None,
    dry_run: bool,
    output: str,
) -> None:
    """Delete bytes that no version needs: what crashes and failed deletions left.

    A server may go on running, and models may be registered, beside it.
    """

    async def collect(provider: ProviderServices, context: Context) -> Collected:
        return await provider.gc.collect(
            context,
            older_than=older_than,
            abandoned_after=abandoned_after,
            lineage_older_than=lineage_older_than,
            dry_run=dry_run,
        )

    collected = run(collect)
    rows = [_leftover(each) for each in collected.leftovers]
    rows += [_abandoned(version) for version in collected.abandoned]
    if output == "json":
        show_one({"deleted": rows, "num_lineage": collected.num_lineage, "dry_run": dry_run}, output)
        return
    if rows:
        show_list(rows, ["what", "version_id", "model", "version", "num_objects", "size"], output)
    size = human_size(sum(each.size for each in collected.leftovers))
    verb = "Would delete" if dry_run else "Deleted"
    objects = sum(each.num_objects for each in collected.leftovers)
    sentence = f"{verb} {size} in {objects} objects that no version needs"
    if abandoned_after is not None:
        sentence += f", {len(collected.abandoned)} abandoned versions"
    if lineage_older_than is not None:
        sentence += f", {collected.num_lineage} records of lineage"
    announce(sentence)


def _show_findings(found: Findings, output: str) -> None:
    problems = [_problem(problem) for problem in found.problems]
    leftovers = [_leftover(leftover) for leftover in found.leftovers.versions]
    if output == "json":
        counted = {
            "num_versions": found.num_versions,
            "num_files": found.num_files,
            "size": found.size,
            "problems": problems,
            "leftovers": leftovers,
            "strangers": list(found.leftovers.strangers),
        }
        show_one(counted, output)
        return
    if problems:
        show_list(problems, ["model", "version", "damage", "path", "reason"], output)
    checked = f"{found.num_versions} versions, {found.num_files} files, {human_size(found.size)}"
    announce(f"Checked {checked}: {len(problems) or 'no'} problems")
    if leftovers:
        size = human_size(sum(leftover.size for leftover in found.leftovers.versions))
        announce(f"{size} belong to no version, or to one that is being registered; `gc` deletes old ones")
    for failed in (each for each in found.leftovers.versions if each.failed):
        size = human_size(failed.size)
        announce(f"{size} are left of a version that failed, {failed.version_id}; `gc` deletes them")
    for path in found.leftovers.strangers:
        announce(f"{path} is nothing of ours, and left alone")


def _problem(problem: Problem) -> Record:
    return {
        "model": str(problem.version.full_name),
        "version": problem.version.version,
        "damage": problem.damage.value,
        "path": problem.path or "(manifest)",
        "reason": problem.reason,
    }


def _leftover(leftover: Leftover) -> Record:
    return {
        "what": "failed" if leftover.failed else "no row",
        "version_id": leftover.version_id,
        "num_objects": leftover.num_objects,
        "size": leftover.size,
    }


def _abandoned(version: ModelVersion) -> Record:
    return {
        "what": "abandoned",
        "version_id": version.id,
        "model": str(version.full_name),
        "version": version.version,
    }
