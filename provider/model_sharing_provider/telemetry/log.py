"""Log of the provider: what all layers write lines to, and what is bound to the lines of a request.

structlog imports Rich and Pygments, for tracebacks, which takes a fourteenth of a short command's time. It is
imported with the first line, and most commands write none; a server imports it before it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound", default=MappingProxyType({}))


class Log:
    """Log with structlog's methods: `log.warning("event", path=path)`. `serving.logs` sets up its lines."""

    def __init__(self) -> None:
        self._set_up: Callable[[], None] | None = None
        self._logger: Any = None

    def set_up_with(self, set_up: Callable[[], None]) -> None:
        """Call `set_up` before the next line, to set up structlog."""
        self._set_up, self._logger = set_up, None

    def open(self) -> Any:
        """Import and set up structlog, if that was not done yet, and return its logger."""
        if self._logger is None:
            import structlog  # noqa: PLC0415 - see above

            if self._set_up is not None:
                self._set_up()
            self._logger = structlog.get_logger()
        return self._logger

    def __getattr__(self, method: str) -> Any:
        return getattr(self.open(), method)


log = Log()


def bind(**values: str) -> None:
    """Bind values to all later lines of this task and of those that it starts, besides what is bound."""
    _bound.set({**_bound.get(), **values})


def unbind_all() -> None:
    """Unbind everything from later lines of this task."""
    _bound.set({})


def bound() -> Mapping[str, str]:
    """Values that are bound to lines of this task."""
    return _bound.get()
