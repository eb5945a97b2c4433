"""`model import`: import registered models from an MLflow server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce
from model_sharing_protocol.console.progress_bar import ProgressBar
from model_sharing_protocol.console.results import show_list
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.cli.records import Record
from model_sharing_provider.cli.session import configured, run
from model_sharing_provider.mlflow_import.client import open_client
from model_sharing_provider.mlflow_import.registry import RegistryImport, name_in, only_import
from model_sharing_provider.mlflow_import.report import ImportOutcome, Outcome
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(
    "import",
    epilog=example(
        "model-sharing-provider model import --from http://mlflow.example.com iris --as prod.ml_team.iris",
        "model-sharing-provider model import --from http://mlflow.example.com --all --schema prod.ml_team",
    ),
)
@click.option("--from", "uri", metavar="URI", required=True, help="The MLflow server: http(s)://…")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--as", "full_name", metavar="CATALOG.SCHEMA.MODEL", help="The model's name here.")
@click.option(
    "--schema", metavar="CATALOG.SCHEMA", help="The schema to import into, under the model's own name."
)
@click.option("--all", "everything", is_flag=True, help="Import every registered model into --schema.")
@output_option
def import_models(
    *, uri: str, name: str | None, full_name: str | None, schema: str | None, everything: bool, output: str
) -> None:
    """Import registered models from an MLflow server, with versions, aliases, tags and descriptions.

    Run it again to import new versions. It signs in with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME
    and MLFLOW_TRACKING_PASSWORD. Versions without a signature are reported and left out.
    """
    if everything and schema and not (name or full_name):
        into = SchemaName.parse(schema)
        lines = _import(uri, lambda registry: registry.all(into))
    elif name and not everything and bool(full_name) != bool(schema):
        target = FullName.parse(full_name) if full_name else name_in(SchemaName.parse(schema or ""), name)
        lines = _import(uri, lambda registry: registry.one(name, target))
    else:
        raise click.UsageError("Give a NAME, and --as or --schema; or --all and --schema.")
    _show(lines, output)
    for line in lines:
        if line.error:
            raise line.error


def _import(
    uri: str, work: Callable[[RegistryImport], Awaitable[list[ImportOutcome]]]
) -> list[ImportOutcome]:
    with ProgressBar() as bar:

        async def session(provider: ProviderServices, context: Context) -> list[ImportOutcome]:
            with only_import(configured().home):
                async with open_client(uri) as client:
                    return await work(RegistryImport(provider, context, client, bar.show))

        return run(session)


def _show(lines: list[ImportOutcome], output: str) -> None:
    """Print every version for scripts, the changes of this run for people."""
    if output == "json":
        show_list([_record(line) for line in lines], [], output)
        return
    news = [_record(line) for line in lines if line.outcome is not Outcome.PRESENT]
    if news:
        show_list(news, ["source", "source_version", "full_name", "version", "outcome", "reason"], output)
    counts = Counter(line.outcome for line in lines)
    announce(
        f"{counts[Outcome.BROUGHT]} brought, {counts[Outcome.PRESENT]} were here already, "
        f"{counts[Outcome.LEFT_OUT]} left out, {counts[Outcome.FAILED]} failed"
    )


def _record(line: ImportOutcome) -> Record:
    return {
        "source": line.source,
        "source_version": line.source_version,
        "full_name": line.full_name,
        "version": line.version,
        "outcome": line.outcome.value,
        "reason": line.reason,
    }
