"""Fields of JSON that others wrote: values of the right type, or nothing."""

from __future__ import annotations

from collections import Counter

_LARGEST_COUNT = 2**53


def text(value: object) -> str:
    """Text; empty for any other value."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """Texts of a list, or the one text that is there."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(each for each in values if isinstance(each, str))


def count(value: object) -> int | None:
    """Positive whole number; None for any other value, and for one so large that it means "no limit"."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_COUNT
    return value if is_count else None  # type: ignore[return-value]  # checked just before


def dominant(counted: Counter[str]) -> str:
    """Key that was counted most; empty if nothing was counted."""
    return max(counted, key=lambda key: counted[key], default="")
