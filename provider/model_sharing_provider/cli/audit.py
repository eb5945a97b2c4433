"""`audit` commands."""

from __future__ import annotations

from datetime import timedelta

import click

from model_sharing_protocol.times import now_ms
from model_sharing_provider.cli.output import Duration, output_option, show_list
from model_sharing_provider.cli.records import audit_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.events import Outcome


@click.group()
def audit() -> None:
    """Who did what, from where, and how it ended."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--share", default="", help="Only calls about this share.")
@click.option("--recipient", default="", help="Only calls by or about this recipient.")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome], case_sensitive=False))
@click.option("--since", type=Duration(), help="Only the last 24h, 7d, …")
@output_option
def list_events(
    *, limit: int, share: str, recipient: str, outcome: str | None, since: timedelta | None, output: str
) -> None:
    """List the latest events, newest first."""
    after = now_ms() - since // timedelta(milliseconds=1) if since else 0
    events = run(
        lambda provider, context: provider.audit.latest(
            context,
            limit,
            share=share.lower(),
            recipient=recipient.lower(),
            outcome=(outcome or "").upper(),
            since=after,
        )
    )
    columns = ["at", "outcome", "principal", "action", "object_name", "address", "reason"]
    show_list([audit_record(event) for event in events], columns, output)
