"""`audit` commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, print_json, say_lines
from model_sharing_protocol.console.results import show_done, show_list
from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import EventFilter, Outcome

F = TypeVar("F", bound=Callable[..., Any])

_REFERENCE = """\
# Audit actions

Each event of the audit log has one of these actions. With the outcome `OK` it happened; with `DENIED` and
`FAILED` it was requested, and the event's `reason` says why it did not happen. Names are those of Unity
Catalog's audit log where it has one.

`model-sharing-provider audit list --action createShare` shows the events of one action, and the metric
`model_sharing_calls_total` counts them by `action` and `outcome`.

| action | meaning |
|---|---|
"""


class ActionType(click.ParamType[AuditAction]):
    """Action of the audit log, in any letter case; the shell completes it."""

    name = "action"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AuditAction:
        if isinstance(value, AuditAction):
            return value
        known = {action.lower(): action for action in AuditAction}
        if found := known.get(value.lower()):
            return found
        near = [known[word] for word in get_close_matches(value.lower(), known)]
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        raise click.BadParameter(f"{value!r} is not an action{hint} 'audit reference' lists all.", ctx, param)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        typed = incomplete.lower()
        return [
            CompletionItem(action, help=action.meaning)
            for action in AuditAction
            if action.lower().startswith(typed)
        ]


_FILTERS = (
    click.option("--share", default="", help="Only calls about this share."),
    click.option("--recipient", default="", help="Only calls by or about this recipient."),
    click.option("--principal", default="", help="Only calls by this principal."),
    click.option("--action", type=ActionType(), help="Only events of this action, such as createShare."),
    click.option(
        "--outcome", type=click.Choice([outcome.value for outcome in Outcome], case_sensitive=False)
    ),
    click.option("--since", type=Duration(), help="Only events of the last 24h, 7d, …"),
)


def _filter_options(command: F) -> F:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group(epilog=example("model-sharing-provider audit list --since 7d"))
def audit() -> None:
    """The audit log: who did what, from where, and with which outcome."""


@audit.command("list", epilog=example("model-sharing-provider audit list --share acme_share --since 7d"))
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@_filter_options
@output_option
def list_events(*, limit: int, output: str, **filters: Any) -> None:
    """List the latest events, newest first."""
    only = _event_filter(**filters)
    events = run(lambda provider, context: provider.audit.latest(context, limit, **only))
    columns = ["at", "outcome", "principal", "action", "object_name", "address", "count", "reason"]
    if any(event.caller.token_groups for event in events):
        columns.insert(3, "token_groups")
    show_list([to_record(event) for event in events], columns, output, empty="No such events.")


@audit.command(
    "who-pulled", epilog=example("model-sharing-provider audit who-pulled prod.ml_team.iris_model")
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("number", metavar="[VERSION]", type=VERSION, required=False)
@output_option
def who_pulled(name: str, number: int | None, output: str) -> None:
    """List the recipients that hold versions of a model, and how far they are behind its aliases.

    SIZE is that of the version. A pull is the moment when a recipient was given the URLs of its files, or
    credentials for them; the log is read as far back as it goes.
    """
    full_name = FullName.parse(name)
    pulls, lags = run(lambda provider, context: provider.pull_history.who_pulled(context, full_name, number))
    pull_records, lag_records = [to_record(each) for each in pulls], [to_record(each) for each in lags]
    if output == "json":
        print_json({"pulls": pull_records, "aliases": lag_records})
        return
    columns = ["recipient", "version", "first_at", "last_at", "pulls", "size"]
    show_list(
        pull_records, columns, output, empty=f"No recipient pulled {full_name}, as far as the log goes."
    )
    if lag_records:
        announce("")
        show_list(lag_records, ["recipient", "alias", "version", "newest_pulled", "behind"], output)


@audit.command(epilog=example("model-sharing-provider audit export --parquet audit.parquet"))
@click.option(
    "--parquet",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write, which must not exist yet.",
)
@_filter_options
@output_option
def export(*, path: Path, output: str, **filters: Any) -> None:
    """Write all events to a Parquet file, oldest first."""
    only = _event_filter(**filters)
    count = run(lambda provider, context: provider.audit.export(context, path, **only))
    show_done({"path": str(path), "num_events": count}, f"Wrote {count} events to {path}", output)


@audit.command(epilog=example("model-sharing-provider audit prune --older-than 400d"))
@click.option(
    "--older-than", type=Duration(), required=True, help="Age of the events to delete, such as 400d."
)
@output_option
def prune(*, older_than: timedelta, output: str) -> None:
    """Delete old events; the deletion itself is recorded."""
    count = run(lambda provider, context: provider.audit.prune(context, older_than))
    show_done({"num_events": count}, f"Deleted {count} events", output)


@audit.command(epilog=example("model-sharing-provider audit reference > audit-actions.md"))
def reference() -> None:
    """Print the reference of audit actions, as Markdown."""
    say_lines(reference_page())


def reference_page() -> str:
    """Reference of all audit actions, by name."""
    return _REFERENCE + "".join(f"| `{action}` | {action.meaning} |\n" for action in sorted(AuditAction))


def _event_filter(
    *,
    share: str,
    recipient: str,
    principal: str,
    action: AuditAction | None,
    outcome: str | None,
    since: timedelta | None,
) -> EventFilter:
    return EventFilter(
        share=share.lower(),
        recipient=recipient.lower(),
        principal=principal,
        action=action,
        outcome=outcome or "",
        since=now_ms() - since // timedelta(milliseconds=1) if since else 0,
    )
