"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from model_sharing.settings import JOBS_VARIABLE, LIMIT_RATE_VARIABLE, MAX_JOBS, parse_rate
from model_sharing_protocol.console.options import Size
from model_sharing_protocol.errors import InvalidParameter

F = TypeVar("F", bound=Callable[..., Any])


_TRANSFER = (
    click.option(
        "--jobs", type=click.IntRange(1, MAX_JOBS), envvar=JOBS_VARIABLE, help="Parallel connections."
    ),
    click.option(
        "--limit-rate",
        type=Size(parse_rate),
        envvar=LIMIT_RATE_VARIABLE,
        help="Limit in bytes per second, such as 20MiB.",
    ),
    click.option("--quiet", is_flag=True, help="Show no progress."),
)


_FILES = (
    click.option(
        "--include",
        metavar="PATTERN",
        multiple=True,
        help="Only such files: 'tokenizer.*', 'onnx/'. May be repeated.",
    ),
    click.option(
        "--exclude", metavar="PATTERN", multiple=True, help="Leave such files out. May be repeated."
    ),
    click.option("--file", metavar="PATTERN", help="One file: 'model*Q4_K_M.gguf'."),
)


_FETCH = (
    click.option("--dry-run", is_flag=True, help="Only print what would be fetched."),
    *_TRANSFER,
    click.option("--verify", is_flag=True, help="Also hash files that are in the cache already."),
    click.option(
        "--trust-remote-code",
        is_flag=True,
        help="Also take files that other tools may run unasked, such as .envrc.",
    ),
)


def fetch_options(command: F) -> F:
    """Options of commands that give a version's files: which files, `--dry-run`, how, and with what trust."""
    for option in reversed((*_FILES, *_FETCH)):
        command = option(command)
    return command


def file_options(command: F) -> F:
    """`--include`, `--exclude` and `--file`."""
    for option in reversed(_FILES):
        command = option(command)
    return command


def transfer_options(command: F) -> F:
    """`--jobs`, `--limit-rate` and `--quiet`."""
    for option in reversed(_TRANSFER):
        command = option(command)
    return command


def standard_input(most: int, what: str, *, line: bool = False) -> bytes:
    """Bytes from standard input, at most `most`; with `line`, only the line that is typed at a terminal."""
    if sys.stdin is None:
        raise InvalidParameter(f"Standard input is closed; give {what} itself in place of -.")
    given = sys.stdin.buffer
    return given.readline() if line and given.isatty() else given.read(most)
