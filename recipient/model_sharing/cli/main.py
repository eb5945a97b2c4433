"""The group of all commands of `model-sharing`, and how errors end it."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from model_sharing.cli.cache_commands import cache
from model_sharing.cli.doctor import doctor
from model_sharing.cli.model_commands import download, list_models, show, verify
from model_sharing.cli.mount_commands import activate, key, mount, mounts, shares, unmount
from model_sharing.cli.path_command import path
from model_sharing.cli.pull_command import pull
from model_sharing.cli.serve_cache_command import serve_cache
from model_sharing.cli.terms_command import terms
from model_sharing.cli.watch_command import watch
from model_sharing_protocol.console.command_line import run_command_line
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.shell_completion import completion_command
from model_sharing_protocol.errors import Interrupted

_COMMANDS = (
    activate,
    shares,
    mount,
    mounts,
    unmount,
    terms,
    key,
    list_models,
    show,
    path,
    download,
    verify,
    pull,
    watch,
    cache,
    serve_cache,
    doctor,
)


class _Group(click.Group):
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


for command in _COMMANDS:
    cli.add_command(command)
cli.add_command(completion_command(cli, "model-sharing"))


def main() -> NoReturn:
    """Run the command line. Every failure is one line on standard error and the error's own exit code."""
    run_command_line(cli, "model-sharing")
