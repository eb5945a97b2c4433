"""`catalog` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli.completion import complete_catalogs
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


@click.group(epilog=example("model-sharing-provider catalog create prod"))
def catalog() -> None:
    """Catalogs: the first part of a model's name."""


@catalog.command(epilog=example("model-sharing-provider catalog create prod --comment 'What we sell'"))
@click.argument("name")
@click.option("--comment", default="")
@output_option
def create(name: str, comment: str, output: str) -> None:
    """Create a catalog."""
    created = run(lambda provider, context: provider.catalogs.create(context, name, comment))
    show_done(to_record(created), f"Created the catalog {created.name}", output)


@catalog.command("list", epilog=example("model-sharing-provider catalog list"))
@output_option
def list_catalogs(output: str) -> None:
    """List the catalogs."""
    records = listed(lambda provider, context, page: provider.catalogs.page(context, page))
    show_list(
        records,
        ["name", "owner", "comment", "created_at"],
        output,
        empty="No catalogs yet; create one: model-sharing-provider catalog create NAME",
    )


@catalog.command(epilog=example("model-sharing-provider catalog show prod"))
@click.argument("name", shell_complete=complete_catalogs)
@output_option
def show(name: str, output: str) -> None:
    """Show a catalog."""
    found = run(lambda provider, context: provider.catalogs.get(context, name))
    show_one(to_record(found), output)


@catalog.command(epilog=example("model-sharing-provider catalog update prod --owner ann@example.com"))
@click.argument("name", shell_complete=complete_catalogs)
@rename_option
@comment_option
@owner_option
@output_option
def update(name: str, rename: str | None, comment: str | None, owner: str | None, output: str) -> None:
    """Update a catalog's name, description or owner."""
    changes = changes_of(rename=rename, comment=comment, owner=owner)
    updated = run(lambda provider, context: provider.catalogs.update(context, name, changes))
    show_done(to_record(updated), f"Updated the catalog {updated.name}", output)


@catalog.command(epilog=example("model-sharing-provider catalog delete prod"))
@click.argument("name", shell_complete=complete_catalogs)
@force_options
def delete(name: str, force: bool, yes: bool) -> None:
    """Delete a catalog that has no schemas, or with --force one that has."""
    confirm_force(f"the catalog {name}", force=force, yes=yes)
    run(lambda provider, context: provider.catalogs.delete(context, name, force=force))
    say(f"Deleted the catalog {name}")
