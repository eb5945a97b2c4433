"""`model` commands: register, list, show, aliases."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.cli.output import human_size, output_option, show_done, show_list, show_one
from model_sharing_provider.cli.records import Record, model_record, version_record
from model_sharing_provider.cli.session import announce, collect, run
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider import Provider


@click.group()
def model() -> None:
    """Registered models, their versions and aliases."""


@model.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.option("--alias", help="Point this alias at the new version.")
@click.option("--comment", default="", help="What this version is.")
@output_option
def register(folder: Path, name: str, alias: str | None, comment: str, output: str) -> None:
    """Register the MLflow model in FOLDER as the next version of a model."""
    full_name = FullName.parse(name)
    with _transfer_progress() as progress:
        task = progress.add_task("copying", total=None)
        version = run(
            lambda provider, context: provider.registration.register(
                context,
                folder,
                full_name,
                alias=alias,
                comment=comment,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        )
    pointed = f", alias {alias}" if alias else ""
    sentence = (
        f"Registered {version.full_name} version {version.version} "
        f"({human_size(version.size)} in {version.num_files} files{pointed})"
    )
    show_done(version_record(version), sentence, output)


@model.command("list")
@click.argument("schema", metavar="CATALOG.SCHEMA")
@output_option
def list_models(schema: str, output: str) -> None:
    """List the models of a schema."""
    name = SchemaName.parse(schema)
    records = run(
        lambda provider, context: collect(
            lambda page: provider.models.page(context, name, page), model_record
        )
    )
    show_list(records, ["full_name", "latest_version", "aliases", "comment", "updated_at"], output)


@model.command("show")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@output_option
def show_model(name: str, output: str) -> None:
    """Show a model and its versions."""
    full_name = FullName.parse(name)

    async def read(provider: Provider, context: Context) -> tuple[Record, list[Record]]:
        found = await provider.models.get(context, full_name)
        versions = await collect(
            lambda page: provider.versions.page(context, full_name, page), version_record
        )
        return model_record(found), versions

    record, versions = run(read)
    if output == "json":
        show_one({**record, "versions": versions}, output)
        return
    show_one(record, output)
    announce("")
    show_list(
        versions, ["version", "aliases", "status", "size", "num_files", "created_at", "comment"], output
    )


@model.command("delete")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.option("--version", "number", type=click.IntRange(min=1), help="Only this version.")
@click.confirmation_option(prompt="This cannot be undone. Delete?")
def delete_model(name: str, number: int | None) -> None:
    """Delete a model with all its versions and files, or one version."""
    full_name = FullName.parse(name)
    if number is None:
        run(lambda provider, context: provider.models.delete(context, full_name))
        click.echo(f"Deleted the model {full_name}")
    else:
        run(lambda provider, context: provider.versions.delete(context, full_name, number))
        click.echo(f"Deleted version {number} of {full_name}")


@model.group()
def alias() -> None:
    """Movable names for versions, such as Champion."""


@alias.command("set")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version", type=click.IntRange(min=1))
def set_alias(name: str, alias_name: str, version: int) -> None:
    """Point an alias at a version; recipients follow at once."""
    full_name = FullName.parse(name)
    run(lambda provider, context: provider.models.set_alias(context, full_name, alias_name, version))
    click.echo(f"{full_name}@{alias_name} is now version {version}")


@alias.command("delete")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.argument("alias_name", metavar="ALIAS")
def delete_alias(name: str, alias_name: str) -> None:
    """Remove an alias; its version stays."""
    full_name = FullName.parse(name)
    run(lambda provider, context: provider.models.delete_alias(context, full_name, alias_name))
    click.echo(f"{full_name} has no alias {alias_name} any more")


def _transfer_progress() -> Progress:
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
