"""Lines of the log, by structlog: JSON for machines, colours for people."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from model_sharing_protocol.printable import printable, printable_lines
from model_sharing_provider.telemetry.log import bound


def set_up_lines(level: str, *, for_people: bool) -> None:
    """Set up structlog for lines on standard error."""
    structlog.configure(
        processors=[
            with_bound_values,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            *(_for_people() if for_people else _FOR_MACHINES),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Looked up for each line: a process that runs commands may have replaced it.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def with_bound_values(_: Any, __: str, event: EventDict) -> EventDict:
    """Add what is bound to the task's lines; the line's own values take precedence."""
    return {**bound(), **event}


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
