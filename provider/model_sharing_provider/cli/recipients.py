"""`recipient` commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, page_lines, say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli import deletions
from model_sharing_provider.cli.completion import complete_recipients
from model_sharing_provider.cli.confirmations import hits_of_recipient
from model_sharing_provider.cli.deletions import deletion_options
from model_sharing_provider.cli.federation_policies import federation_policy
from model_sharing_provider.cli.options import (
    changes_of,
    comment_option,
    owner_option,
    rename_option,
)
from model_sharing_provider.cli.recipient_limits import ChangeOfLimits, limits_record, recipient_limit_options
from model_sharing_provider.cli.records import Record, recipient_overview_record, to_record
from model_sharing_provider.cli.session import configured, listed, run
from model_sharing_provider.http.urls import activation_link
from model_sharing_provider.services.sharing.recipients import DEFAULT_LIFETIME

_EXPIRES_IN = click.option(
    "--expires-in",
    type=Duration(),
    default=DEFAULT_LIFETIME,
    show_default="90d",
    help="Lifetime of the token; at most 365d.",
)
_TOKEN_COLUMNS = ["id", "activated_at", "expiration_time"]
_IP_ACCESS_LIST = click.option(
    "--ip-access-list",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="Network that its credentials may be used from; repeatable. Default: any.",
)


@click.group(epilog=example("model-sharing-provider recipient create globex --expires-in 90d"))
def recipient() -> None:
    """Recipients, to whom shares are granted."""


@recipient.command(
    epilog=example(
        "model-sharing-provider recipient create globex --expires-in 90d --ip-access-list 192.0.2.0/24",
        "model-sharing-provider recipient create hooli --oidc-federation",
    )
)
@click.argument("name")
@_EXPIRES_IN
@_IP_ACCESS_LIST
@click.option("--comment", default="")
@click.option(
    "--oidc-federation",
    "federated",
    is_flag=True,
    help="It signs in by tokens of its own issuer, under federation policies: no activation link, no token.",
)
@output_option
def create(
    *, name: str, expires_in: timedelta, networks: Sequence[str], comment: str, federated: bool, output: str
) -> None:
    """Create a recipient and print its activation link, which works once.

    With --oidc-federation there is no link; give it a policy next.
    """
    if federated:
        done = run(
            lambda provider, context: provider.recipients.create_federated(
                context, name, comment=comment, ip_access_list=networks
            )
        )
        hint = f"Next: model-sharing-provider recipient federation-policy create {done.name} --issuer URL …"
        show_done(to_record(done), f"Created the recipient {done.name}. {hint}", output)
        return
    created, code = run(
        lambda provider, context: provider.recipients.create(
            context, name, lifetime=expires_in, comment=comment, ip_access_list=networks
        )
    )
    _show_link(to_record(created), code, output)


@recipient.command(
    "rotate-token",
    epilog=example("model-sharing-provider recipient rotate-token globex --existing-expires-in 24h"),
)
@click.argument("name", shell_complete=complete_recipients)
@click.option(
    "--existing-expires-in",
    type=Duration(),
    default=timedelta(hours=24),
    show_default="24h",
    help="Time until the current token expires, at the latest; 0 ends it now.",
)
@_EXPIRES_IN
@output_option
def rotate_token(name: str, existing_expires_in: timedelta, expires_in: timedelta, output: str) -> None:
    """Print a new activation link; the current token stays valid for a while.

    An unused link is replaced by the new one.
    """
    code = run(
        lambda provider, context: provider.recipients.rotate_token(
            context, name, existing_expires_in=existing_expires_in, lifetime=expires_in
        )
    )
    _show_link({"name": name}, code, output)


recipient.add_command(federation_policy)


@recipient.group(epilog=example("model-sharing-provider recipient token list globex"))
def token() -> None:
    """Tokens of a recipient, and its unused activation links."""


@token.command("list", epilog=example("model-sharing-provider recipient token list globex"))
@click.argument("name")
@output_option
def list_tokens(name: str, output: str) -> None:
    """List the tokens of a recipient; one that is not activated is an unused link."""
    found, _ = run(lambda provider, context: provider.recipients.get(context, name))
    show_list(to_record(found)["tokens"], _TOKEN_COLUMNS, output)


@token.command(
    epilog=example(
        "model-sharing-provider recipient token revoke globex 5f0c2b1e-7a40-4a4e-9d55-3c3f2a7d8e10"
    )
)
@click.argument("name")
@click.argument("token_id", metavar="ID")
def revoke(name: str, token_id: str) -> None:
    """Revoke a token or an unused link immediately; other tokens stay valid."""
    run(lambda provider, context: provider.recipients.revoke_token(context, name, token_id))
    say(f"Revoked the token {token_id} of {name}")


@recipient.command("list", epilog=example("model-sharing-provider recipient list"))
@output_option
def list_recipients(output: str) -> None:
    """List the recipients."""
    records = listed(
        lambda provider, context, page: provider.recipients.overview(context, page),
        recipient_overview_record,
    )
    show_list(
        records,
        [
            *("name", "shares", "authentication_type", "activated", "expiration_time", "last_used_at"),
            *("comment", "created_at"),
        ],
        output,
        empty="No recipients yet; create one: model-sharing-provider recipient create NAME",
    )


@recipient.command(epilog=example("model-sharing-provider recipient show globex"))
@click.argument("name", shell_complete=complete_recipients)
@output_option
def show(name: str, output: str) -> None:
    """Show a recipient, its tokens and its shares."""
    found, grants = run(lambda provider, context: provider.recipients.get(context, name))
    grant_records = [to_record(grant) for grant in grants]
    usage = run(lambda provider, context: provider.recipients.usage(context, name))
    record = {**to_record(found), "limits": limits_record(usage)}
    if output == "json":
        show_one({**record, "grants": grant_records}, output)
        return
    tokens, limits = record.pop("tokens"), record.pop("limits")
    show_one({**record, **limits}, output)
    announce("")
    show_list(tokens, _TOKEN_COLUMNS, output)
    announce("")
    show_list(
        grant_records,
        ["share", "privilege", "granted_at", "granted_by"],
        output,
        empty=f"No share yet; grant it one: model-sharing-provider share grant SHARE {found.name}",
    )


@recipient.command(
    epilog=example(
        "model-sharing-provider recipient update globex --ip-access-list 192.0.2.0/24",
        "model-sharing-provider recipient update globex --max-bytes-per-day 2TB",
        "model-sharing-provider recipient update globex --max-requests-per-minute 600",
    )
)
@click.argument("name", shell_complete=complete_recipients)
@rename_option
@comment_option
@owner_option
@_IP_ACCESS_LIST
@click.option("--no-ip-access-list", "anywhere", is_flag=True, help="Allow its credentials from any network.")
@recipient_limit_options
@output_option
def update(
    *,
    name: str,
    rename: str | None,
    comment: str | None,
    owner: str | None,
    networks: Sequence[str],
    anywhere: bool,
    limits: ChangeOfLimits | None,
    output: str,
) -> None:
    """Update a recipient's name, description, owner, IP access list or limits.

    Networks and limits replace the previous ones immediately.
    """
    if networks and anywhere:
        raise click.UsageError("Give --ip-access-list or --no-ip-access-list, not both.")
    access_list = networks if networks or anywhere else None
    changes = changes_of(
        rename=rename, comment=comment, owner=owner, more=access_list is not None or limits is not None
    )
    updated = run(
        lambda provider, context: provider.recipients.update(context, name, changes, access_list, limits)
    )
    show_done(to_record(updated), f"Updated the recipient {updated.name}", output)


@recipient.command(epilog=example("model-sharing-provider recipient delete globex"))
@click.argument("name", shell_complete=complete_recipients)
@deletion_options
def delete(*, name: str, dry_run: bool, yes: bool, output: str) -> None:
    """Delete a recipient; its tokens, grants and download URLs end immediately.

    Asks for confirmation if it has any.
    """

    def consequences() -> str:
        found, grants = run(lambda provider, context: provider.recipients.get(context, name))
        hits = hits_of_recipient(found, grants)
        return f"This deletes the recipient {name}. {hits}" if hits else ""

    deletions.delete(
        lambda provider, context: provider.pull_history.impact_of_recipient(context, name),
        lambda provider, context: provider.recipients.delete(context, name),
        consequences=consequences,
        done=f"Deleted the recipient {name}",
        dry_run=dry_run,
        yes=yes,
        output=output,
    )


@recipient.command(epilog=example("model-sharing-provider recipient acceptances globex"))
@click.argument("name", shell_complete=complete_recipients)
@click.option("--digest", metavar="sha256:…", help="Show the acceptance of these terms, with their text.")
@output_option
def acceptances(name: str, digest: str | None, output: str) -> None:
    """List the terms that a recipient accepted: through which share, when, and who did."""
    found = run(lambda provider, context: provider.provider_terms.acceptances(context, name, digest))
    if digest and output != "json":
        for each in found:
            show_one({**to_record(each), "text": ""}, output)
            page_lines(f"\n{each.text}\n")
        return
    show_list(
        [to_record(each) for each in found],
        ["share", "version", "digest", "accepted_at", "accepted_by"],
        output,
        empty=f"{name} has accepted no terms.",
    )


def _show_link(record: Record, code: str, output: str) -> None:
    link = activation_link(_server_url(), code, pages=configured().ui)
    if output == "json":
        show_one({**record, "activation_url": link}, output)
        return
    announce("Send this link to the recipient over a channel you trust. It works once:")
    say(link)


def _server_url() -> str:
    """URL at which recipients reach the server: as configured, else where the last one listened."""
    settings = configured()
    if settings.public_url:
        return settings.public_url
    if settings.address_path.exists():
        return settings.address_path.read_text(encoding="utf-8").strip()
    return f"http://{settings.host}:{settings.port}"
