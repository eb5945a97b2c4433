"""Searches under way: MLflow asks for one page after the other, and each would list whole shares again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_SECONDS = 300
_MOST = 4


class Searches:
    """Results of the last few searches, kept for their next pages, which are of the same moment then."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], tuple[float, Sequence[Any]]] = {}
        self._lock = threading.Lock()

    def results(
        self,
        find: Callable[[], Sequence[Any]],
        filter_string: str | None,
        order_by: Sequence[str] | None,
        page_token: str | None,
    ) -> Sequence[Any]:
        """Results of a search: those of its first page, or what `find` finds, if this is the first page."""
        search = (filter_string, tuple(order_by or ()))
        with self._lock:
            kept = self._found.get(search) if page_token else None
        if kept is not None and time.monotonic() - kept[0] < _SECONDS:
            return kept[1]
        results = find()
        with self._lock:
            self._found.pop(search, None)
            self._found[search] = (time.monotonic(), results)
            if len(self._found) > _MOST:
                del self._found[next(iter(self._found))]
        return results
