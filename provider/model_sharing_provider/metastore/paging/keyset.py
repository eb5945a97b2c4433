"""Keyset pagination: a page costs the same at any position, unlike OFFSET.

A page ends at a number of rows or of characters, whichever comes first. Rows are measured before they are
read, so that neither memory nor responses grow with the texts in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Label, Row, Select, String, and_, func, literal, select

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import tags

T = TypeVar("T")
MAX_PAGE_CHARACTERS = 1024 * 1024
_NOTHING: ColumnElement[int] = literal(0)
_AFTER_ALL_CHARACTERS = "\U0010ffff"


async def fetch_page(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[Any],
    page: PageRequest,
    read: Callable[[Row[Any]], T],
    *,
    key_of: Callable[[T], str],
    parse_key: Callable[[str], Any] = str,
    besides: ColumnElement[int] = _NOTHING,
    descending: bool = False,
) -> Page[T]:
    """Fetch the rows of `query` after `page.after`, ordered by the unique column `key`.

    `besides` is the number of characters that are read for a row from other tables.
    """
    if page.after is not None:
        last = parse_key(page.after)
        query = query.where(key < last if descending else key > last)
    query = query.order_by(key.desc() if descending else key)
    weight = weight_of(query.selected_columns) + besides
    weighing = query.with_only_columns(key.label("key"), weight.label("weight"))
    weighed = (await connection.execute(weighing.limit(page.size + 1))).all()
    cut = cut_page(weighed, page, lambda row: str(row.key))
    cut = fit_page(cut, (row.weight for row in cut.items), lambda row: str(row.key))
    if not cut.items:
        return Page([])
    items = [read(row) for row in await connection.execute(query.limit(len(cut.items)))]
    return Page(items, key_of(items[-1]) if cut.last_key is not None and items else None)


def cut_page(items: Sequence[T], page: PageRequest, key_of: Callable[[T], str]) -> Page[T]:
    """Cut a page from up to `page.size + 1` items; the extra one only shows that there are more."""
    if len(items) <= page.size:
        return Page(items)
    if page.size == 0:
        return Page(())
    kept = items[: page.size]
    return Page(kept, key_of(kept[-1]))


def fit_page(page: Page[T], weights: Iterable[int], key_of: Callable[[T], str]) -> Page[T]:
    """Shorten a page to MAX_PAGE_CHARACTERS, but at least one item."""
    total = 0
    for number, weight in enumerate(weights):
        total += weight
        if number and total > MAX_PAGE_CHARACTERS:
            kept = page.items[:number]
            return Page(kept, key_of(kept[-1]))
    return page


def starts_with(name: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Condition that a name, which is in lower case, begins with a prefix; an index finds the range."""
    return begins_with(name, prefix.lower())


def begins_with(text: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Condition that a text, compared by its characters, begins with a prefix; an index finds the range."""
    return and_(text >= prefix, text < prefix + _AFTER_ALL_CHARACTERS)


def weight_of(columns: Iterable[ColumnElement[Any]]) -> ColumnElement[int]:
    """Number of characters in these columns of a row."""
    texts = [each.element if isinstance(each, Label) else each for each in columns]
    lengths = [func.coalesce(func.length(each), 0) for each in texts if isinstance(each.type, String)]
    return reduce(add, lengths, _NOTHING)


def weight_of_tags(securable_id: ColumnElement[str]) -> ColumnElement[int]:
    """Number of characters in the tags of a model or version."""
    total = func.sum(func.length(tags.c.key) + func.length(tags.c.value))
    query = select(func.coalesce(total, 0)).where(tags.c.securable_id == securable_id)
    return query.scalar_subquery()
