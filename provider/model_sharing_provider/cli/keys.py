"""`key` commands: the keys that this provider signs models with."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say
from model_sharing_protocol.console.results import show_done, show_list
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.signing_keys import ListedKey
from model_sharing_provider.cli.confirmations import confirm, yes_option
from model_sharing_provider.cli.records import Record
from model_sharing_provider.cli.session import run


@click.group(epilog=example("model-sharing-provider key list"))
def key() -> None:
    """Signing keys: recipients pin one, and follow from it to the next."""


@key.command("list", epilog=example("model-sharing-provider key list --output json"))
@output_option
def list_keys(output: str) -> None:
    """List the public keys, oldest first; the last one signs now."""
    listed = run(lambda provider, context: provider.signing.list_keys(context))
    show_list([key_record(each) for each in listed], ["fingerprint", "created_at"], output)


@key.command(epilog=example("model-sharing-provider key rotate"))
@output_option
def rotate(output: str) -> None:
    """Sign with a new key from now on; the old key endorses it and stays listed."""
    record = key_record(run(lambda provider, context: provider.signing.rotate(context)))
    show_done(record, f"Signing with {record['fingerprint']} from now on", output)


@key.command(epilog=example("model-sharing-provider key retire sha256:0d5f…"))
@click.argument("fingerprint")
def retire(fingerprint: str) -> None:
    """Stop listing the key FINGERPRINT and older ones; recipients without a newer key must mount again."""
    retired = run(lambda provider, context: provider.signing.retire(context, fingerprint))
    for each in retired:
        say(f"Retired {key_record(each)['fingerprint']}")


@key.command("start-over", epilog=example("model-sharing-provider key start-over"))
@yes_option
@output_option
def start_over(yes: bool, output: str) -> None:
    """Replace signing keys that are lost and in no backup, by new ones or by those in place.

    Stop the servers first, and give all of them the same signing-keys.json before they start again.
    """
    if not yes:
        confirm("Recipients will have to unmount and mount again.")
    record = key_record(run(lambda provider, context: provider.signing.start_over(context), lost_keys=True))
    show_done(record, f"Signing with {record['fingerprint']}; recipients must mount again", output)


def key_record(listed: ListedKey) -> Record:
    return {
        "fingerprint": PublicKey.parse(listed.pem).fingerprint,
        "created_at": listed.created_at,
        "pem": listed.pem,
    }
