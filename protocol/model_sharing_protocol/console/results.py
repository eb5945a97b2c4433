"""Results of commands: tables and lines for people, `--output json` for scripts, under the same field names.

The names are the wire's, in snake case, on both command lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from model_sharing_protocol.console.output import (
    announce,
    human_size,
    human_time,
    print_fields,
    print_json,
    print_json_array,
    say,
)
from model_sharing_protocol.console.tables import TablePrinter
from model_sharing_protocol.printable import enumerated

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = Mapping[str, Any]

_TIMES = ("at", "expiration_time", "last_used", "state_since")
_SIZES = ("size", "own_size", "pulled_size")


def fields_of(value: DataclassInstance) -> dict[str, Any]:
    """Fields of a dataclass as a record; values stay as they are."""
    return {name: getattr(value, name) for name in _names_of(type(value))}


@cache
def _names_of(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def show_list(records: Sequence[Record], columns: Sequence[str], output: str, *, empty: str = "") -> None:
    """List of objects: one JSON array, or a table of `columns`.

    `empty` is a hint for people, on standard error, when the list is empty.
    """
    show_pages([records], columns, output, empty=empty)


def show_pages(
    pages: Iterable[Sequence[Record]], columns: Sequence[str], output: str, *, empty: str = ""
) -> None:
    """List of objects as `show_list` shows it, each page as soon as it is there; none is kept."""
    filled = filter(None, pages)
    if output == "json":
        print_json_array(filled)
        return
    table = TablePrinter(columns)
    first = next(filled, [])
    if empty and not first:
        announce(empty)
        return
    for page in itertools.chain([first], filled):
        table.print_page([[_cell(name, record.get(name)) for name in columns] for record in page])


def show_one(record: Record, output: str) -> None:
    """Object as JSON, or as one line per field that is not empty."""
    if output == "json":
        print_json(record)
    else:
        print_fields([(name, _text(name, value)) for name, value in record.items() if value not in ({}, [])])


def show_done(record: Record, sentence: str, output: str) -> None:
    """Outcome of a command: a sentence for people, the resulting object for scripts."""
    if output == "json":
        print_json(record)
    else:
        say(sentence)


def _cell(name: str, value: Any) -> str:
    """Text for a cell of a table; long lists are shortened."""
    return enumerated(list(map(str, value))) if isinstance(value, (list, tuple)) else _text(name, value)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _TIMES or name.endswith("_at"):
        return human_time(value)
    if isinstance(value, Mapping):
        sign = " → " if name == "aliases" else "="
        value = [f"{key}{sign}{item}" for key, item in sorted(value.items())]
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return human_size(value) if name in _SIZES else str(value)
