"""`provider` commands: the providers that share with this metastore."""

from __future__ import annotations

from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say, warn
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.network.plain_http import origin_of, travels_in_clear
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.cli.catalog_terms import provider_terms
from model_sharing_provider.cli.options import changes_of, comment_option, owner_option, rename_option
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import listed, run


@click.group(epilog=example("model-sharing-provider provider create globex --profile globex.share"))
def provider() -> None:
    """Providers that share with this metastore, each known by its profile file."""


_PROFILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@provider.command(epilog=example("model-sharing-provider provider create globex --profile globex.share"))
@click.argument("name")
@click.option("--profile", type=_PROFILE, required=True, help="The profile file that the provider issued.")
@click.option("--comment", default="")
@output_option
def create(name: str, profile: Path, comment: str, output: str) -> None:
    """Create a provider by its profile file; the secret in it is kept encrypted."""
    _create(name, profile, comment, output)


@provider.command(epilog=example("model-sharing-provider provider add globex globex.share"))
@click.argument("name")
@click.argument("profile", type=_PROFILE)
@click.option("--comment", default="")
@output_option
def add(name: str, profile: Path, comment: str, output: str) -> None:
    """Create a provider, as `create` does."""
    _create(name, profile, comment, output)


def _create(name: str, profile: Path, comment: str, output: str) -> None:
    content = decode_text(profile.read_bytes(), "replace")
    created = run(lambda opened, context: opened.providers.create(context, name, content, comment))
    _warn_of_plain_http(created.endpoint)
    show_done(to_record(created), f"Added the provider {name} at {created.endpoint}", output)


def _warn_of_plain_http(endpoint: str) -> None:
    if travels_in_clear(endpoint):
        warn(
            f"{origin_of(endpoint)} is plain http: the token and the models are sent unencrypted, and "
            "anybody who intercepts the token can use it. Ask the provider for an https address."
        )


@provider.command(epilog=example("model-sharing-provider provider update globex --profile globex.share"))
@click.argument("name")
@click.option("--profile", type=_PROFILE, help="A new profile file, in place of the one before.")
@rename_option
@comment_option
@owner_option
@output_option
def update(
    name: str,
    *,
    profile: Path | None,
    rename: str | None,
    comment: str | None,
    owner: str | None,
    output: str,
) -> None:
    """Take in a provider's new profile, or update its name, description or owner."""
    changes = changes_of(rename=rename, comment=comment, owner=owner, more=profile is not None)
    content = decode_text(profile.read_bytes(), "replace") if profile else None
    updated = run(lambda opened, context: opened.providers.update(context, name, changes, content))
    if content:
        _warn_of_plain_http(updated.endpoint)
    show_done(to_record(updated), f"Updated the provider {updated.name} at {updated.endpoint}", output)


@provider.command("list", epilog=example("model-sharing-provider provider list"))
@output_option
def list_providers(output: str) -> None:
    """List the providers."""
    records = listed(lambda opened, context, page: opened.providers.page(context, page))
    show_list(
        records,
        ["name", "endpoint", "authentication_type", "comment", "created_at"],
        output,
        empty="No providers yet; add one: model-sharing-provider provider create NAME --profile FILE",
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


provider.add_command(provider_terms)


@provider.command(epilog=example("model-sharing-provider provider delete globex"))
@click.argument("name")
def delete(name: str) -> None:
    """Delete a provider and its token."""
    run(lambda opened, context: opened.providers.delete(context, name))
    say(f"Deleted the provider {name}")
