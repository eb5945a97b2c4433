"""What hot reads found, kept for as long as nobody has changed anything.

Every transaction that changes rows leaves a new name in `metastores.last_change`, whatever process runs it.
So one look at that name tells whether what was read before still holds: a revocation is seen by the next call
of every server, and the audit log, which grows with each call, disturbs nothing.

Only what depends on nothing but rows may be kept: what depends on the time, too, is decided by who asked.
That there is nothing is not kept: strangers with made-up tokens would push out what recipients need.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast
from uuid import uuid4

from cachetools import LRUCache
from sqlalchemy import Update, update

from model_sharing_provider.metastore.engine.backend import SqlRows
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from model_sharing_provider.metastore.tables import metastores

T = TypeVar("T")

_KEPT_CHARACTERS = 16 * 2**20
"""Of all that is kept, written out; in memory it is a few times as much."""
_LAST_CHANGE = "SELECT last_change FROM metastores"


def bump_change_counter() -> Update:
    """The last statement of every transaction that changes rows."""
    return update(metastores).values(last_change=uuid4().hex)


class ReadCache:
    """Of one process, on its event loop."""

    def __init__(self, sql: SqlExecutor) -> None:
        self._sql = sql
        self._kept: LRUCache[Hashable, tuple[str, Any]] = LRUCache(
            _KEPT_CHARACTERS, lambda kept: len(repr(kept))
        )
        self._looking: asyncio.Task[str] | None = None
        self._next: asyncio.Task[str] | None = None

    async def get(self, key: Hashable, read: Callable[[SqlRows], T]) -> T:
        """What `read` gives, or gave for the same `key` when nothing had changed since."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] == await self._last_change():
            return cast(T, kept[1])

        def read_with_name(rows: SqlRows) -> tuple[str, T]:
            # In one transaction: the name is that of the state that is read.
            return str(rows.execute(_LAST_CHANGE, {}).fetchone()["last_change"]), read(rows)

        fresh = await self._sql.run(read_with_name)
        if fresh[1] is not None:
            with contextlib.suppress(ValueError):  # larger than all that may be kept
                self._kept[key] = fresh
        return fresh[1]

    async def _last_change(self) -> str:
        """As of now, or later: where a look is a round trip, one serves all who asked before it began."""
        if self._sql.reads_at_once:
            return await self._look_after(None)
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._looking))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: asyncio.Task[str] | None) -> str:
        if before is not None:
            await asyncio.wait([before])
        self._looking, self._next = self._next, None
        return str(await self._sql.look(_LAST_CHANGE))
