"""Output of both command lines: tables for people, JSON for scripts, messages on standard error.

All output of commands goes through this module, which makes it printable: comments, tags, paths and messages
come from others, and must not control the terminal or pass for something else.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any

import click
import msgspec

from model_sharing_protocol.console.tables import TablePrinter, print_rich_table
from model_sharing_protocol.printable import printable, printable_json, printable_lines
from model_sharing_protocol.times import epoch_ms, iso

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def say(message: str) -> None:
    """Print a result, one line on standard output."""
    click.echo(printable(message))


def say_lines(text: str) -> None:
    """Print a text of several lines on standard output; it ends with a newline of its own."""
    click.echo(printable_lines(text), nl=False)


def page_lines(text: str) -> None:
    """Print a text of several lines on standard output, by the user's pager if it does not fit the screen."""
    shown = printable_lines(text)
    if sys.stdout.isatty() and shown.count("\n") >= shutil.get_terminal_size().lines:
        click.echo_via_pager(shown)
    else:
        click.echo(shown, nl=False)


def announce(message: str) -> None:
    """Print a message for people, one line on standard error; standard output is for results alone."""
    click.echo(printable(message), err=True)


def warn(message: str) -> None:
    """Print a warning, one line on standard error, about something that works but should be changed."""
    announce(f"warning: {message}")


def complain(message: str) -> None:
    """Print an error, one line on standard error."""
    announce(f"error: {message}")


def print_json(value: object, **more: object) -> None:
    """Print one JSON value in UTF-8, with times in epoch milliseconds; `more` adds fields to an object."""
    plain = _builtins(value)
    if more:
        plain = {**plain, **_builtins(more)}
    click.echo(_json_text(plain).encode())


def print_json_array(pages: Iterable[Sequence[object]]) -> None:
    """Print one JSON array as `print_json` does, each page of its items as soon as it is there."""
    before = "["
    for page in pages:
        items = _json_text(_builtins(list(page))).removeprefix("[").removesuffix("\n]")
        click.echo((before + items).encode(), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def print_json_line(value: object, **more: object) -> None:
    """Print one JSON value as `print_json` does, on one line, which a reader gets at once."""
    plain = {**_builtins(value), **_builtins(more)}
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, default=epoch_ms)
    click.echo(printable_json(text).encode())


def _json_text(plain: Any) -> str:
    """JSON text of builtins and times, indented by 2."""
    text = printable_json(json.dumps(plain, ensure_ascii=False, allow_nan=False, default=epoch_ms))
    try:
        # Several times as fast as Python, which indents without its C encoder.
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        # Half of a surrogate pair, which stands for a byte that is not text.
        return json.dumps(json.loads(text), indent=2)


def _builtins(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_plain)


def _plain(value: object) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise NotImplementedError(f"{value!r} is not a JSON value.")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, folded to a terminal's width and complete elsewhere."""
    TablePrinter(titles).print_page(rows)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one a line; empty values are left out."""
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in fields:
        if value:
            table.add_row(Text(printable(name), style="bold"), Text(printable(value)))
    if table.rows:
        print_rich_table(table)


def human_size(size: int | None) -> str:
    """Size in bytes, for people: `1.5 GiB`."""
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


def human_time(moment: datetime | int | None) -> str:
    """Time (a datetime, or epoch milliseconds) as ISO 8601 with its zone."""
    if moment is None:
        return ""
    return iso(moment if isinstance(moment, int) else epoch_ms(moment))
