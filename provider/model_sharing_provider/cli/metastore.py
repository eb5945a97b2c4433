"""`metastore` commands: back up, restore, migrate, and move the rows to another database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.results import show_done
from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_provider.bootstrap.startup import create_home
from model_sharing_provider.cli.session import configured, run
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.database import check_database, open_database
from model_sharing_provider.services.administration.backups import put_back
from model_sharing_provider.serving.logs import set_up_logging

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(epilog=example("model-sharing-provider metastore backup /backups/today"))
def metastore() -> None:
    """The metastore's database: back up, restore, migrate, compact and move it."""


@metastore.command(epilog=example("model-sharing-provider metastore backup /backups/today"))
@click.argument("folder", type=_FOLDER)
@output_option
def backup(folder: Path, output: str) -> None:
    """Write rows, secrets and keys to the new FOLDER; servers may keep running.

    Then copy the artifacts, which never change, with your usual tools for folders or buckets. Anybody with
    the backup can sign as this provider: protect it like the home.
    """
    written = run(lambda provider, context: provider.backups.create(context, folder.absolute()))
    artifacts = configured().artifact_root_url
    show_done(
        {"path": str(written), "artifacts": artifacts},
        f"Wrote {written}; now copy the artifacts, {artifacts}",
        output,
    )


@metastore.command(epilog=example("model-sharing-provider metastore restore /backups/today"))
@click.argument("folder", type=_FOLDER)
@output_option
def restore(folder: Path, output: str) -> None:
    """Restore the backup in FOLDER into an empty home, and let recipients continue.

    Restore the artifacts first, and check with `fsck` that they are complete.
    """
    settings = configured()
    if settings.postgresql_url:
        raise UnsupportedOperation(
            "The rows belong in PostgreSQL: restore them with its own tools, copy the secrets and "
            "keys back, and then run `metastore restored`."
        )
    put_back(folder, settings.database_path, _beside_the_rows(settings))
    shares = run(lambda provider, context: provider.backups.announce(context))
    show_done(
        {"home": str(settings.home), "num_shares": shares},
        f"Restored {settings.home} with {shares} shares; check with `fsck` that all artifacts are there",
        output,
    )


@metastore.command(epilog=example("model-sharing-provider metastore restored"))
@output_option
def restored(output: str) -> None:
    """Let recipients continue after rows were restored by other means than `restore`.

    Until then recipients refuse responses older than those that they have seen.
    """
    shares = run(lambda provider, context: provider.backups.announce(context))
    show_done({"num_shares": shares}, f"All {shares} shares are marked as changed", output)


@metastore.command(epilog=example("model-sharing-provider metastore compact"))
@output_option
def compact(output: str) -> None:
    """Release the disk space of deleted rows, such as after `audit prune`; servers may keep running.

    PostgreSQL keeps the space for rows to come.
    """
    run(lambda provider, context: provider.backups.compact(context))
    show_done({"database": configured().database_shown}, "Compacted the database", output)


@metastore.command(epilog=example("model-sharing-provider metastore migrate --check"))
@click.option("--check", is_flag=True, help="Change nothing; exit with code 29 if a migration is due.")
@output_option
def migrate(check: bool, output: str) -> None:
    """Migrate the tables to this release, as its first server does.

    Servers of the previous release are no longer `/ready` from then on.
    """
    settings = configured()
    set_up_logging(settings.log_level, settings.log_format)
    revision = asyncio.run(_migrated(settings, check))
    show_done({"revision": revision}, f"The tables are those of this release, revision {revision}", output)


async def _migrated(settings: Settings, check: bool) -> str:
    if not check:
        create_home(settings)
        await (await open_database(settings.database_url)).close()
    return await check_database(settings.database_url)


@metastore.command(
    "copy",
    epilog=example("model-sharing-provider metastore copy --to postgresql://models@db.example.com/models"),
)
@click.option(
    "--to",
    "url",
    required=True,
    envvar=["MODEL_SHARING_PROVIDER_COPY_TO", "MODEL_SHARING_COPY_TO"],
    help="postgresql://user:password@host:port/database, empty; or $MODEL_SHARING_PROVIDER_COPY_TO.",
)
@output_option
def copy_rows(url: str, output: str) -> None:
    """Copy all rows to another database, such as from SQLite to PostgreSQL.

    Stop the servers first: what they write afterwards is not copied. Then set
    MODEL_SHARING_PROVIDER_DATABASE_URL and start them again; home, artifacts, tokens and keys stay as they
    are.
    """
    copied = run(lambda provider, context: provider.backups.copy_to(context, url))
    rows = sum(copied.values())
    show_done(copied, f"Copied {rows} rows; set MODEL_SHARING_PROVIDER_DATABASE_URL and start again", output)


def _beside_the_rows(settings: Settings) -> tuple[Path, ...]:
    return settings.secrets_path, settings.signing_keys_path
