"""Set up what a process writes about itself: JSON lines for machines, colours for people."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from model_sharing_protocol.printable import printable, printable_lines

_log = structlog.get_logger("model_sharing_provider")


def set_up_logging(level: str, form: str = "auto") -> None:
    """Always on standard error; standard output stays free for results.

    `form` is `json`, `console`, or `auto`: for people on a terminal, and for machines elsewhere.
    """
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            *(_for_people() if for_people else _FOR_MACHINES),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Looked up at each line: whoever runs commands inside a process may have another one by then.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.basicConfig(handlers=[LibraryLines()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable


class LibraryLines(logging.Handler):
    """Writes what a library logs as a line of ours: where and what kind of error, but none of its words.

    Those of aiohttp, asyncio and uvloop quote what a stranger sent, tokens and signatures included.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        where = f"{record.module}:{record.lineno}"
        _log.log(record.levelno, "library", library=record.name, where=where, **_described(error))


def _log_unraisable(raised: sys.UnraisableHookArgs) -> None:
    _log.error("unraisable", **_described(raised.exc_value))


def _described(error: BaseException | None) -> dict[str, str]:
    """The kind of an error and the line that raised it; its message stays out."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    raised_at = "".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return {"error": type(error).__name__, "raised_at": raised_at}


def _printable_values(_: Any, __: str, event: EventDict) -> EventDict:
    """Make logged values printable, since they come from others too; only a traceback has lines."""
    shown = {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
    if "exception" in event:
        shown["exception"] = printable_lines(event["exception"])
    return shown


def _request_in_words(_: Any, __: str, event: EventDict) -> EventDict:
    """The line of a request as people read one; its ids only where somebody will look further."""
    if event.get("event") != "request":
        return event
    first = ("status", "method", "route", "milliseconds")
    status, method, route, milliseconds = (event.pop(name) for name in first)
    event["event"] = f"{status} {method} {route} {milliseconds} ms"
    if event.get("principal") == event.get("recipient"):
        event.pop("principal", None)
    if "error" not in event:
        event.pop("request_id", None)
        event.pop("trace_id", None)
    return event


def _for_people() -> tuple[Processor, ...]:
    """Short lines, in colours on a terminal unless NO_COLOR is set."""
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return (
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _request_in_words,
        _printable_values,
        structlog.dev.ConsoleRenderer(
            colors=colours,
            # It has been formatted, and made printable.
            exception_formatter=structlog.dev.plain_traceback,
        ),
    )


_FOR_MACHINES: tuple[Processor, ...] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(),  # escapes all but ASCII
)
