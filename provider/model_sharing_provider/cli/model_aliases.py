"""`model alias` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.output import say
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.confirmations import confirm, hits_of_model, yes_option
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.domain.sharing import ModelShare
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.group(epilog=example("model-sharing-provider model alias set prod.ml_team.iris_model Champion 2"))
def alias() -> None:
    """Aliases: movable names for versions, such as Champion."""


@alias.command(
    "set", epilog=example("model-sharing-provider model alias set prod.ml_team.iris_model Champion 2")
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version", type=VERSION)
def set_alias(name: str, alias_name: str, version: int) -> None:
    """Point an alias at a version; recipients see the change immediately."""
    full_name = FullName.parse(name)
    run(lambda provider, context: provider.models.set_alias(context, full_name, alias_name, version))
    say(f"{full_name}@{alias_name} is now version {version}")


@alias.command(
    "delete", epilog=example("model-sharing-provider model alias delete prod.ml_team.iris_model Challenger")
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("alias_name", metavar="ALIAS")
@yes_option
def delete_alias(name: str, alias_name: str, yes: bool) -> None:
    """Remove an alias; its version stays. Asks for confirmation if recipients can load that version."""
    full_name = FullName.parse(name)
    if not yes:
        _confirm_delete(full_name, alias_name)
    run(lambda provider, context: provider.models.delete_alias(context, full_name, alias_name))
    say(f"Removed the alias {alias_name} of {full_name}")


def _confirm_delete(full_name: FullName, alias_name: str) -> None:
    async def read(provider: ProviderServices, context: Context) -> tuple[RegisteredModel, list[ModelShare]]:
        return await provider.models.get(context, full_name), await provider.shares.of_model(
            context, full_name
        )

    found, shown = run(read)
    pointed = {alias.lower(): version for alias, version in found.aliases.items()}.get(alias_name.lower())
    hits = hits_of_model(shown, f"@{alias_name}")
    if pointed is not None and hits:
        confirm(f"This deletes the alias {alias_name} of {full_name}, now version {pointed}. {hits}")
