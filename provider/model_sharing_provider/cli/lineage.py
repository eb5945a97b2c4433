"""`lineage`: sources and uses of a version."""

from __future__ import annotations

import json

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.results import show_list
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run


@click.command(epilog=example("model-sharing-provider lineage prod.ml_team.iris_model 1"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("version", type=VERSION)
@output_option
def lineage(name: str, version: int, output: str) -> None:
    """Show the lineage that clients reported for a version, its sources and uses, newest first."""
    full_name = FullName.parse(name)
    found = run(lambda provider, context: provider.lineage.of_version(context, full_name, version))
    records = [to_record(each) for each in found]
    if output == "table":
        for record in records:
            record["payload"] = json.dumps(record["payload"], ensure_ascii=False)
    show_list(
        records,
        ["recorded_at", "recorded_by", "direction", "payload"],
        output,
        empty="No lineage was reported.",
    )
