"""The command line's root: what all commands share, and how errors end it."""

from __future__ import annotations

import importlib.metadata
import os
import sys

import click

from model_sharing_protocol.errors import Interrupted, SharingError
from model_sharing_provider.cli.audit import audit
from model_sharing_provider.cli.catalogs import catalog
from model_sharing_provider.cli.grants import grant
from model_sharing_provider.cli.keys import key
from model_sharing_provider.cli.lineage import lineage
from model_sharing_provider.cli.models import model
from model_sharing_provider.cli.principals import principal
from model_sharing_provider.cli.providers import provider
from model_sharing_provider.cli.recipients import recipient
from model_sharing_provider.cli.schemas import schema
from model_sharing_provider.cli.serve import serve
from model_sharing_provider.cli.shares import share


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("model-sharing"))
def cli() -> None:
    """Share ML models with other companies, clouds and regions.

    The home is $MODEL_SHARING_PROVIDER_HOME, or your platform's user data folder.
    """


COMMANDS = (serve, catalog, schema, model, lineage, share, recipient, provider, principal, grant, key, audit)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run a command. The exit code tells scripts what went wrong; people get one line, no traceback."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(Interrupted.row.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SharingError as error:
        _fail(error.message, error.row.exit_code)
    except Exception as error:
        if os.environ.get("MODEL_SHARING_LOG", "").lower() == "debug":
            raise
        _fail(f"{type(error).__name__}: {error} (set MODEL_SHARING_LOG=debug to see where)", 1)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)
