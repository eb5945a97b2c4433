"""What a provider lists and is none: it is left out, with a warning that names it, and hides nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import msgspec

from model_sharing.transport import bounds
from model_sharing_protocol.errors import SharingError, SharingWarning

_SHOWN = 80

S = TypeVar("S")
T = TypeVar("T")


class LeftOutWarning(SharingWarning):
    """A provider listed something that is none, such as a model with an impossible version number."""


class InvalidItems:
    """The items of one listing that are left out; `what` says of where."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._named: list[str] = []
        self._count = 0

    def add(self, name: str, why: str) -> None:
        self._count += 1
        if len(self._named) < bounds.WARNINGS:
            self._named.append(f"{self._what} lists {name}, which is left out: {why}")

    def warn(self) -> None:
        """A LeftOutWarning for each, or for the first few and the number of the others."""
        if more := self._count - len(self._named):
            self._named.append(f"{self._what} lists {more} more that are left out.")
        for message in self._named:
            warnings.warn(message, LeftOutWarning, stacklevel=3)

    def keep_valid(self, found: list[S], make: Callable[[S], T], name: Callable[[S], str]) -> list[T]:
        """What `make` makes of each; those for which it raises a SharingError are left out, and warned of."""
        made = []
        for each in found:
            try:
                made.append(make(each))
            except SharingError as error:
                self.add(name(each), error.message)
        self.warn()
        return made


class _Named(msgspec.Struct):
    """What may tell an item from others, whatever else is wrong with it."""

    name: msgspec.Raw = msgspec.Raw()
    version: msgspec.Raw = msgspec.Raw()
    schema: msgspec.Raw = msgspec.Raw()


def named(item: bytes) -> str:
    """What to call the JSON text of an item that is left out, on one line."""
    try:
        found = msgspec.json.decode(item, type=_Named)
    except msgspec.MsgspecError:
        return f"something like {item[:_SHOWN].decode(errors='replace')!a}"
    said = [
        f"{field} {value[:_SHOWN].decode(errors='replace')!a}"
        for field in ("name", "version", "schema")
        if (value := bytes(getattr(found, field)).strip(b'"'))
    ]
    return "something with the " + ", ".join(said) if said else "something without a name"
