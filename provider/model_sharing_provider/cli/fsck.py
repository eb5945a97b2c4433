"""`fsck`: check versions and stored files against each other."""

from __future__ import annotations

import sys

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, human_size
from model_sharing_protocol.console.progress_bar import ProgressBar
from model_sharing_protocol.console.results import show_list, show_one
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_provider.cli.jobs import show_queued
from model_sharing_provider.cli.records import Record, orphan_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.services.administration.fsck import Findings, Problem
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(epilog=example("model-sharing-provider fsck --quick"))
@click.option(
    "--quick", is_flag=True, help="Only check that files exist and have the right size; do not read them."
)
@click.option("--background", is_flag=True, help="Leave it to a server; `jobs show` tells what it found.")
@output_option
def fsck(*, quick: bool, background: bool, output: str) -> None:
    """Check every version against the stored files, and the stored files against every version.

    Every file is read and hashed; nothing is changed. Exits with code 10 if a file is missing or corrupt.
    Files that no version needs are not damage: `gc` deletes them. Servers may keep running.
    """
    if background:
        show_queued(run(lambda provider, context: provider.jobs.start_check(context, quick=quick)), output)
        return
    with ProgressBar() as bar:

        async def check(provider: ProviderServices, context: Context) -> Findings:
            return await provider.fsck.check(context, quick=quick, progress=bar.show)

        found = run(check)
    _show_findings(found, output)
    if found.problems:
        sys.exit(CorruptArtifact.row.exit_code)


def _show_findings(found: Findings, output: str) -> None:
    problems = [_problem(problem) for problem in found.problems]
    orphans = [orphan_record(orphan) for orphan in found.orphans.versions]
    if output == "json":
        counted = {
            "num_versions": found.num_versions,
            "num_files": found.num_files,
            "size": found.size,
            "problems": problems,
            "orphans": orphans,
            "unrecognized": list(found.orphans.foreign_paths),
        }
        show_one(counted, output)
        return
    if problems:
        show_list(problems, ["full_name", "version", "damage", "path", "reason"], output)
    checked = f"{found.num_versions} versions, {found.num_files} files, {human_size(found.size)}"
    announce(f"Checked {checked}: {len(problems) or 'no'} problems")
    if orphans:
        size = human_size(sum(orphan.size for orphan in found.orphans.versions))
        announce(f"{size} belong to no version, or to one that is being registered; `gc` deletes old ones")
    for failed in (each for each in found.orphans.versions if each.failed):
        size = human_size(failed.size)
        announce(f"{size} are left over from the failed version {failed.version_id}; `gc` deletes them")
    for path in found.orphans.foreign_paths:
        announce(f"{path} was not written by this provider, and is not touched")


def _problem(problem: Problem) -> Record:
    return {
        "full_name": str(problem.version.full_name),
        "version": problem.version.version,
        "damage": problem.damage.value,
        "path": problem.path or "(manifest)",
        "reason": problem.reason,
    }
