"""Printing: JSON for machines, tables for people, and no control characters that a server sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model_sharing_protocol.times import iso

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_PLAIN_WIDTH = 10_000


F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """`--output table|json`, passed to the command as `output`."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to print.",
    )(command)


def say(message: str) -> None:
    """One line on standard output."""
    click.echo(printable(message))


def print_json(value: object, **more: object) -> None:
    """One JSON value on one line; `more` adds fields to an object."""
    plain: Any = msgspec.to_builtins(value)
    if more:
        plain = {**plain, **msgspec.to_builtins(more)}
    click.echo(msgspec.json.encode(plain))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table, cut to the terminal's width there and complete elsewhere; `empty` if there are no rows."""
    if not rows:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(table)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line; empty values are left out."""
    width = max(len(name) for name, _ in fields) + 2
    for name, value in fields:
        if value:
            say(f"{name:<{width}}{value}")


def human_size(size: int | None) -> str:
    """Bytes as people read them: `1.5 GiB`."""
    if size is None:
        return ""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in _UNITS:
        amount /= 1024
        if amount < 1024 or unit == _UNITS[-1]:
            break
    return f"{amount:.1f} {unit}"


def human_time(milliseconds: int | None) -> str:
    """Epoch milliseconds as ISO 8601 with its zone."""
    return "" if milliseconds is None else iso(milliseconds)


def printable(text: str) -> str:
    """`text` on one line, without control characters, which could command a terminal."""
    return "".join(
        " "
        if character in "\r\n\t"
        else ""
        if unicodedata.category(character) in ("Cc", "Cf", "Cs")
        else character
        for character in text
    )


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH, soft_wrap=True)
