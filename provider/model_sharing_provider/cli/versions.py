"""`model register` and `model copy`: the commands that make versions."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.output import human_size, output_option, show_done
from model_sharing_provider.cli.records import version_record
from model_sharing_provider.cli.session import run


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.option("--alias", help="Point this alias at the new version.")
@click.option("--comment", default="", help="What this version is.")
@output_option
def register(folder: Path, name: str, alias: str | None, comment: str, output: str) -> None:
    """Register the MLflow model in FOLDER as the next version of a model."""
    full_name = FullName.parse(name)
    with _transfer_progress() as progress:
        task = progress.add_task("copying", total=None)
        version = run(
            lambda provider, context: provider.registration.register(
                context,
                folder,
                full_name,
                alias=alias,
                comment=comment,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        )
    pointed = f", alias {alias}" if alias else ""
    sentence = (
        f"Registered {version.full_name} version {version.version} "
        f"({human_size(version.size)} in {version.num_files} files{pointed})"
    )
    show_done(version_record(version), sentence, output)


@click.command()
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL")
@click.argument("number", metavar="VERSION", type=VERSION)
@click.argument("destination", metavar="CATALOG.SCHEMA.MODEL")
@output_option
def copy(name: str, number: int, destination: str, output: str) -> None:
    """Copy a version as the next version of another model, which is created if need be.

    Its description, run and tags come along; aliases do not.
    """
    source, target = FullName.parse(name), FullName.parse(destination)
    made = run(lambda provider, context: provider.copies.copy(context, source, number, target))
    sentence = f"Copied {source} version {number} to {made.full_name} version {made.version}"
    show_done(version_record(made), sentence, output)


def _transfer_progress() -> Progress:
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
