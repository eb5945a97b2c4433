"""Options of a federation policy to create, of a recipient or of a principal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from model_sharing_provider.domain.federation import NewFederationPolicy

POLICY_COLUMNS = ["name", "issuer", "subject_claim", "subject", "audiences"]
GROUP_COLUMNS = ["groups_claim", "groups"]
_C = TypeVar("_C", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--name", help="Name of the policy; default: one is made up."),
    click.option("--issuer", required=True, metavar="URL", help="The tokens' 'iss', exactly."),
    click.option("--subject-claim", default="sub", show_default=True, help="Claim that says who it is."),
    click.option(
        "--subject", required=True, help="Value of that claim, exactly, or one of its list, such as a group."
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        help="The tokens' 'aud', exactly; repeatable. Default: this server's public URL.",
    ),
    click.option("--comment", default=""),
)


def policy_options(command: _C) -> _C:
    """Add the options of a policy; `new_policy` takes all but the name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def new_policy(*, audiences: tuple[str, ...], **given: Any) -> NewFederationPolicy:
    """Policy that the options describe."""
    return NewFederationPolicy(audiences=tuple(audiences), **given)
