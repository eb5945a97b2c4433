"""`gc`: delete stored files that no version needs."""

from __future__ import annotations

from datetime import timedelta

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, human_size
from model_sharing_protocol.console.results import show_list, show_one
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.cli.jobs import show_queued
from model_sharing_provider.cli.records import Record, orphan_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.jobs import Job
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.administration.gc import GRACE, Collected
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(epilog=example("model-sharing-provider gc --dry-run"))
@click.option(
    "--older-than", type=Duration(), default=GRACE, help="Minimum age of files without a version [24h]."
)
@click.option(
    "--abandoned-after", type=Duration(), help="Fail versions that have waited for files this long."
)
@click.option("--lineage-older-than", type=Duration(), help="Delete lineage older than this.")
@click.option("--dry-run", is_flag=True, help="Only print what would be deleted.")
@click.option("--background", is_flag=True, help="Leave it to a server; `jobs show` tells how it went.")
@output_option
def gc(
    *,
    older_than: timedelta,
    abandoned_after: timedelta | None,
    lineage_older_than: timedelta | None,
    dry_run: bool,
    background: bool,
    output: str,
) -> None:
    """Delete files that no version needs, left by crashes and failed deletions.

    Servers may keep running, and models may be registered meanwhile.
    """
    if background:
        if dry_run:
            raise InvalidParameter("--dry-run shows what it finds, so it needs no --background.")

        async def start(provider: ProviderServices, context: Context) -> Job:
            return await provider.jobs.start_collection(
                context,
                older_than=older_than,
                abandoned_after=abandoned_after,
                lineage_older_than=lineage_older_than,
            )

        show_queued(run(start), output)
        return

    async def collect(provider: ProviderServices, context: Context) -> Collected:
        return await provider.gc.collect(
            context,
            older_than=older_than,
            abandoned_after=abandoned_after,
            lineage_older_than=lineage_older_than,
            dry_run=dry_run,
        )

    collected = run(collect)
    rows = [orphan_record(each) for each in collected.orphans]
    rows += [_abandoned(version) for version in collected.abandoned]
    if output == "json":
        show_one({"garbage": rows, "num_lineage": collected.num_lineage, "dry_run": dry_run}, output)
        return
    if rows:
        show_list(rows, ["reason", "version_id", "full_name", "version", "num_objects", "size"], output)
    size = human_size(sum(each.size for each in collected.orphans))
    verb = "Would delete" if dry_run else "Deleted"
    objects = sum(each.num_objects for each in collected.orphans)
    sentence = f"{verb} {size} in {objects} objects that no version needs"
    if abandoned_after is not None:
        sentence += f", {len(collected.abandoned)} abandoned versions"
    if lineage_older_than is not None:
        sentence += f", {collected.num_lineage} records of lineage"
    announce(sentence)


def _abandoned(version: ModelVersion) -> Record:
    return {
        "reason": "ABANDONED",
        "version_id": version.id,
        "full_name": str(version.full_name),
        "version": version.version,
    }
