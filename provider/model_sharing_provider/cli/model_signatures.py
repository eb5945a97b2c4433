"""`model signature`: the signature of a version that came from another provider."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce
from model_sharing_protocol.console.results import show_one
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.session import run


@click.command(epilog=example("model-sharing-provider model signature vendor.ml_team.iris_model 1"))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("version", type=VERSION)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the signature to this file, and the key beside it, for `model_signing verify key`.",
)
@output_option
def signature(name: str, version: int, save: Path | None, output: str) -> None:
    """Check the files of a version against the signature of the provider that it came from, and show that.

    It is kept when the version is copied, and when the catalog that it came by is gone.
    """
    full_name = FullName.parse(name)
    found = run(lambda provider, context: provider.origin_signatures.check(context, full_name, version))
    if save is not None:
        save.write_bytes(found.bundle.to_json())
        key_file = save.with_suffix(".pub")
        key_file.write_text(found.key.pem)
        announce(f"Wrote {save} and {key_file}")
    record = {
        "signed_as": str(found.signed_name),
        "key_fingerprint": found.key.fingerprint,
        "num_files": found.num_files,
        "verified": True,
    }
    if output == "json":
        record |= {"bundle": msgspec.to_builtins(found.bundle), "public_key": found.key.pem}
    show_one(record, output)
