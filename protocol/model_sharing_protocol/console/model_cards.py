"""Model cards on a terminal: a README.md that others wrote, its front matter as a table.

The text can command nothing: hidden characters, also those that entities stand for, are shown as escapes.
HTML is left out, images are their alternative texts, and a link is followed by where it leads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown

from model_sharing_protocol.console.output import print_fields, say_lines
from model_sharing_protocol.printable import printable_lines

if TYPE_CHECKING:
    from markdown_it.token import Token

CARD = "README.md"
MAX_CARD_BYTES = 1024 * 1024

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(?:\n|$)", re.DOTALL)
_FIELD = re.compile(r"(?P<name>[A-Za-z_][\w-]*):(?P<value>.*)")


def show_card(text: str) -> None:
    """Print a model card: rendered on a terminal, and as it is, but printable, elsewhere."""
    shown = printable_lines(text.removeprefix("\ufeff"))
    if not shown.endswith("\n"):
        shown += "\n"
    if not sys.stdout.isatty():
        say_lines(shown)
        return
    matter = _FRONT_MATTER.match(shown)
    if matter is not None:
        print_fields(_fields(matter[1]))
        shown = shown[matter.end() :]
    Console(highlight=False).print(_without_commands(Markdown(shown, hyperlinks=False)))


def _fields(matter: str) -> list[tuple[str, str]]:
    """Top-level fields of a front matter, as they are written: YAML of others needs no parser to be shown."""
    fields: list[tuple[str, str]] = []
    for line in matter.split("\n"):
        if found := _FIELD.fullmatch(line):
            fields.append((found["name"], found["value"].strip()))
        elif fields and line.strip():
            name, value = fields[-1]
            item = line.strip().removeprefix("- ")
            fields[-1] = (name, f"{value}, {item}" if value else item)
    return fields


def _without_commands(markdown: Markdown) -> Markdown:
    """Text whose entities were decoded, and which may have hidden characters again, made printable."""
    _make_printable(markdown.parsed)
    return markdown


def _make_printable(tokens: Iterable[Token]) -> None:
    for token in tokens:
        token.content = printable_lines(token.content)
        for name, value in token.attrs.items():
            if isinstance(value, str):
                token.attrs[name] = printable_lines(value)
        _make_printable(token.children or ())
