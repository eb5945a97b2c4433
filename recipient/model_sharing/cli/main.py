"""The group of all commands of `model-sharing`, and how errors end it."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from model_sharing_protocol.console.command_line import run_command_line
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.lazy_group import LazyGroup
from model_sharing_protocol.console.shell_completion import completion_command
from model_sharing_protocol.errors import Interrupted

_HERE = "model_sharing.cli"
_COMMANDS = {
    "activate": f"{_HERE}.mount_commands:activate",
    "shares": f"{_HERE}.mount_commands:shares",
    "mount": f"{_HERE}.mount_commands:mount",
    "mounts": f"{_HERE}.mount_commands:mounts",
    "unmount": f"{_HERE}.mount_commands:unmount",
    "terms": f"{_HERE}.terms_command:terms",
    "key": f"{_HERE}.mount_commands:key",
    "list": f"{_HERE}.model_commands:list_models",
    "show": f"{_HERE}.model_commands:show",
    "path": f"{_HERE}.path_command:path",
    "download": f"{_HERE}.model_commands:download",
    "verify": f"{_HERE}.model_commands:verify",
    "pull": f"{_HERE}.pull_command:pull",
    "watch": f"{_HERE}.watch_command:watch",
    "cache": f"{_HERE}.cache_commands:cache",
    "serve-cache": f"{_HERE}.serve_cache_command:serve_cache",
    "doctor": f"{_HERE}.doctor:doctor",
}


class _Group(LazyGroup):
    """Group that reports Ctrl-C as an error like any other; click itself would print an empty line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "Interrupted. What had arrived is kept; run the same command again to continue."
            ) from error


@click.group(
    cls=_Group,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example(
        "model-sharing activate https://models.acme.example/explorer/activate/… globex.share",
        "model-sharing mount globex.share --as vendor",
        "model-sharing download models:/vendor.ml_team.iris_model@Champion iris",
    ),
)
@click.version_option(package_name="model-sharing")
def cli() -> None:
    """Use models that others share with you: mount a share, list it, download from it."""


cli.add_command(completion_command(cli, "model-sharing"))


def main() -> NoReturn:
    """Run the command line. Every failure is one line on standard error and the error's own exit code."""
    run_command_line(cli, "model-sharing")
