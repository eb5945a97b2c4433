"""Cache of hot reads, valid until any row changes.

Every transaction that changes rows, in any process, ends with a new value in `metastores.change_token`. One
read of that token tells whether cached values are still valid: every server sees a revocation at its next
call, and the audit log, which grows with each call, invalidates nothing.

Only values that depend on rows alone may be cached; callers decide what also depends on the time. Misses are
not cached: made-up tokens would evict what recipients need.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from cachetools import LRUCache

from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from model_sharing_provider.metastore.noted_reads import note_read

T = TypeVar("T")

_CACHED_CHARACTERS = 16 * 2**20
"""Limit of all cached values, as text; in memory they are a few times as large."""
SELECT_CHANGE_TOKEN = "SELECT change_token FROM metastores"  # noqa: S105 - no secret


class ReadCache:
    """Read cache of one process, on its event loop."""

    def __init__(self, sql: SqlExecutor) -> None:
        self._sql = sql
        self._cache: LRUCache[Hashable, tuple[str, Any]] = LRUCache(
            _CACHED_CHARACTERS, lambda cached: len(repr(cached))
        )
        self.newest_change_token = ""
        """Change token that was seen last; another process may have made changes since."""
        self._looking: asyncio.Task[str] | None = None
        self._next: asyncio.Task[str] | None = None

    async def get(self, key: Hashable, read: Callable[[SqlRows], T]) -> T:
        """Result of `read`, cached by `key` until any row changes."""
        cached = self._cache.get(key)
        if cached is not None and cached[0] == await self.change_token():
            note_read(cached[0])
            return cast(T, cached[1])

        def read_with_token(rows: SqlRows) -> tuple[str, T]:
            # In one transaction, so that the token belongs to the state that is read.
            return str(rows.execute(SELECT_CHANGE_TOKEN, {}).fetchone()["change_token"]), read(rows)

        fresh = await self._sql.run(read_with_token)
        self.newest_change_token = fresh[0]
        note_read(fresh[0])
        if fresh[1] is not None:
            with contextlib.suppress(ValueError):  # larger than the whole cache
                self._cache[key] = fresh
        return fresh[1]

    async def change_token(self) -> str:
        """Change token as of now or later: one round trip serves all callers that asked before it began."""
        if self._sql.reads_at_once:
            return await self._look_after(None)
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._looking))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: asyncio.Task[str] | None) -> str:
        if before is not None:
            await asyncio.wait([before])
        self._looking, self._next = self._next, None
        self.newest_change_token = str(await self._sql.read_one(SELECT_CHANGE_TOKEN))
        return self.newest_change_token
