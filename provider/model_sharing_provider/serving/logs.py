"""Logging of a process: JSON lines for machines, colours for people."""

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
    """Set up logging on standard error; standard output is for results alone.

    `form` is `json`, `console`, or `auto`: `console` on a terminal, else `json`.
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
        # Looked up for each line: a process that runs commands may have replaced it.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.basicConfig(handlers=[LibraryLines()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable


class LibraryLines(logging.Handler):
    """Handler that logs records of libraries with their place and type of error, without their text.

    Messages of aiohttp, asyncio and uvloop quote requests, including tokens and signatures.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        where = f"{record.module}:{record.lineno}"
        _log.log(record.levelno, "library", library=record.name, where=where, **_described(error))


def _log_unraisable(raised: sys.UnraisableHookArgs) -> None:
    _log.error("unraisable", **_described(raised.exc_value))


def _described(error: BaseException | None) -> dict[str, str]:
    """Type of an error and the line that raised it, without its message."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    raised_at = "".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return {"error": type(error).__name__, "raised_at": raised_at}


def _printable_values(_: Any, __: str, event: EventDict) -> EventDict:
    """Make logged values printable, since some come from others; only a traceback has several lines."""
    shown = {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
    if "exception" in event:
        shown["exception"] = printable_lines(event["exception"])
    return shown


def _request_in_words(_: Any, __: str, event: EventDict) -> EventDict:
    """Format a request's line for people, with ids only for failed ones."""
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
    """Processors for short lines, in colours on a terminal unless NO_COLOR is set."""
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return (
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _request_in_words,
        _printable_values,
        structlog.dev.ConsoleRenderer(
            colors=colours,
            # It is already formatted and printable.
            exception_formatter=structlog.dev.plain_traceback,
        ),
    )


_FOR_MACHINES: tuple[Processor, ...] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(),  # escapes all but ASCII
)
