"""Results for people (tables) and for scripts (`--output json`, with the wire's field names)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model_sharing_protocol.console.output import (
    announce,
    human_size,
    print_fields,
    print_json,
    print_table,
    say,
)
from model_sharing_protocol.times import iso

Record = Mapping[str, Any]
_MOST_NAMED = 5


def show_list(records: Sequence[Record], columns: Sequence[str], output: str, *, empty: str = "") -> None:
    """A listing: one JSON array, or a table of `columns`.

    `empty` tells people, on standard error, what to do where there is nothing.
    """
    if output == "json":
        print_json(list(records))
    elif empty and not records:
        announce(empty)
    else:
        print_table(columns, [[_short(name, record.get(name)) for name in columns] for record in records])


def show_one(record: Record, output: str) -> None:
    """One object: a JSON object, or a line for each field that says something."""
    if output == "json":
        print_json(record)
    else:
        said = {name: value for name, value in record.items() if value not in (None, "", [], {})}
        print_fields([(name, _cell(name, value)) for name, value in said.items()])


def show_done(record: Record, sentence: str, output: str) -> None:
    """What a command did: a sentence for people, the object it made for scripts."""
    if output == "json":
        print_json(record)
    else:
        say(sentence)


def named(names: Sequence[str]) -> str:
    """Names as a text says them, the first few of many."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _short(name: str, value: Any) -> str:
    """A cell of a table, where long lists are cut."""
    return named(list(map(str, value))) if isinstance(value, (list, tuple)) else _cell(name, value)


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
