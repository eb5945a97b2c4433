"""Hostile values, and every place in a provider's answers where one may be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from model_sharing_protocol.times import MAX_MS

Place = tuple[str | int, ...]

_DEEP: Any = "deep"
for _ in range(400):
    _DEEP = [_DEEP]

NUMBERS = [
    *(-1, 0, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(2**63), -(2**63) - 1),
    *(MAX_MS, MAX_MS + 1, 0.5, 1.0, 1e308, float("nan"), float("inf")),
]
TEXTS = [
    *("", " ", "\0", "\ud800", "\x1b[2J", "a/b", "a.b.c", "../..", "latest", "@", "%2e%2e", "é" * 300),
    *("x" * 100_000, "sha256:" + "g" * 64, "sha256:" + "0" * 64 + "\n", "0" * 63, "A", "====", "not base64"),
    *(
        "http://127.0.0.1:9/",
        "https://[::1",
        "http://" + "a" * 64 + ".example/",
        "-----BEGIN PUBLIC KEY-----",
    ),
]
OTHERS = [None, True, [], {}, [[]], [None], {"": None}, {"a": 2**63, "b": -1}, _DEEP, {"inputs": _DEEP}]

hostile_values = st.sampled_from([*NUMBERS, *TEXTS, *OTHERS])


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Paths to everything that could be changed: each value, however deep."""
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places(each, (*here, key))


def changed(value: Any, place: Place, put: Any) -> Any:
    """Copy with another value at one place."""
    if not place:
        return put
    made = copy.deepcopy(value)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = put
    return made
