"""`schema` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.names import SchemaName
from model_sharing_provider.cli.completion import complete_catalogs, complete_schemas
from model_sharing_provider.cli.options import (
    changes_of,
    comment_option,
    confirm_force,
    force_options,
    owner_option,
    rename_option,
)
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import listed, run


@click.group(epilog=example("model-sharing-provider schema create prod.ml_team"))
def schema() -> None:
    """Schemas: the second part of a model's name."""


@schema.command(epilog=example("model-sharing-provider schema create prod.ml_team"))
@click.argument("name", metavar="CATALOG.SCHEMA")
@click.option("--comment", default="")
@output_option
def create(name: str, comment: str, output: str) -> None:
    """Create a schema in an existing catalog."""
    full_name = SchemaName.parse(name)
    created = run(lambda provider, context: provider.catalogs.create_schema(context, full_name, comment))
    show_done(to_record(created), f"Created the schema {created.full_name}", output)


@schema.command("list", epilog=example("model-sharing-provider schema list prod"))
@click.argument("catalog_name", metavar="CATALOG", shell_complete=complete_catalogs)
@output_option
def list_schemas(catalog_name: str, output: str) -> None:
    """List the schemas of a catalog."""
    records = listed(
        lambda provider, context, page: provider.catalogs.page_schemas(context, catalog_name, page),
    )
    show_list(
        records,
        ["full_name", "owner", "comment", "created_at"],
        output,
        empty=f"No schemas yet; create one: model-sharing-provider schema create {catalog_name}.NAME",
    )


@schema.command(epilog=example("model-sharing-provider schema show prod.ml_team"))
@click.argument("name", metavar="CATALOG.SCHEMA", shell_complete=complete_schemas)
@output_option
def show(name: str, output: str) -> None:
    """Show a schema."""
    full_name = SchemaName.parse(name)
    found = run(lambda provider, context: provider.catalogs.get_schema(context, full_name))
    show_one(to_record(found), output)


@schema.command(
    epilog=example("model-sharing-provider schema update prod.ml_team --comment 'Models of the ML team'")
)
@click.argument("name", metavar="CATALOG.SCHEMA", shell_complete=complete_schemas)
@rename_option
@comment_option
@owner_option
@output_option
def update(name: str, rename: str | None, comment: str | None, owner: str | None, output: str) -> None:
    """Update a schema's name within its catalog, its description or owner."""
    full_name = SchemaName.parse(name)
    changes = changes_of(rename=rename, comment=comment, owner=owner)
    updated = run(lambda provider, context: provider.catalogs.update_schema(context, full_name, changes))
    show_done(to_record(updated), f"Updated the schema {updated.full_name}", output)


@schema.command(epilog=example("model-sharing-provider schema delete prod.ml_team"))
@click.argument("name", metavar="CATALOG.SCHEMA", shell_complete=complete_schemas)
@force_options
def delete(name: str, force: bool, yes: bool) -> None:
    """Delete a schema that has no models, or with --force one that has."""
    full_name = SchemaName.parse(name)
    confirm_force(f"the schema {full_name}", force=force, yes=yes)
    run(lambda provider, context: provider.catalogs.delete_schema(context, full_name, force=force))
    say(f"Deleted the schema {full_name}")
