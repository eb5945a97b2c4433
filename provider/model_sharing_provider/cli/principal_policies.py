"""`principal federation-policy` commands."""

from __future__ import annotations

from typing import Any

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_provider.cli.policy_options import (
    GROUP_COLUMNS,
    POLICY_COLUMNS,
    changed_policy,
    group_options,
    new_policy,
    optional_policy_options,
    policy_options,
)
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run

_COMMAND = "model-sharing-provider principal federation-policy"


@click.group("federation-policy", epilog=example(f"{_COMMAND} list pipeline"))
def federation_policy() -> None:
    """Federation policies of a principal: the tokens of other issuers that it calls the APIs with."""


@federation_policy.command(
    epilog=example(
        f"{_COMMAND} create pipeline --name ci --issuer https://token.actions.githubusercontent.com "
        "--subject repo:acme/models:ref:refs/heads/main --audience https://models.example.com"
    )
)
@click.argument("principal")
@policy_options
@group_options
@output_option
def create(*, principal: str, name: str | None, output: str, **given: Any) -> None:
    """Create a policy: a token that meets it is the user's or service principal's.

    With --groups-claim, the principal is also in those of --group that the token names, in calls with it.
    """
    new = new_policy(**given)
    created = run(lambda provider, context: provider.principal_policies.create(context, principal, new, name))
    show_done(to_record(created), f"Created the federation policy {created.name} of {principal}", output)


@federation_policy.command("list", epilog=example(f"{_COMMAND} list pipeline"))
@click.argument("principal")
@output_option
def list_policies(principal: str, output: str) -> None:
    """List the policies of a principal."""
    found = run(lambda provider, context: provider.principal_policies.of_principal(context, principal))
    show_list(
        [to_record(each) for each in found],
        [*POLICY_COLUMNS, *GROUP_COLUMNS],
        output,
        empty=f"No federation policy yet; create one: {_COMMAND} create {principal} --issuer URL …",
    )


@federation_policy.command("get", epilog=example(f"{_COMMAND} get pipeline ci"))
@click.argument("principal")
@click.argument("name")
@output_option
def get_policy(principal: str, name: str, output: str) -> None:
    """Show a policy of a principal."""
    found = run(lambda provider, context: provider.principal_policies.get(context, principal, name))
    show_one(to_record(found), output)


@federation_policy.command(epilog=example(f"{_COMMAND} update pipeline ci --comment 'nightly jobs'"))
@click.argument("principal")
@click.argument("name")
@optional_policy_options
@output_option
def update(*, principal: str, name: str, output: str, **given: Any) -> None:
    """Change what is given of a policy; calls and URLs under it as it was end immediately.

    A list replaces the one before. --groups-claim '' lets tokens give no groups any more.
    """
    new, changed = changed_policy(**given)
    updated = run(
        lambda provider, context: provider.principal_policies.update(context, principal, name, new, changed)
    )
    show_done(to_record(updated), f"Changed the federation policy {name} of {principal}", output)


@federation_policy.command(epilog=example(f"{_COMMAND} delete pipeline ci"))
@click.argument("principal")
@click.argument("name")
def delete(principal: str, name: str) -> None:
    """Delete a policy: calls and URLs under it end immediately."""
    run(lambda provider, context: provider.principal_policies.delete(context, principal, name))
    say(f"Deleted the federation policy {name} of {principal}")
