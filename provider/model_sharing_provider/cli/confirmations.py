"""Confirmation of commands that cannot be undone: the question names the recipients affected."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from model_sharing_protocol.console.output import announce
from model_sharing_protocol.printable import enumerated, printable
from model_sharing_protocol.times import iso, now_ms

if TYPE_CHECKING:
    from model_sharing_provider.domain.sharing import ModelShare, Recipient, ShareGrant

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(what: str) -> None:
    """Ask whether to continue, after `what`, a sentence about the consequences; a pipe may answer.

    Raises UsageError if there is no answer, Abort unless the answer is yes.
    """
    unanswered = click.UsageError(f"{what} There is no terminal to ask for confirmation: confirm with --yes.")
    if sys.stdin is None:
        raise unanswered
    try:
        agreed = click.confirm(printable(f"{what} Go on?"), err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise unanswered from None
    if not agreed:
        raise click.Abort


def confirm_or_tell(sentence: str) -> None:
    """Ask whether to continue on a terminal; elsewhere only say the consequences, of what can be undone."""
    if sys.stdin and sys.stdin.isatty():
        confirm(sentence)
    else:
        announce(sentence)


def hits_of_share(grants: Iterable[ShareGrant]) -> str:
    """Consequences of deleting a share for recipients; empty if it has none."""
    recipients = [grant.recipient for grant in grants]
    return f"It is granted to {enumerated(recipients)}, who lose it immediately." if recipients else ""


def hits_of_recipient(recipient: Recipient, grants: Iterable[ShareGrant]) -> str:
    """Consequences of deleting a recipient; empty if it has neither a token nor a share."""
    now = now_ms()
    live = [each.expires_at for each in recipient.tokens if each.activated_at and each.expires_at > now]
    shares = [grant.share for grant in grants]
    hits = []
    if live:
        hits.append(f"Its token, valid until {iso(max(live))}, ends immediately.")
    if shares:
        hits.append(f"It loses {enumerated(shares)}.")
    return " ".join(hits)


def hits_of_model(shown: Iterable[ModelShare], what: str) -> str:
    """Consequences for recipients when `what` of a model goes away; empty if none of them sees it."""
    read = [share for share in shown if share.recipients]
    if not read:
        return ""
    recipients = sorted({recipient for share in read for recipient in share.recipients})
    shares = sorted({share.share for share in read})
    return f"It is shared in {enumerated(shares)}: {enumerated(recipients)} can no longer load {what}."
