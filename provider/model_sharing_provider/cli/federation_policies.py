"""`recipient federation-policy` commands."""

from __future__ import annotations

from typing import Any

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli.completion import complete_recipients
from model_sharing_provider.cli.policy_options import POLICY_COLUMNS, new_policy, policy_options
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run

_COMMAND = "model-sharing-provider recipient federation-policy"


@click.group("federation-policy", epilog=example(f"{_COMMAND} list hooli"))
def federation_policy() -> None:
    """Federation policies of a recipient: the tokens of other issuers that it signs in with."""


@federation_policy.command(
    epilog=example(
        f"{_COMMAND} create hooli --name jobs --issuer https://token.actions.githubusercontent.com "
        "--subject repo:hooli/models:ref:refs/heads/main --audience https://models.example.com"
    )
)
@click.argument("recipient", shell_complete=complete_recipients)
@policy_options
@output_option
def create(*, recipient: str, name: str | None, output: str, **given: Any) -> None:
    """Create a policy: a token that meets it is the recipient's."""
    new = new_policy(**given)
    created = run(
        lambda provider, context: provider.federation_policies.create(context, recipient, new, name)
    )
    show_done(to_record(created), f"Created the federation policy {created.name} of {recipient}", output)


@federation_policy.command("list", epilog=example(f"{_COMMAND} list hooli"))
@click.argument("recipient", shell_complete=complete_recipients)
@output_option
def list_policies(recipient: str, output: str) -> None:
    """List the policies of a recipient."""
    found = run(lambda provider, context: provider.federation_policies.of_recipient(context, recipient))
    show_list(
        [to_record(each) for each in found],
        POLICY_COLUMNS,
        output,
        empty=f"No federation policy yet; create one: {_COMMAND} create {recipient} --issuer URL …",
    )


@federation_policy.command("get", epilog=example(f"{_COMMAND} get hooli jobs"))
@click.argument("recipient", shell_complete=complete_recipients)
@click.argument("name")
@output_option
def get_policy(recipient: str, name: str, output: str) -> None:
    """Show a policy of a recipient."""
    found = run(lambda provider, context: provider.federation_policies.get(context, recipient, name))
    show_one(to_record(found), output)


@federation_policy.command(epilog=example(f"{_COMMAND} delete hooli jobs"))
@click.argument("recipient", shell_complete=complete_recipients)
@click.argument("name")
def delete(recipient: str, name: str) -> None:
    """Delete a policy: calls and download URLs under it end immediately."""
    run(lambda provider, context: provider.federation_policies.delete(context, recipient, name))
    say(f"Deleted the federation policy {name} of {recipient}")
