"""Options of a federation policy to create or change, of a recipient or of a principal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from model_sharing_provider.domain.federation import NewFederationPolicy

POLICY_COLUMNS = ["name", "issuer", "subject_claim", "subject", "audiences"]
GROUP_COLUMNS = ["groups_claim", "groups"]
_C = TypeVar("_C", bound=Callable[..., Any])
_Option = Callable[[_C], _C]
_ISSUER = "The tokens' 'iss', exactly."
_SUBJECT_CLAIM = "Claim that says who it is."
_SUBJECT = "Value of that claim, exactly, or one of its list, such as a group."
_AUDIENCES: _Option[Any] = click.option(
    "--audience",
    "audiences",
    multiple=True,
    help="The tokens' 'aud', exactly; repeatable. Default: this server's public URL.",
)
_GROUPS: _Option[Any] = click.option(
    "--group",
    "groups",
    multiple=True,
    help="A group that this claim may give, exactly as it is named here; repeatable. No others are given.",
)
_GROUPS_CLAIM = "Claim whose values name groups, such as groups."


def policy_options(command: _C) -> _C:
    """Add the options of a new policy; `new_policy` takes all but the name."""
    return _with(
        command,
        click.option("--name", help="Name of the policy; default: one is made up."),
        click.option("--issuer", required=True, metavar="URL", help=_ISSUER),
        click.option("--subject-claim", default="sub", show_default=True, help=_SUBJECT_CLAIM),
        click.option("--subject", required=True, help=_SUBJECT),
        _AUDIENCES,
        click.option("--comment", default=""),
    )


def group_options(command: _C) -> _C:
    """Add the options of the groups that a policy lets tokens give."""
    return _with(command, click.option("--groups-claim", default="", help=_GROUPS_CLAIM), _GROUPS)


def optional_policy_options(command: _C) -> _C:
    """Add the options of a policy to change; `changed_policy` takes them."""
    return _with(
        command,
        click.option("--issuer", metavar="URL", help=_ISSUER),
        click.option("--subject-claim", help=_SUBJECT_CLAIM),
        click.option("--subject", help=_SUBJECT),
        _AUDIENCES,
        click.option("--groups-claim", help=_GROUPS_CLAIM),
        _GROUPS,
        click.option("--comment"),
    )


def new_policy(**given: Any) -> NewFederationPolicy:
    """Policy that the options describe."""
    return NewFederationPolicy(**given)


def changed_policy(**given: Any) -> tuple[NewFederationPolicy, Sequence[str]]:
    """Policy with the options that were given, and the names of these."""
    changed = {name: value for name, value in given.items() if value not in (None, ())}
    if changed.get("groups_claim") == "":
        changed["groups"] = ()
    unchanged = {"issuer": "", "subject_claim": "", "subject": ""}
    return NewFederationPolicy(**(unchanged | changed)), tuple(changed)


def _with(command: _C, *options: _Option[Any]) -> _C:
    for option in reversed(options):
        command = option(command)
    return command
