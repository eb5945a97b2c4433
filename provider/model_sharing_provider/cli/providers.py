"""`provider` commands: the providers that share with this metastore."""

from __future__ import annotations

from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import listed, run


@click.group(epilog=example("model-sharing-provider provider add globex globex.share"))
def provider() -> None:
    """Providers that share with this metastore, each known by its profile file."""


@provider.command(epilog=example("model-sharing-provider provider add globex globex.share"))
@click.argument("name")
@click.argument("profile", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--comment", default="")
@output_option
def add(name: str, profile: Path, comment: str, output: str) -> None:
    """Add a provider by its PROFILE file; the token in it is kept encrypted."""
    content = decode_text(profile.read_bytes(), "replace")
    created = run(lambda opened, context: opened.providers.create(context, name, content, comment))
    show_done(to_record(created), f"Added the provider {name} at {created.endpoint}", output)


@provider.command("list", epilog=example("model-sharing-provider provider list"))
@output_option
def list_providers(output: str) -> None:
    """List the providers."""
    records = listed(lambda opened, context, page: opened.providers.page(context, page))
    show_list(
        records,
        ["name", "endpoint", "comment", "created_at"],
        output,
        empty="No providers yet; add one by its profile: model-sharing-provider provider add NAME PROFILE",
    )


@provider.command(epilog=example("model-sharing-provider provider show globex"))
@click.argument("name")
@output_option
def show(name: str, output: str) -> None:
    """Show a provider."""
    show_one(to_record(run(lambda opened, context: opened.providers.get(context, name))), output)


@provider.command(epilog=example("model-sharing-provider provider shares globex"))
@click.argument("name")
@output_option
def shares(name: str, output: str) -> None:
    """List the shares that a provider grants to this metastore."""
    found = run(lambda opened, context: opened.providers.shares(context, name))
    show_list(
        [{"name": share} for share in found],
        ["name"],
        output,
        empty=f"{name} shares nothing with this metastore yet.",
    )


@provider.command(epilog=example("model-sharing-provider provider delete globex"))
@click.argument("name")
def delete(name: str) -> None:
    """Delete a provider and its token."""
    run(lambda opened, context: opened.providers.delete(context, name))
    say(f"Deleted the provider {name}")
