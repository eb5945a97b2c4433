"""Logging of a process: JSON lines for machines, colours for people."""

from __future__ import annotations

import logging
import sys
import traceback
from functools import partial

from model_sharing_provider.telemetry.log import log


def set_up_logging(level: str, form: str = "auto") -> None:
    """Set up logging on standard error; standard output is for results alone.

    `form` is `json`, `console`, or `auto`: `console` on a terminal, else `json`.
    """
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    log.set_up_with(partial(_set_up_lines, level, for_people=for_people))
    logging.basicConfig(handlers=[LibraryLines()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable


def _set_up_lines(level: str, *, for_people: bool) -> None:
    from model_sharing_provider.serving.log_lines import set_up_lines  # noqa: PLC0415 - structlog: see `log`

    set_up_lines(level, for_people=for_people)


class LibraryLines(logging.Handler):
    """Handler that logs records of libraries with their place and type of error, without their text.

    Messages of aiohttp, asyncio and uvloop quote requests, including tokens and signatures.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        where = f"{record.module}:{record.lineno}"
        log.log(record.levelno, "library", library=record.name, where=where, **_described(error))


def _log_unraisable(raised: sys.UnraisableHookArgs) -> None:
    log.error("unraisable", **_described(raised.exc_value))


def _described(error: BaseException | None) -> dict[str, str]:
    """Type of an error and the line that raised it, without its message."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    raised_at = "".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return {"error": type(error).__name__, "raised_at": raised_at}
