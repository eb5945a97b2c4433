"""Invisible characters and equivalent spellings, which make two names look alike."""

from __future__ import annotations

import unicodedata

BLANK = frozenset(
    chr(code)
    for codes in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0000, 0xE1000),
    )
    for code in codes
)
"""Characters that are default-ignorable or blank, though Unicode counts them as letters, marks or symbols."""


def find_unseen(text: str) -> str | None:
    """First invisible character, or one that changes how its neighbours are displayed; None without one.

    That is every control, format (bidirectional ones, zero-width joiners), surrogate, private-use, unassigned
    and default-ignorable character (variation selectors, fillers), line separators, and all white space but
    the plain space.
    """
    if text.isascii() and text.isprintable():
        return None
    return next((each for each in text if not each.isprintable() or each in BLANK), None)


def fold(text: str) -> str:
    """Folded spelling, shared by all that differ in letter case, normalization or compatibility (NFKC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def shown(character: str) -> str:
    """Name of a character for messages, visible or not: `U+200B`."""
    return repr(character) if find_unseen(character) is None else f"U+{ord(character):04X}"
