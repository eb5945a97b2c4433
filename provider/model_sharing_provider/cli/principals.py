"""`principal` commands: users, service principals and groups, and their access tokens."""

from __future__ import annotations

from datetime import timedelta

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.times import iso
from model_sharing_provider.cli.principal_policies import federation_policy
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import listed, run
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices

_TYPES = {
    "user": PrincipalType.USER,
    "service-principal": PrincipalType.SERVICE_PRINCIPAL,
    "group": PrincipalType.GROUP,
    "admin": PrincipalType.ADMIN,
}
_TOKEN_COLUMNS = ["id", "comment", "expiration_time", "created_at"]


@click.group(epilog=example("model-sharing-provider principal create ann@example.com"))
def principal() -> None:
    """Principals: users, service principals, groups and administrators."""


@principal.command(
    epilog=example(
        "model-sharing-provider principal create ann@example.com",
        "model-sharing-provider principal create scientists --type group",
    )
)
@click.argument("name")
@click.option(
    "--type",
    "word",
    type=click.Choice(list(_TYPES), case_sensitive=False),
    default="user",
    show_default=True,
)
@output_option
def create(name: str, word: str, output: str) -> None:
    """Create a principal, which has no privileges until some are granted, unless it is an admin."""
    created = run(lambda provider, context: provider.principals.create(context, name, _TYPES[word]))
    show_done(to_record(created), f"Created the {word.replace('-', ' ')} {name}", output)


@principal.command("list", epilog=example("model-sharing-provider principal list"))
@output_option
def list_principals(output: str) -> None:
    """List the principals."""
    records = listed(lambda provider, context, page: provider.principals.page(context, page))
    show_list(records, ["name", "type", "members", "created_at"], output)


@principal.command(epilog=example("model-sharing-provider principal show ann@example.com"))
@click.argument("name")
@output_option
def show(name: str, output: str) -> None:
    """Show a principal, its members if it is a group, and its tokens."""
    record = to_record(run(lambda provider, context: provider.principals.get(context, name)))
    if output == "json":
        show_one(record, output)
        return
    tokens = record.pop("tokens")
    show_one(record, output)
    announce("")
    show_list(
        tokens,
        _TOKEN_COLUMNS,
        output,
        empty=f"No tokens; create one: model-sharing-provider principal token create {name}",
    )


@principal.command(epilog=example("model-sharing-provider principal delete ann@example.com"))
@click.argument("name")
def delete(name: str) -> None:
    """Delete a principal that owns nothing; its tokens and grants end immediately."""
    run(lambda provider, context: provider.principals.delete(context, name))
    say(f"Deleted the principal {name}")


@principal.command(epilog=example("model-sharing-provider principal deactivate ann@example.com"))
@click.argument("name")
def deactivate(name: str) -> None:
    """Refuse a principal's tokens, and end its sessions; it keeps what it owns and what is granted to it."""
    _set_active(name, active=False)
    say(f"{name} is out; let it in again: model-sharing-provider principal activate {name}")


@principal.command(epilog=example("model-sharing-provider principal activate ann@example.com"))
@click.argument("name")
def activate(name: str) -> None:
    """Accept the tokens of a principal that was deactivated."""
    _set_active(name, active=True)
    say(f"The tokens of {name} are accepted again")


def _set_active(name: str, *, active: bool) -> None:
    async def change(provider: ProviderServices, context: Context) -> None:
        found = await provider.principals.get(context, name)
        await provider.directory.set_active(context, found.principal.id, active=active)

    run(change)


@principal.command(
    "add-member", epilog=example("model-sharing-provider principal add-member scientists ann@example.com")
)
@click.argument("group")
@click.argument("member")
def add_member(group: str, member: str) -> None:
    """Add a user or service principal to a group."""
    run(lambda provider, context: provider.principals.add_member(context, group, member))
    say(f"{member} is now in the group {group}")


@principal.command(
    "remove-member",
    epilog=example("model-sharing-provider principal remove-member scientists ann@example.com"),
)
@click.argument("group")
@click.argument("member")
def remove_member(group: str, member: str) -> None:
    """Remove a user or service principal from a group."""
    run(lambda provider, context: provider.principals.remove_member(context, group, member))
    say(f"{member} is no longer in the group {group}")


principal.add_command(federation_policy)


@principal.group(epilog=example("model-sharing-provider principal token create ann@example.com"))
def token() -> None:
    """Access tokens of a principal, for the REST APIs and MLflow."""


@token.command(
    "create",
    epilog=example(
        "model-sharing-provider principal token create ann@example.com --expires-in 30d --comment laptop"
    ),
)
@click.argument("name")
@click.option(
    "--expires-in",
    type=Duration(),
    default=timedelta(days=90),
    show_default="90d",
    help="Lifetime of the token; at most 730d.",
)
@click.option("--comment", default="", help="What the token is for.")
@output_option
def create_token(name: str, expires_in: timedelta, comment: str, output: str) -> None:
    """Create an access token and print its secret, which is shown only once."""
    created, secret = run(
        lambda provider, context: provider.principals.create_token(
            context, name, lifetime=expires_in, comment=comment
        )
    )
    if output == "json":
        show_one({**to_record(created), "token_value": secret}, output)
        return
    ends = f", which ends {iso(created.expires_at)}" if created.expires_at else ""
    announce(f"Token {created.id} of {name}{ends}. Keep it secret; it is not shown again:")
    say(secret)


@token.command("list", epilog=example("model-sharing-provider principal token list ann@example.com"))
@click.argument("name")
@output_option
def list_tokens(name: str, output: str) -> None:
    """List the tokens of a principal."""
    record = to_record(run(lambda provider, context: provider.principals.get(context, name)))
    show_list(
        record["tokens"],
        _TOKEN_COLUMNS,
        output,
        empty=f"No tokens; create one: model-sharing-provider principal token create {name}",
    )


@token.command(
    "revoke",
    epilog=example(
        "model-sharing-provider principal token revoke ann@example.com 5f0c2b1e-7a40-4a4e-9d55-3c3f2a7d8e10"
    ),
)
@click.argument("name")
@click.argument("token_id", metavar="ID")
def delete_token(name: str, token_id: str) -> None:
    """Revoke a token immediately; `principal token list` shows the ids."""
    run(lambda provider, context: provider.principals.delete_token(context, name, token_id))
    say(f"Revoked the token {token_id} of {name}")


token.add_command(delete_token, "delete")
