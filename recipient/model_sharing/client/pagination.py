"""Pagination: listings page by page to their end, within bounds. An invalid item does not hide the others.

Pages are asked for by their size, and more at once is refused. A page that has too many bytes, as one of very
long comments, is asked for again with fewer items.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from model_sharing.client.invalid_items import InvalidItems, named
from model_sharing.transport import bounds
from model_sharing.transport.response_reader import TooLarge, count_values, parse, read_bounded
from model_sharing.transport.session import Transport
from model_sharing_protocol.errors import NotASharingServer, ServerUnreachable
from model_sharing_protocol.open_sharing import Items
from model_sharing_protocol.pages import MAX_PAGE_SIZE

_FEWER = 10
_LONGEST_NUMBER = 100

T = TypeVar("T")


async def fetch_all_pages(
    transport: Transport, path: str, read: Callable[[bytes], T], origin: str
) -> list[T]:
    """Fetch all items of the listing at `path`, each as `read` makes it of its JSON text.

    Those for which that raises NotASharingServer are left out with a warning. Raises what `Transport.call`
    raises, and NotASharingServer for a listing beyond the bounds.
    """
    listing = _PagedItems(path, read, origin)
    try:
        async with asyncio.timeout(bounds.LISTING_SECONDS):
            while listing.goes_on:
                listing.add(await _fetch_page(transport, listing))
    except TimeoutError as error:
        raise ServerUnreachable(
            f"{origin} took more than {bounds.LISTING_SECONDS:g} seconds for one listing. Try again later."
        ) from error
    listing.left_out.warn()
    return listing.items


class _PagedItems(Generic[T]):
    """Items of one listing as it grows. `asked` are the parameters of its next page."""

    def __init__(self, path: str, read: Callable[[bytes], T], origin: str) -> None:
        self.path = path
        self.origin = origin
        self.items: list[T] = []
        self.left_out = InvalidItems(origin)
        self.size = MAX_PAGE_SIZE
        self.goes_on = True
        self._read = read
        self._token = ""
        self._seen: set[str] = set()
        self._empty = self._listed = self._bytes = self._values = 0

    @property
    def asked(self) -> Mapping[str, str]:
        """Query parameters of the next page."""
        token = {"pageToken": self._token} if self._token else {}
        return {"maxResults": str(self.size)} | token

    def add(self, page: Items[msgspec.Raw]) -> None:
        """Add a page's items; NotASharingServer if this is more than a listing may have."""
        for item in map(bytes, page.items):
            self._take(item)
        self._empty = 0 if page.items else self._empty + 1
        self._listed += len(page.items)
        token = page.next_page_token or ""
        if (
            self._empty > bounds.EMPTY_PAGES
            or len(self._seen) >= bounds.PAGES
            or self._listed > bounds.ITEMS
            or token in self._seen
            or len(token) > bounds.TOKEN_LENGTH
        ):
            raise self._endless()
        self._seen.add(token)
        self._token, self.goes_on = token, bool(token)

    def _take(self, item: bytes) -> None:
        values = count_values(item)
        too_many = values > bounds.ITEM_VALUES
        self._bytes += len(item)
        self._values += 0 if too_many else values
        if self._bytes > bounds.LISTING_BYTES or self._values > bounds.VALUES:
            raise self._endless()
        if too_many:
            self.left_out.add(named(item), f"it has more than {bounds.ITEM_VALUES} values")
            return
        try:
            self.items.append(self._read(item))
        except NotASharingServer as error:
            self.left_out.add(named(item), str(error.__cause__ or error))

    def _endless(self) -> NotASharingServer:
        return NotASharingServer(
            f"{self.origin} sends a listing that does not end: {self._listed} items on {len(self._seen) + 1} "
            "pages, and more to come. It was not read on."
        )


class _Something(msgspec.Struct, gc=False):
    """JSON object of any kind, at next to no cost."""


async def _fetch_page(transport: Transport, listing: _PagedItems[Any]) -> Items[msgspec.Raw]:
    while True:
        try:
            body = await transport.call("GET", listing.path, read_bounded, params=listing.asked)
            break
        except TooLarge:
            if listing.size == 1:
                raise
            listing.size = max(1, listing.size // _FEWER)
    return _read_page(body, listing.size, listing.origin)


def _read_page(body: bytes, most: int, origin: str) -> Items[msgspec.Raw]:
    """Items of a page, each as its JSON text; NotASharingServer for more than `most`."""
    try:
        count = len(parse(body, Items[_Something], origin).items)
    except NotASharingServer:
        page = _read_leniently(body)
        if page is None:
            raise
        count = len(page.items)
    else:
        page = parse(body, Items[msgspec.Raw], origin) if count <= most else Items()
    if count > most:
        raise NotASharingServer(f"{origin} was asked for {most} items and sent {count}. They were not read.")
    return page


def _read_leniently(body: bytes) -> Items[msgspec.Raw] | None:
    """Items of a page that is not quite JSON, as half of a surrogate pair or NaN is not, in some item.

    Its own text is then as bad, so that this item is left out, and not all of them.
    """
    if count_values(body) > bounds.LENIENT_VALUES:
        return None
    try:
        found = json.loads(body, parse_int=_parse_int)
        items, token = found["items"], found.get("nextPageToken")
        if not isinstance(items, list) or not isinstance(token, str | None):
            return None
        return Items(tuple(msgspec.Raw(json.dumps(item).encode()) for item in items), token)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_NUMBER else float(digits)
