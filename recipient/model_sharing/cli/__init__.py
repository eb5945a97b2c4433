"""The command line of a recipient: `model-sharing`."""

from __future__ import annotations

from typing import NoReturn

from model_sharing.cli.cache_commands import cache
from model_sharing.cli.commands import cli
from model_sharing.cli.doctor import doctor
from model_sharing.cli.mount_commands import mount, mounts, shares, unmount
from model_sharing.cli.pull_command import pull
from model_sharing_protocol.console.command_line import run_command_line
from model_sharing_protocol.console.shell_completion import completion_command

__all__ = ["main"]

for command in (shares, mount, mounts, unmount, pull, cache, doctor):
    cli.add_command(command)
cli.add_command(completion_command(cli, "model-sharing"))


def main() -> NoReturn:
    """Run the command line. Every failure is one line on standard error and the error's own exit code."""
    run_command_line(cli, "model-sharing")
