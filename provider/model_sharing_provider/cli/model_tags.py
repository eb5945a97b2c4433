"""`model tag` commands, for models and for single versions."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.output import say
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.session import run
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.tags import TagChange

_version_option = click.option(
    "--version", "number", type=VERSION, help="The version to tag, rather than the model."
)


@click.group(epilog=example("model-sharing-provider model tag set prod.ml_team.iris_model stage review"))
def tag() -> None:
    """Tags: keys with values on a model or on one of its versions."""


@tag.command(
    "set",
    epilog=example("model-sharing-provider model tag set prod.ml_team.iris_model stage review --version 1"),
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("key")
@click.argument("value")
@_version_option
def set_tag(name: str, key: str, value: str, number: int | None) -> None:
    """Set a tag, replacing its value."""
    tagged = _apply(name, number, TagChange(add={key: value}))
    say(f"{tagged} is now tagged {key}={value}")


@tag.command(
    "delete",
    epilog=example("model-sharing-provider model tag delete prod.ml_team.iris_model stage --version 1"),
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("key")
@_version_option
def delete_tag(name: str, key: str, number: int | None) -> None:
    """Remove a tag."""
    tagged = _apply(name, number, TagChange(remove=[key]))
    say(f"Removed the tag {key} of {tagged}")


def _apply(name: str, number: int | None, change: TagChange) -> str:
    """Change the tags of a model, or of the version with this number; return its name for messages."""
    full_name = FullName.parse(name)

    async def apply(provider: ProviderServices, context: Context) -> None:
        if number is None:
            await provider.models.tag(context, full_name, change)
        else:
            await provider.versions.tag(context, full_name, number, change)

    run(apply)
    return str(full_name) if number is None else f"{full_name} version {number}"
