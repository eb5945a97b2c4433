"""Download plans as `--dry-run` prints them."""

from __future__ import annotations

from model_sharing.catalogs.download_plan import DownloadPlan
from model_sharing_protocol.console.output import human_size, print_json, print_table, say


def show_plan(plan: DownloadPlan, output: str) -> None:
    """Print what would be fetched, file by file, and in all."""
    if output == "json":
        print_json(plan, dry_run=True)
        return
    print_table(
        ["path", "size", "to fetch"],
        [
            [file.path, human_size(file.size), human_size(file.fetched) if file.fetched else ""]
            for file in plan.files
        ],
    )
    say(
        f"Would fetch {human_size(plan.fetched)} of {human_size(plan.size)} for {plan.full_name} version "
        f"{plan.version}; {human_size(plan.reused)} are in the cache."
    )
