"""`model-sharing serve-cache`: the cache behind the Hugging Face Hub's API, until it is stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from model_sharing.cli.completion import complete_catalogs
from model_sharing.cli.options import transfer_options
from model_sharing.settings import Settings
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, print_json_line, say, warn
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.network.plain_http import is_loopback

_PORT = 8765


@click.command(
    epilog=example(
        "model-sharing serve-cache",
        "model-sharing serve-cache --mount vendor --host 0.0.0.0 --tokens-file tokens.txt",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0: any.")
@click.option(
    "--mount",
    "mounts",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_catalogs,
    help="Serve this mount; default: all, as they come and go.",
)
@click.option(
    "--tokens-file",
    type=click.Path(path_type=Path),
    help="File with tokens, one a line; clients need one of them.",
)
@transfer_options
@output_option
def serve_cache(
    *,
    host: str,
    port: int,
    mounts: tuple[str, ...],
    tokens_file: Path | None,
    jobs: int | None,
    limit_rate: int | None,
    quiet: bool,
    output: str,
) -> None:
    """Serve mounted models to clients of the Hugging Face Hub on this machine, verified, until stopped.

    Set HF_ENDPOINT to the URL that is printed; repositories are MOUNT.SCHEMA/MODEL. Other machines are served
    with --host, and only with --tokens-file: their HF_TOKEN is one of its lines.
    """
    # Only this command needs a server.
    from model_sharing.cache_server.application import make_app  # noqa: PLC0415
    from model_sharing.cache_server.guards import Tokens  # noqa: PLC0415
    from model_sharing.cache_server.mounted_catalogs import MountedCatalogs  # noqa: PLC0415
    from model_sharing.cache_server.server import serve  # noqa: PLC0415

    tokens = Tokens.read(tokens_file) if tokens_file is not None else None
    if not is_loopback(host):
        if tokens is None:
            raise InvalidParameter(
                f"{host!r} is reached by other machines, so clients need a token: write some into a file, "
                "and name it with --tokens-file."
            )
        warn(
            "tokens and models travel unencrypted, and anybody who reads a token on the way can use it: put "
            "a proxy with TLS in front"
        )
    catalogs = MountedCatalogs(
        Settings.from_environment().with_limits(jobs=jobs, limit_rate=limit_rate), mounts
    )

    def on_serving(url: str) -> None:
        names = [mount.name for mount in catalogs.mounts()]
        if output == "json":
            print_json_line({"endpoint": url, "mounts": names})
        else:
            say(f"export HF_ENDPOINT={url}")
        announce(f"Serving {', '.join(names) or 'no mounts yet'}; stop with Ctrl-C.")

    app = make_app(catalogs, _nothing if quiet else announce, tokens)
    asyncio.run(serve(app, host, port, on_serving))


def _nothing(line: str) -> None:
    """Report nothing."""
