"""Deletions: say whom they affect, in the question, in a dry run and in JSON, before anything is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.results import show_done
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.times import iso
from model_sharing_provider.cli.confirmations import confirm, confirm_or_tell, yes_option
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.pull_history import DeletionImpact
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.sharing.pull_history import RECENT

F = TypeVar("F", bound=Callable[..., Any])


def deletion_options(command: F) -> F:
    """`--dry-run`, `--yes` and `--output`, passed on to `delete`."""
    dry_run = click.option("--dry-run", is_flag=True, help="Only say whom it would affect.")
    return dry_run(yes_option(output_option(command)))


def delete(
    read_impact: Callable[[ProviderServices, Context], Awaitable[DeletionImpact]],
    carry_out: Callable[[ProviderServices, Context], Awaitable[None]],
    *,
    consequences: Callable[[], str],
    done: str,
    dry_run: bool,
    yes: bool,
    output: str,
    insist: bool = True,
) -> None:
    """Delete something after saying whom that affects, and asking; a dry run ends before that.

    Nothing is asked if there are neither `consequences` nor recent pulls. Where nobody can answer, the
    command insists on `--yes`, or only says what it would have asked about.
    """
    impact = None if yes and not dry_run and output != "json" else run(read_impact)
    if impact is not None and (dry_run or not yes):
        sentence = " ".join(filter(None, (consequences(), pulled_lately(impact))))
        if dry_run:
            found = sentence or "It affects no recipient."
            _show(impact, f"{found} Nothing was done (dry run).", output, dry_run=True)
            return
        if sentence:
            (confirm if insist else confirm_or_tell)(sentence)
    run(carry_out)
    _show(impact, done, output, dry_run=False)


def pulled_lately(impact: DeletionImpact) -> str:
    """Sentence about what recipients pulled lately; empty if nothing was."""
    if not impact.pulls:
        return ""
    listed = [
        f"{pull.recipient} ({pull.full_name} version {pull.version}, {iso(pull.last_at)})"
        for pull in impact.pulls
    ]
    return f"Pulled in the last {RECENT.days} days by {enumerated(listed)}."


def _show(impact: DeletionImpact | None, sentence: str, output: str, *, dry_run: bool) -> None:
    affected = to_record(impact) if impact is not None else {}
    show_done({"dry_run": dry_run, **affected}, sentence, output)
