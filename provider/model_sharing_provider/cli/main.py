"""Root of the command line: the options of all commands, and exit codes of errors."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from model_sharing_protocol.console.command_line import run_command_line
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.lazy_group import LazyGroup
from model_sharing_protocol.console.shell_completion import completion_command

_HERE = "model_sharing_provider.cli"
_COMMANDS = {
    "serve": f"{_HERE}.serve:serve",
    "catalog": f"{_HERE}.catalogs:catalog",
    "schema": f"{_HERE}.schemas:schema",
    "metastore": f"{_HERE}.metastore:metastore",
    "model": f"{_HERE}.models:model",
    "lineage": f"{_HERE}.lineage:lineage",
    "share": f"{_HERE}.shares:share",
    "recipient": f"{_HERE}.recipients:recipient",
    "provider": f"{_HERE}.providers:provider",
    "principal": f"{_HERE}.principals:principal",
    "grant": f"{_HERE}.grants:grant",
    "key": f"{_HERE}.keys:key",
    "secrets": f"{_HERE}.secrets:secrets",
    "audit": f"{_HERE}.audit:audit",
    "fsck": f"{_HERE}.fsck:fsck",
    "gc": f"{_HERE}.gc:gc",
    "jobs": f"{_HERE}.jobs:jobs",
    "doctor": f"{_HERE}.doctor:doctor",
    "settings": f"{_HERE}.settings:settings",
}


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example(
        "model-sharing-provider serve",
        "model-sharing-provider model register ./iris prod.ml_team.iris_model --alias Champion",
        "model-sharing-provider share create acme_share",
    ),
)
@click.version_option(package_name="model-sharing")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file of settings; default: $MODEL_SHARING_PROVIDER_CONFIG. The environment takes precedence.",
)
def cli(config: Path | None) -> None:
    """Share ML models with other companies, clouds and regions.

    The home is $MODEL_SHARING_PROVIDER_HOME, or your platform's user data folder. `settings reference` lists
    all settings, `settings show` the values in effect.
    """


cli.add_command(completion_command(cli, "model-sharing-provider"))


def main() -> NoReturn:
    """Run a command. An error ends it with its exit code, for scripts, and one line, without a traceback."""
    run_command_line(cli, "model-sharing-provider")
