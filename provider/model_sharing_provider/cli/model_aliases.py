"""`model alias` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.console import say
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.session import run


@click.group()
def alias() -> None:
    """Movable names for versions, such as Champion."""


@alias.command("set")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version", type=VERSION)
def set_alias(name: str, alias_name: str, version: int) -> None:
    """Point an alias at a version; recipients follow at once."""
    full_name = FullName.parse(name)
    run(lambda provider, context: provider.models.set_alias(context, full_name, alias_name, version))
    say(f"{full_name}@{alias_name} is now version {version}")


@alias.command("delete")
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.argument("alias_name", metavar="ALIAS")
def delete_alias(name: str, alias_name: str) -> None:
    """Remove an alias; its version stays."""
    full_name = FullName.parse(name)
    run(lambda provider, context: provider.models.delete_alias(context, full_name, alias_name))
    say(f"{full_name} has no alias {alias_name} any more")
