"""Printable text: input from others, made safe for a terminal and for JSON.

Terminals obey control characters, and bidirectional and invisible characters make one text look like another.
Both are shown as escapes, such as `\\x1b`, so that the reader sees them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from model_sharing_protocol.characters import BLANK

_HIDDEN = {
    "Cc",  # control characters, C0 and C1
    "Cf",  # format characters: bidirectional controls, joiners, tags
    "Cn",  # not assigned in this Python's Unicode: may be any of these in the terminal's
    "Cs",  # surrogates, which stand for bytes that are not text
    "Zl",  # line and paragraph separators
    "Zp",
}

_STYLES = "\ufe0e\ufe0f"
"""Variation selectors by which a character is shown as text or as an emoji."""


def printable(text: str) -> str:
    """Text on one line: white space becomes spaces, other hidden characters become escapes."""
    if text.isascii() and text.isprintable():  # nearly all cells of long tables
        return text
    return _without_hidden(text, lambda character: " " if character in "\r\n\t" else _escape(character))


def enumerated(names: Sequence[str], most: int = 5) -> str:
    """Enumeration of names in a sentence or cell: the first `most`, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def printable_lines(text: str) -> str:
    """Text with its line breaks and tabs, and with other hidden characters as escapes."""
    return _without_hidden(
        text.replace("\r\n", "\n"),
        lambda character: character if character in "\n\t" else _escape(character),
    )


def printable_json(text: str) -> str:
    """Equivalent JSON, with the hidden characters in its strings as JSON escapes."""
    return _without_hidden(
        text, lambda character: character if character == "\n" else _json_escape(character)
    )


def _without_hidden(text: str, shown: Callable[[str], str]) -> str:
    if text.isprintable() and BLANK.isdisjoint(text):
        return text
    return "".join(
        shown(character) if _is_hidden(character, before) else character
        for before, character in zip("\0" + text, text, strict=False)
    )


def _is_hidden(character: str, before: str) -> bool:
    if character in BLANK:
        # Emoji have one such mark; in a row, they could hide any text.
        return character not in _STYLES or before in BLANK or not before.isprintable()
    return unicodedata.category(character) in _HIDDEN


def _escape(character: str) -> str:
    """Escape of a character, as Python writes it."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    """JSON escape of a character: a pair of surrogates beyond the first 65,536."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
