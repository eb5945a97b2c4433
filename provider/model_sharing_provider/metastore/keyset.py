"""Keyset paging: a page costs the same however deep it lies, which an OFFSET does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.metastore.connection import Connection

T = TypeVar("T")


async def fetch_page(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[Any],
    page: PageRequest,
    read: Callable[[Row[Any]], T],
    *,
    key_of: Callable[[T], str],
) -> Page[T]:
    """The rows of `query` after `page.after` in the order of the unique column `key`."""
    if page.after is not None:
        query = query.where(key > page.after)
    rows = (await connection.execute(query.order_by(key).limit(page.size + 1))).all()
    return cut_page([read(row) for row in rows], page, key_of)


def cut_page(items: Sequence[T], page: PageRequest, key_of: Callable[[T], str]) -> Page[T]:
    """A page out of up to `page.size + 1` items: the extra one only tells that there is more."""
    if len(items) <= page.size:
        return Page(items)
    if page.size == 0:
        return Page(())
    kept = items[: page.size]
    return Page(kept, key_of(kept[-1]))
