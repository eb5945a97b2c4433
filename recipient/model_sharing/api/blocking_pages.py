"""Pages of a listing, for code that does not await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from model_sharing.api import background_loop

T = TypeVar("T")


def blocking_pages(open_pages: Callable[[], AsyncIterator[list[T]]]) -> Iterator[list[T]]:
    """Iterate over pages that `open_pages` begins to fetch on the background loop."""

    async def start() -> AsyncIterator[list[T]]:
        return open_pages()

    pages = background_loop.run(start)

    async def next_page() -> list[T] | None:
        return await anext(pages, None)

    while (page := background_loop.run(next_page)) is not None:
        yield page
