"""`model` commands, except those for aliases and tags and those that create versions."""

from __future__ import annotations

from operator import itemgetter

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.lazy_group import LazyGroup
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.model_signature import signature_words
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.cli import deletions
from model_sharing_provider.cli.completion import complete_models, complete_schemas
from model_sharing_provider.cli.confirmations import hits_of_model
from model_sharing_provider.cli.deletions import deletion_options
from model_sharing_provider.cli.model_aliases import alias
from model_sharing_provider.cli.model_recalls import recall
from model_sharing_provider.cli.model_signatures import signature
from model_sharing_provider.cli.model_tags import tag
from model_sharing_provider.cli.model_versions import copy, register
from model_sharing_provider.cli.options import VERSION, changes_of, comment_option, owner_option
from model_sharing_provider.cli.records import Record, origin_words, to_record
from model_sharing_provider.cli.session import collect, listed, run
from model_sharing_provider.cli.terms import add_terms_commands
from model_sharing_provider.domain.limits import shortened
from model_sharing_provider.domain.securables import ANY_MODEL, ModelFilter, SecurableType, VersionStatus
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.updates import SecurableUpdate

_LONGEST_SIGNATURE = 500
REGISTER = "model-sharing-provider model register FOLDER"


@click.group(
    cls=LazyGroup,
    lazy={"import": "model_sharing_provider.cli.model_import:import_models"},
    epilog=example("model-sharing-provider model register ./iris prod.ml_team.iris_model --alias Champion"),
)
def model() -> None:
    """Registered models, their versions, aliases and tags."""


for command in (register, copy, alias, tag, recall, signature):
    model.add_command(command)
add_terms_commands(
    model,
    SecurableType.MODEL,
    metavar="CATALOG.SCHEMA.MODEL",
    shown_as="prod.ml_team.iris_model",
    complete=complete_models,
)


@model.command(epilog=example("model-sharing-provider model create prod.ml_team.iris_model"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.option("--comment", default="")
@output_option
def create(name: str, comment: str, output: str) -> None:
    """Create a model without versions, to grant privileges on it before there is one."""
    full_name = FullName.parse(name)
    created = run(lambda provider, context: provider.models.create(context, full_name, comment))
    show_done(to_record(created), f"Created the model {created.full_name}", output)


@model.command("list", epilog=example("model-sharing-provider model list prod.ml_team"))
@click.argument("schema", metavar="CATALOG.SCHEMA", shell_complete=complete_schemas)
@output_option
def list_models(schema: str, output: str) -> None:
    """List the models of a schema."""
    name = SchemaName.parse(schema)
    records = listed(lambda provider, context, page: provider.models.page(context, name, page))
    show_list(
        records,
        ["full_name", "latest_version", "aliases", "comment", "updated_at"],
        output,
        empty=f"No models yet; register one: {REGISTER} {name}.MODEL",
    )


@model.command(epilog=example("model-sharing-provider model search --catalog prod"))
@click.option("--catalog", default="", help="Only the models of this catalog.")
@click.option(
    "--format",
    "model_format",
    type=click.Choice([each.value for each in ModelFormat]),
    help="Only models of this format.",
)
@click.option("--license", "license_", default="", help="Only models under this license, such as apache-2.0.")
@click.option("--run-id", default="", help="The versions created by this MLflow run, instead of models.")
@output_option
def search(catalog: str, model_format: str | None, license_: str, run_id: str, output: str) -> None:
    """List the models of all catalogs, or the versions that came from an MLflow run.

    Format and license are those of a model's newest version.
    """
    wanted = ModelFilter(format=ModelFormat(model_format) if model_format else None, license=license_)
    if run_id and (catalog or wanted != ANY_MODEL):
        raise click.UsageError("Give --run-id or what models are searched by, not both.")

    async def read(provider: ProviderServices, context: Context) -> list[Record]:
        if run_id:
            return await collect(lambda page: provider.versions.page_of_run(context, run_id, page))
        if catalog:
            return await collect(lambda page: provider.models.search_catalog(context, page, catalog, wanted))
        return await collect(lambda page: provider.models.search(context, page, wanted))

    records = run(read)
    if run_id:
        records.sort(key=itemgetter("full_name", "version"))
        show_list(
            records,
            ["full_name", "version", "aliases", "created_at", "comment"],
            output,
            empty=f"No version came from the run {run_id}.",
        )
    else:
        show_list(
            records,
            ["full_name", "latest_version", "format", "license", "aliases", "owner", "comment"],
            output,
            empty="No model is as wanted."
            if wanted != ANY_MODEL
            else f"No models yet; register one: {REGISTER} CATALOG.SCHEMA.MODEL",
        )


@model.command(epilog=example("model-sharing-provider model show prod.ml_team.iris_model"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@output_option
def show(name: str, output: str) -> None:
    """Show a model, its versions, and the shares it is in; format and signature are the newest version's."""
    full_name = FullName.parse(name)

    async def read(provider: ProviderServices, context: Context) -> tuple[Record, list[Record]]:
        found = await provider.models.get(context, full_name)
        versions = await collect(lambda page: provider.versions.page(context, full_name, page))
        shown = await provider.shares.of_model(context, full_name)
        shares = [to_record(share) for share in shown]
        formats = await _newest_formats(provider, context, full_name, versions)
        return {**to_record(found), "format": formats, "shares": shares}, versions

    record, versions = run(read)
    if output == "json":
        show_one({**record, "versions": versions}, output)
        return
    shares = record.pop("shares")
    newest = _newest(versions)
    signature = signature_words(newest["signature"]) if newest else ""
    show_one({**record, "signature": shortened(signature, _LONGEST_SIGNATURE)}, output)
    announce("")
    columns = [
        "version",
        "aliases",
        "status",
        "size",
        "num_files",
        "created_at",
        "comment",
        "recalled",
        "origin",
        "format",
    ]
    rows = [{**version, "origin": origin_words(version)} for version in versions]
    show_list(rows, columns, output, empty=f"No versions yet; register one: {REGISTER} {full_name}")
    announce("")
    show_list(
        shares,
        ["share", "shared_as", "recipients"],
        output,
        empty="In no share." if any(version["origin"] for version in versions) else _not_shared(full_name),
    )


@model.command(epilog=example("model-sharing-provider model rename prod.ml_team.iris_model iris"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("new_name")
@output_option
def rename(name: str, new_name: str, output: str) -> None:
    """Rename a model; a full name moves it to another schema. Its files stay where they are."""
    full_name = FullName.parse(name)
    if not new_name:
        raise click.UsageError("The new name is empty; give at least one character.")
    renamed = run(
        lambda provider, context: provider.models.update(
            context, full_name, SecurableUpdate(new_name=new_name)
        )
    )
    show_done(to_record(renamed), f"{full_name} is now {renamed.full_name}", output)


@model.command(
    epilog=example(
        "model-sharing-provider model update prod.ml_team.iris_model --version 1 --comment 'New petals'"
    )
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@comment_option
@owner_option
@click.option("--version", "number", type=VERSION, help="The version to describe, rather than the model.")
@output_option
def update(name: str, comment: str | None, owner: str | None, number: int | None, output: str) -> None:
    """Update the description of a model or version, or the owner of a model."""
    full_name = FullName.parse(name)
    changes = changes_of(comment=comment, owner=owner)
    if number is None:
        updated = run(lambda provider, context: provider.models.update(context, full_name, changes))
        show_done(to_record(updated), f"Updated the model {full_name}", output)
        return
    if comment is None or owner:
        raise click.UsageError("A version has a comment of its own and no owner; give --comment alone.")
    version = run(lambda provider, context: provider.versions.update(context, full_name, number, comment))
    show_done(to_record(version), f"Updated version {number} of {full_name}", output)


@model.command(epilog=example("model-sharing-provider model delete prod.ml_team.iris_model --version 1"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.option("--version", "number", type=VERSION, help="Only this version.")
@deletion_options
def delete(*, name: str, number: int | None, dry_run: bool, yes: bool, output: str) -> None:
    """Delete a model with all its versions and files, or one version; says first whom that affects."""
    full_name = FullName.parse(name)
    what = f"the model {full_name}" if number is None else f"version {number} of {full_name}"

    async def carry_out(provider: ProviderServices, context: Context) -> None:
        if number is None:
            await provider.models.delete(context, full_name)
        else:
            await provider.versions.delete(context, full_name, number)

    def consequences() -> str:
        shown = run(lambda provider, context: provider.shares.of_model(context, full_name))
        return f"This deletes {what} with its files, permanently. {hits_of_model(shown, 'it')}".rstrip()

    deletions.delete(
        lambda provider, context: provider.pull_history.impact_of_model(context, full_name, number),
        carry_out,
        consequences=consequences,
        done=f"Deleted {what}",
        dry_run=dry_run,
        yes=yes,
        output=output,
    )


def _not_shared(name: FullName) -> str:
    return f"In no share yet; add it to one: model-sharing-provider share add-model SHARE {name}"


def _newest(versions: list[Record]) -> Record | None:
    ready = [version for version in versions if version["status"] == VersionStatus.READY]
    return ready[-1] if ready else None


async def _newest_formats(
    provider: ProviderServices, context: Context, name: FullName, versions: list[Record]
) -> list[str]:
    """Flavors of the newest version, or its format if MLflow did not write it.

    None if its files cannot be read, so that the rest is still shown.
    """
    newest = _newest(versions)
    if not newest or newest["format"] != ModelFormat.MLFLOW:
        return [newest["format"]] if newest else []
    try:
        return await provider.flavors.of_version(context, name, newest["version"])
    except SharingError:
        return []
