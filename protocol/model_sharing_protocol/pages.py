"""Paging: opaque tokens, each valid for one list only (OpenSharing, "pagination").

A token holds the last key of the previous page (keyset pagination: a page costs the same at any depth) and a
mark of its list, so that a token replayed elsewhere is refused instead of misread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from model_sharing_protocol.errors import InvalidParameter

MAX_PAGE_SIZE = 500
_MAX_INT32 = 2**31 - 1
_MARK_BYTES = 6

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Page to read: number of items (at most 500), and the key it starts after (None: from the start)."""

    size: int = MAX_PAGE_SIZE
    after: str | None = None

    @classmethod
    def parse(cls, listing: str, max_results: str | None, token: str | None) -> PageRequest:
        """Parse the query parameters `maxResults` and `pageToken` of the list named `listing`."""
        size = MAX_PAGE_SIZE
        if max_results is not None:
            digits = max_results.isascii() and max_results.isdigit() and len(max_results) <= 10
            if not digits or int(max_results) > _MAX_INT32:
                raise InvalidParameter(
                    f"maxResults is {max_results!r}; it must be a whole number from 0 to {_MAX_INT32}."
                )
            size = min(int(max_results), MAX_PAGE_SIZE)
        return cls(size, _decode(listing, token) if token else None)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Page of a list: its items, and the key that the next page starts after (None at the end)."""

    items: Sequence[T]
    last_key: str | None = None

    def token(self, listing: str) -> str | None:
        """Token to send as `nextPageToken` for the list named `listing`."""
        if self.last_key is None:
            return None
        return base64.urlsafe_b64encode(_mark(listing) + self.last_key.encode()).decode().rstrip("=")


def page_of(items: Iterable[T], page: PageRequest, key_of: Callable[[T], str]) -> Page[T]:
    """Page of a short list that is entirely in memory."""
    rest = sorted((item for item in items if page.after is None or key_of(item) > page.after), key=key_of)
    kept = rest[: page.size]
    return Page(kept, key_of(kept[-1]) if kept and len(rest) > len(kept) else None)


def _mark(listing: str) -> bytes:
    return hashlib.sha256(listing.encode()).digest()[:_MARK_BYTES]


def _decode(listing: str, token: str) -> str:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if raw[:_MARK_BYTES] == _mark(listing):
            return raw[_MARK_BYTES:].decode()
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidParameter("The pageToken was not issued by this list; start again without it.")
