"""Pagination: listings page by page to their end, within bounds. An invalid item does not hide the others.

Pages are asked for by their size, and more at once is refused. A page that has too many bytes, as one of very
long comments, is asked for again with fewer items.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from model_sharing.client.invalid_items import InvalidItems, Report, describe_item, issue_warnings
from model_sharing.transport import bounds
from model_sharing.transport.response_reader import TooLarge, count_values, parse, read_bounded
from model_sharing.transport.session import Transport
from model_sharing_protocol.errors import NotASharingServer, ServerUnreachable
from model_sharing_protocol.open_sharing import Items
from model_sharing_protocol.pages import MAX_PAGE_SIZE

_FEWER = 10
_LONGEST_NUMBER = 100

T = TypeVar("T")


async def iterate_pages(
    transport: Transport,
    path: str,
    read: Callable[[bytes], T],
    origin: str,
    report: Report = issue_warnings,
) -> AsyncIterator[list[T]]:
    """Iterate over the pages of the listing at `path`: their items, each as `read` makes it of its JSON text.

    The next page is fetched while the reader is at one. Items for which `read` raises NotASharingServer are
    left out, which `report` is told at the end. Raises what
    `Transport.call` raises, and NotASharingServer for a listing beyond the bounds.
    """
    pages = _Pages(path, read, InvalidItems(origin, report), origin)
    seconds = bounds.LISTING_SECONDS
    fetching = asyncio.create_task(_fetch_page(transport, pages))
    try:
        while pages.has_more:
            began = time.monotonic()
            try:
                async with asyncio.timeout(seconds):
                    page = await fetching
            except TimeoutError as error:
                raise ServerUnreachable(
                    f"{origin} took more than {bounds.LISTING_SECONDS:g} seconds for one listing. "
                    "Try again later."
                ) from error
            # What the reader of a page does until it asks for the next one is not the provider's time.
            seconds -= time.monotonic() - began
            pages.add(page)
            if pages.has_more:
                fetching = asyncio.create_task(_fetch_page(transport, pages))
                # Sent before this page is read, so that the provider works on it meanwhile.
                await asyncio.sleep(0)
            yield pages.read_items(page)
    finally:
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
    pages.invalid_items.report()


async def fetch_all_pages(
    transport: Transport,
    path: str,
    read: Callable[[bytes], T],
    origin: str,
    report: Report = issue_warnings,
) -> list[T]:
    """Fetch all items of the listing at `path`, as by `iterate_pages`."""
    return [item async for page in iterate_pages(transport, path, read, origin, report) for item in page]


class _Pages(Generic[T]):
    """Pages of one listing so far: how much they had, and how to ask for the next one."""

    def __init__(
        self, path: str, read: Callable[[bytes], T], invalid_items: InvalidItems, origin: str
    ) -> None:
        self.path = path
        self.origin = origin
        self.invalid_items = invalid_items
        self.size = MAX_PAGE_SIZE
        self.has_more = True
        self._read = read
        self._token = ""
        self._seen_tokens: set[str] = set()
        self._empty_in_a_row = self._item_count = self._bytes = self._values = 0

    @property
    def parameters(self) -> Mapping[str, str]:
        """Query parameters of the next page."""
        token = {"pageToken": self._token} if self._token else {}
        return {"maxResults": str(self.size)} | token

    def add(self, page: Items[msgspec.Raw]) -> None:
        """Count a page, and take its token; NotASharingServer if this is more than a listing may have."""
        self._empty_in_a_row = 0 if page.items else self._empty_in_a_row + 1
        self._item_count += len(page.items)
        token = page.next_page_token or ""
        if (
            self._empty_in_a_row > bounds.EMPTY_PAGES
            or len(self._seen_tokens) >= bounds.PAGES
            or self._item_count > bounds.ITEMS
            or token in self._seen_tokens
            or len(token) > bounds.TOKEN_LENGTH
        ):
            raise self._endless()
        self._seen_tokens.add(token)
        self._token, self.has_more = token, bool(token)

    def read_items(self, page: Items[msgspec.Raw]) -> list[T]:
        """Read a page's valid items; NotASharingServer if this is more than a listing may have."""
        items: list[T] = []
        for item in map(bytes, page.items):
            self._read_item(item, items)
        return items

    def _read_item(self, item: bytes, items: list[T]) -> None:
        values = count_values(item)
        too_many = values > bounds.ITEM_VALUES
        self._bytes += len(item)
        self._values += 0 if too_many else values
        if self._bytes > bounds.LISTING_BYTES or self._values > bounds.VALUES:
            raise self._endless()
        if too_many:
            self.invalid_items.add(describe_item(item), f"it has more than {bounds.ITEM_VALUES} values")
            return
        try:
            items.append(self._read(item))
        except NotASharingServer as error:
            self.invalid_items.add(describe_item(item), str(error.__cause__ or error))

    def _endless(self) -> NotASharingServer:
        return NotASharingServer(
            f"{self.origin} sends a listing that does not end: {self._item_count} items on "
            f"{len(self._seen_tokens) + 1} pages, and more to come. It was not read on."
        )


class _Something(msgspec.Struct, gc=False):
    """JSON object of any kind, at next to no cost."""


async def _fetch_page(transport: Transport, pages: _Pages[Any]) -> Items[msgspec.Raw]:
    while True:
        try:
            body = await transport.call("GET", pages.path, read_bounded, params=pages.parameters)
            break
        except TooLarge:
            if pages.size == 1:
                raise
            pages.size = max(1, pages.size // _FEWER)
    return _read_page(body, pages.size, pages.origin)


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
