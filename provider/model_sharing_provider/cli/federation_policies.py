"""`recipient federation-policy` commands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli.completion import complete_recipients
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.federation import NewFederationPolicy

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
@click.option("--name", help="Name of the policy; default: one is made up.")
@click.option("--issuer", required=True, metavar="URL", help="The tokens' 'iss', exactly.")
@click.option("--subject-claim", default="sub", show_default=True, help="Claim that says who it is.")
@click.option(
    "--subject", required=True, help="Value of that claim, exactly, or one of its list, such as a group."
)
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    help="The tokens' 'aud', exactly; repeatable. Default: this server's public URL.",
)
@click.option("--comment", default="")
@output_option
def create(
    *,
    recipient: str,
    name: str | None,
    issuer: str,
    subject_claim: str,
    subject: str,
    audiences: Sequence[str],
    comment: str,
    output: str,
) -> None:
    """Create a policy: a token that meets it is the recipient's."""
    new = NewFederationPolicy(
        issuer=issuer,
        subject_claim=subject_claim,
        subject=subject,
        audiences=tuple(audiences),
        comment=comment,
    )
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
        ["name", "issuer", "subject_claim", "subject", "audiences"],
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
