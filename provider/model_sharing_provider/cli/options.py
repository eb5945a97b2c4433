"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from model_sharing_protocol.names import MAX_VERSION
from model_sharing_provider.cli.confirmations import confirm, yes_option
from model_sharing_provider.services.registry.updates import NO_CHANGE, SecurableUpdate

F = TypeVar("F", bound=Callable[..., Any])

VERSION = click.IntRange(1, MAX_VERSION)

rename_option = click.option("--rename", metavar="NEW_NAME", help="New name.")
comment_option = click.option("--comment", help="New description; '' removes it.")
owner_option = click.option("--owner", metavar="PRINCIPAL", help="New owner.")


def changes_of(
    *,
    rename: str | None = None,
    comment: str | None = None,
    owner: str | None = None,
    more: bool = False,
) -> SecurableUpdate:
    """Changes that an `update` command makes; `more` if it also changes other fields.

    Raises UsageError if there is nothing to change, or an empty name.
    """
    changes = SecurableUpdate(new_name=rename, comment=comment, owner=owner)
    if changes == NO_CHANGE and not more:
        raise click.UsageError("There is nothing to change; --help lists the options.")
    if "" in (rename, owner):
        raise click.UsageError("The new name or owner is empty; give at least one character.")
    return changes


def force_options(command: F) -> F:
    """`--force` and `--yes`, passed on to `confirm_force`."""
    force = click.option(
        "--force", is_flag=True, help="Also delete everything in it, with the models' files."
    )
    return force(yes_option(command))


def confirm_force(name: str, *, force: bool, yes: bool) -> None:
    """Ask for confirmation of a forced delete, which also deletes contents; see `confirm`."""
    if force and not yes:
        confirm(f"This deletes {name} and everything in it, permanently.")
