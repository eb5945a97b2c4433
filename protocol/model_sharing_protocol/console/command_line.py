"""Entry point of a command line: each failure is one line on standard error and its own exit code."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import os
import sys
import traceback
import warnings
from types import TracebackType
from typing import NoReturn

import click

from model_sharing_protocol.console.output import announce, complain, warn
from model_sharing_protocol.errors import Interrupted, SharingError, SharingWarning
from model_sharing_protocol.printable import printable_lines


def run_command_line(command: click.Command, program: str) -> NoReturn:
    """Run a command line with the arguments of the process, and exit.

    Raises ModuleNotFoundError: the caller may know what to install.
    """
    guard_terminal()
    # At its end the interpreter would look through all objects for cycles; the process frees their memory.
    atexit.register(gc.freeze)
    sys.exit(_run(command, program))


def guard_terminal() -> None:
    """Make Python's own output printable: warnings, log records, and uncaught errors.

    Characters missing from the output's encoding are shown as escapes: cp1252 has no arrow.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.simplefilter("always", SharingWarning)
    warnings.showwarning = _show_warning
    sys.excepthook = _show_traceback
    if logging.lastResort:
        logging.lastResort.setFormatter(_PrintableFormatter())


def _run(command: click.Command, program: str) -> int:
    try:
        ended = command.main(prog_name=program, standalone_mode=False)
    except BrokenPipeError:
        sys.stdout = None  # the reader has gone; print nothing at exit either
        return 0
    except ModuleNotFoundError:
        raise
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command: its help is the message
        _announce_lines(error.format_message())
        return error.exit_code
    except (Exception, click.Abort) as error:
        log_variable = f"{program.replace('-', '_').upper()}_LOG"
        if not _is_expected(error) and os.environ.get(log_variable, "").lower() == "debug":
            raise
        message, exit_code = _explain(error, log_variable)
        complain(message)
        return exit_code
    return ended if isinstance(ended, int) else 0  # the exit code of click's Exit


def _is_expected(error: Exception) -> bool:
    return isinstance(error, SharingError | click.ClickException | click.Abort)


def _explain(error: Exception, log_variable: str) -> tuple[str, int]:
    """Message and exit code of an error."""
    if isinstance(error, SharingError):
        return error.message, error.row.exit_code
    if isinstance(error, click.UsageError) and error.ctx:
        return f"{error.format_message()} See: {error.ctx.command_path} --help.", error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, click.Abort):
        return "Interrupted.", Interrupted.row.exit_code
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}.", 1
    return f"{type(error).__name__}: {error} (set {log_variable}=debug to see where)", 1


def _show_warning(message: Warning | str, *args: object, **kwargs: object) -> None:
    warn(str(message))


def _show_traceback(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    _announce_lines("".join(traceback.format_exception(kind, error, where)))


def _announce_lines(text: str) -> None:
    for line in printable_lines(text).splitlines():
        announce(line)


class _PrintableFormatter(logging.Formatter):
    """Formatter of log records that none of our handlers takes, such as those of libraries."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))
