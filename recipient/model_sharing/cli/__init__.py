"""The command line of a recipient: `model-sharing`."""

from __future__ import annotations

import sys
import warnings
from typing import NoReturn

import click

from model_sharing.cli.cache_commands import cache
from model_sharing.cli.commands import cli
from model_sharing.cli.output import printable
from model_sharing.cli.pull_command import pull
from model_sharing.resolution import StaleAliasWarning
from model_sharing.trust import TrustWarning
from model_sharing.upkeep.pruning import CacheWarning
from model_sharing_protocol.errors import Interrupted, SharingError

__all__ = ["main"]

cli.add_command(pull)
cli.add_command(cache)


def main() -> NoReturn:
    """Run the command line. Every failure is one line on standard error and the error's own exit code."""
    for kind in (CacheWarning, StaleAliasWarning, TrustWarning):
        warnings.simplefilter("always", kind)
    warnings.showwarning = _show_warning
    sys.exit(_run())


def _run() -> int:
    try:
        exit_code: int | None = cli.main(prog_name="model-sharing", standalone_mode=False)
    except BrokenPipeError:
        sys.stdout = None  # nobody reads on; say nothing at exit either
    except (SharingError, click.ClickException, click.Abort, OSError) as error:
        message, exit_code = _explain(error)
        click.echo(f"error: {printable(message)}", err=True)
        return exit_code
    else:
        return exit_code or 0  # what a command ended itself with, by click's Exit
    return 0


def _explain(error: BaseException) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    if isinstance(error, SharingError):
        return error.message, error.row.exit_code
    if isinstance(error, click.UsageError) and error.ctx:
        return f"{error.format_message()} See: {error.ctx.command_path} --help.", error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'}: {error.strerror or error}.", 1
    return "Interrupted.", Interrupted.row.exit_code


def _show_warning(message: Warning | str, *args: object, **kwargs: object) -> None:
    click.echo(f"warning: {printable(str(message))}", err=True)
