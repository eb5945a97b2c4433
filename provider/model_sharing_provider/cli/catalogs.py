"""`catalog` and `schema` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.names import SchemaName
from model_sharing_provider.cli.output import output_option, show_done, show_list
from model_sharing_provider.cli.records import catalog_record, schema_record
from model_sharing_provider.cli.session import collect, run


@click.group()
def catalog() -> None:
    """Catalogs: the first part of a model's name."""


@catalog.command("create")
@click.argument("name")
@click.option("--comment", default="")
@output_option
def create_catalog(name: str, comment: str, output: str) -> None:
    """Create a catalog."""
    created = run(lambda provider, context: provider.catalogs.create(context, name, comment))
    show_done(catalog_record(created), f"Created the catalog {created.name}", output)


@catalog.command("list")
@output_option
def list_catalogs(output: str) -> None:
    """List the catalogs."""
    records = run(
        lambda provider, context: collect(lambda page: provider.catalogs.page(context, page), catalog_record)
    )
    show_list(records, ["name", "owner", "comment", "created_at"], output)


@catalog.command("delete")
@click.argument("name")
def delete_catalog(name: str) -> None:
    """Delete a catalog that has no schemas."""
    run(lambda provider, context: provider.catalogs.delete(context, name))
    click.echo(f"Deleted the catalog {name}")


@click.group()
def schema() -> None:
    """Schemas: the second part of a model's name."""


@schema.command("create")
@click.argument("name", metavar="CATALOG.SCHEMA")
@click.option("--comment", default="")
@output_option
def create_schema(name: str, comment: str, output: str) -> None:
    """Create a schema in an existing catalog."""
    full_name = SchemaName.parse(name)
    created = run(lambda provider, context: provider.catalogs.create_schema(context, full_name, comment))
    show_done(schema_record(created), f"Created the schema {created.full_name}", output)


@schema.command("list")
@click.argument("catalog_name", metavar="CATALOG")
@output_option
def list_schemas(catalog_name: str, output: str) -> None:
    """List the schemas of a catalog."""
    records = run(
        lambda provider, context: collect(
            lambda page: provider.catalogs.page_schemas(context, catalog_name, page), schema_record
        )
    )
    show_list(records, ["full_name", "owner", "comment", "created_at"], output)


@schema.command("delete")
@click.argument("name", metavar="CATALOG.SCHEMA")
def delete_schema(name: str) -> None:
    """Delete a schema that has no models."""
    full_name = SchemaName.parse(name)
    run(lambda provider, context: provider.catalogs.delete_schema(context, full_name))
    click.echo(f"Deleted the schema {full_name}")
