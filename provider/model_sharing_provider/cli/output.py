"""Results for people (tables) and for scripts (`--output json`, with the wire's field names)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model_sharing_protocol.times import iso
from model_sharing_provider.setting_kinds import parse_duration

Record = Mapping[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """`--output table|json`, passed to the command as `output`."""
    return click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)(
        command
    )


def show_list(records: Sequence[Record], columns: Sequence[str], output: str) -> None:
    """A listing: one JSON array, or a table of `columns`."""
    if output == "json":
        _print_json(list(records))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for record in records:
        table.add_row(*(Text(_cell(column, record.get(column))) for column in columns))
    _print_table(table)


def show_one(record: Record, output: str) -> None:
    """One object: a JSON object, or a line for each field that says something."""
    if output == "json":
        _print_json(record)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in record.items():
        if value not in (None, "", [], {}):
            table.add_row(Text(name, style="bold"), Text(_cell(name, value)))
    _print_table(table)


def show_done(record: Record, sentence: str, output: str) -> None:
    """What a command did: a sentence for people, the object it made for scripts."""
    if output == "json":
        _print_json(record)
    else:
        click.echo(sentence)


class Duration(click.ParamType[timedelta]):
    """`90d`, `24h`, `30m`, `45s`, or `0`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError:
            self.fail(f"{value!r} is not a time span; write 90d, 24h, 30m, 45s or 0.", param, ctx)


def _print_table(table: Table) -> None:
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    # A pipe has no width: nothing is wrapped for it, and no line is padded.
    console = Console(width=10_000, highlight=False)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in ("at", "expires_at", "expiration_time") or name.endswith("_at"):
        return iso(value)
    if name == "size":
        return human_size(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def human_size(size: int) -> str:
    """Bytes in the unit that a person would choose."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
