"""`secrets` commands: secrets that all servers of a metastore share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, output_option
from model_sharing_protocol.console.output import announce, say
from model_sharing_protocol.console.results import show_list
from model_sharing_protocol.errors import AlreadyExists
from model_sharing_provider.cli.records import Record
from model_sharing_provider.cli.session import run
from model_sharing_provider.keys import server_secrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.services.administration.secrets import SecretInfo

_LISTED = ["kind", "id", "used_from_at"]


@click.group(epilog=example("model-sharing-provider secrets list"))
def secrets() -> None:
    """The peppers of tokens and the keys of URLs, which all servers share."""


@secrets.command("list", epilog=example("model-sharing-provider secrets list"))
@output_option
def list_secrets(output: str) -> None:
    """List the ids of the secrets and when each came into use."""
    found = run(lambda provider, context: provider.secrets.describe(context))
    show_list(_records(found), _LISTED, output)


@secrets.command(epilog=example("model-sharing-provider secrets rotate --used-in 2m"))
@click.option("--url-keys", is_flag=True, help="Only rotate the key that signs URLs of files.")
@click.option("--token-pepper", is_flag=True, help="Only rotate the pepper that tokens are hashed with.")
@click.option(
    "--used-in",
    type=Duration(),
    default="2m",
    show_default=True,
    help="Delay until the new ones are used; longer than any server takes to read the file.",
)
@click.option(
    "--forget-url-keys",
    is_flag=True,
    help="Invalidate all URLs given out so far, because a key leaked; recipients get new ones automatically.",
)
@output_option
def rotate(
    url_keys: bool, token_pepper: bool, used_in: timedelta, forget_url_keys: bool, output: str
) -> None:
    """Add a new URL key and a new pepper. No token stops working, and without --forget-url-keys no URL."""
    both = url_keys == token_pepper
    found = run(
        lambda provider, context: provider.secrets.rotate(
            context,
            url_key=url_keys or both,
            pepper=token_pepper or both,
            used_in=used_in,
            forget=forget_url_keys,
        )
    )
    show_list(_records(found), _LISTED, output)


@secrets.command(epilog=example("model-sharing-provider secrets create /etc/model-sharing"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def create(folder: Path) -> None:
    """Write secrets.json and signing-keys.json into FOLDER, for a new metastore and all its servers."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = folder / "secrets.json", folder / "signing-keys.json"
    for path in paths:
        if path.exists():
            raise AlreadyExists(f"{path} exists already and is not replaced.")
    server_secrets.create(paths[0])
    SigningKeys(paths[1])
    announce(
        "Back both up, and name them in MODEL_SHARING_PROVIDER_SECRETS_FILE and "
        "MODEL_SHARING_PROVIDER_SIGNING_KEYS_FILE:"
    )
    for path in paths:
        say(str(path))


def _records(found: Sequence[SecretInfo]) -> list[Record]:
    """Secrets as listed; those of the first start are in use from the beginning, at no point in time."""
    return [{"kind": each.kind, "id": each.id, "used_from_at": each.used_from or None} for each in found]
