"""Invalid items of a listing: they are left out, which is reported by name, and hide nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from model_sharing.transport import bounds
from model_sharing_protocol.errors import SharingError, SharingWarning

_SHOWN = 80

S = TypeVar("S")
T = TypeVar("T")


class InvalidItemWarning(SharingWarning):
    """Invalid item in a provider's listing, such as a model with an impossible version number."""


Report = Callable[[Sequence[str]], None]


def issue_warnings(messages: Sequence[str]) -> None:
    """Issue an InvalidItemWarning for each message."""
    for message in messages:
        warnings.warn(message, InvalidItemWarning, stacklevel=4)


class InvalidItems:
    """Invalid items of one listing, to be left out; `what` says of where. `report` is told of them."""

    def __init__(self, what: str, report: Report = issue_warnings) -> None:
        self._what = what
        self._report = report
        self._named: list[str] = []
        self._count = 0

    def add(self, name: str, why: str) -> None:
        """Leave out the item called `name`."""
        self._count += 1
        if len(self._named) < bounds.WARNINGS:
            self._named.append(f"{self._what} lists {name}, which is left out: {why}")

    def report(self) -> None:
        """Report each, or the first few and the number of the others."""
        if more := self._count - len(self._named):
            self._named.append(f"{self._what} lists {more} more that are left out.")
        self._report(self._named)

    def keep_valid(self, found: list[S], make: Callable[[S], T], name: Callable[[S], str]) -> list[T]:
        """Convert each item as by `convert`, and report those that are left out."""
        made = self.convert(found, make, name)
        self.report()
        return made

    def convert(self, found: list[S], make: Callable[[S], T], name: Callable[[S], str]) -> list[T]:
        """Convert each item by `make`, but for those that it raises a SharingError for: they are left out."""
        made = []
        for each in found:
            try:
                made.append(make(each))
            except SharingError as error:
                self.add(name(each), error.message)
        return made


class _Named(msgspec.Struct):
    """Fields that tell an item from others, whatever else is wrong with it."""

    name: msgspec.Raw = msgspec.Raw()
    version: msgspec.Raw = msgspec.Raw()
    schema: msgspec.Raw = msgspec.Raw()


def describe_item(item: bytes) -> str:
    """Description of an invalid item, from its JSON text, on one line."""
    try:
        found = msgspec.json.decode(item, type=_Named)
    except msgspec.MsgspecError:
        return f"something like {item[:_SHOWN].decode(errors='replace')!a}"
    fields = [
        f"{field} {value[:_SHOWN].decode(errors='replace')!a}"
        for field in ("name", "version", "schema")
        if (value := bytes(getattr(found, field)).strip(b'"'))
    ]
    return "something with the " + ", ".join(fields) if fields else "something without a name"
