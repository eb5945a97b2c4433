"""`model-sharing watch`: events of a share as they come, and a command to run for each."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from datetime import timedelta

import click

from model_sharing.api import blocking
from model_sharing.catalogs.events import KINDS, CatalogEvent
from model_sharing.cli.completion import complete_catalogs
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, complain, human_time, print_json_line, say
from model_sharing_protocol.errors import Interrupted, InvalidParameter
from model_sharing_protocol.times import epoch_ms

_VARIABLE = "MODEL_SHARING_EVENT_"


@click.command(
    epilog=example(
        "model-sharing watch vendor", "model-sharing watch vendor --alias Champion --exec 'python score.py'"
    )
)
@click.argument("catalog", shell_complete=complete_catalogs)
@click.option("--model", metavar="PATTERN", help="Only such models: MODEL, SCHEMA.MODEL or a full name.")
@click.option("--alias", metavar="PATTERN", help="Only events of such aliases.")
@click.option("--kind", multiple=True, metavar="KIND", help=f"Only such events: {', '.join(KINDS)}.")
@click.option("--exec", "command", metavar="COMMAND", help="Run this for each event, one after another.")
@click.option("--for", "lasting", type=Duration(), help="Stop after so long, such as 8h; default: never.")
@output_option
def watch(
    catalog: str,
    *,
    model: str | None,
    alias: str | None,
    kind: tuple[str, ...],
    command: str | None,
    lasting: timedelta | None,
    output: str,
) -> None:
    """Print what changes in a share as it happens, until it is interrupted.

    COMMAND is run without a shell. It gets the event as JSON on standard input, and in the environment:
    MODEL_SHARING_EVENT_KIND, _AT, _MODEL, _PREVIOUS_MODEL, _VERSION, _ALIAS and _URI.
    """
    arguments = _arguments(command) if command is not None else []
    try:
        seconds = lasting.total_seconds() if lasting is not None else None
        events = blocking.catalog(catalog).watch(
            model=model, alias=alias, kinds=kind, seconds=seconds, notify=announce
        )
        announce(f"Watching {catalog}; press Ctrl-C to stop.")
        for event in events:
            if output == "json":
                print_json_line(event, uri=event.uri)
            else:
                say(_described(event))
            if arguments:
                _run(arguments, event)
    except KeyboardInterrupt as error:
        raise Interrupted("Interrupted: nothing is watched any more.") from error


def _arguments(command: str) -> list[str]:
    """Command line as arguments. Raises InvalidParameter if it cannot be run."""
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InvalidParameter(f"{command!r} cannot be read as a command line: {error}.") from error
    if not arguments or shutil.which(arguments[0]) is None:
        name = arguments[0] if arguments else command
        raise InvalidParameter(f"{name!r} is not a program that can be run here; give --exec a program.")
    return arguments


def _run(arguments: list[str], event: CatalogEvent) -> None:
    """Run the command for one event. A failure is reported, and the watching goes on."""
    fields = {
        "kind": event.kind,
        "at": human_time(event.at),
        "model": event.full_name,
        "previous_model": event.previous_name,
        "version": event.version,
        "alias": event.alias,
        "uri": event.uri,
    }
    variables = {_VARIABLE + name.upper(): str(value or "") for name, value in fields.items()}
    given = json.dumps({**fields, "at": epoch_ms(event.at)}).encode()
    try:
        done = subprocess.run(arguments, input=given, env={**os.environ, **variables}, check=False)  # noqa: S603
    except OSError as error:
        complain(f"{arguments[0]} could not be run for {_described(event)}: {error.strerror}.")
        return
    if done.returncode:
        complain(f"{arguments[0]} ended with {done.returncode} for {_described(event)}")


def _described(event: CatalogEvent) -> str:
    """Event on one line: time, kind, model, and what it is about."""
    name = f"{event.previous_name} -> {event.full_name}" if event.previous_name else event.full_name
    alias = f"@{event.alias}" if event.alias else ""
    number = f" version {event.version}" if event.version is not None else ""
    return f"{human_time(event.at)} {event.kind} {name}{alias}{number}"
