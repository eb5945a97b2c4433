"""`model-sharing list`, `show`, `download` and `verify`: shared models and their files."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from model_sharing.api import blocking
from model_sharing.catalogs.shared_models import SharedModel, SharedVersion
from model_sharing.cli.completion import complete_downloads, complete_models, complete_schemas
from model_sharing.cli.download_plans import show_plan
from model_sharing.cli.folder_downloads import download_folder, parse_folder_uri
from model_sharing.cli.options import fetch_options, file_options
from model_sharing.exports.destinations import check_destination
from model_sharing.mount_table import MountTable
from model_sharing.settings import Settings
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, human_size, print_json, say
from model_sharing_protocol.console.results import fields_of, show_list, show_one, show_pages
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.model_signature import describe_columns
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import MAX_PAGE_SIZE

_NEW_OBJECTS = 10_000
"""New objects after which a list looks for garbage: each page makes thousands, and leaves no cycles."""


@click.command(name="list", epilog=example("model-sharing list vendor.ml_team"))
@click.argument("where", required=False, shell_complete=complete_schemas)
@output_option
def list_models(where: str | None, output: str) -> None:
    """List what all mounts show, or a catalog, or a catalog.schema: models, tables, volumes, agent skills."""
    gc.set_threshold(_NEW_OBJECTS)
    places = _places(where)
    others, skills = [], []
    for catalog, schema in places:
        others += [{"kind": "table", **fields_of(table)} for table in catalog.list_tables(schema)]
        others += [{"kind": "volume", **fields_of(volume)} for volume in catalog.list_volumes(schema)]
        skills += [{"kind": "skill", **fields_of(skill)} for skill in catalog.list_skills(schema)]
    kind = ["kind"] if others or skills else []
    description = ["description"] if skills else []
    show_pages(
        itertools.chain(_model_pages(places), [others + skills]),
        ["full_name", *kind, "latest_version", "aliases", "updated_at", "comment", *description],
        output,
        empty="No models are shared here." if where else "Nothing is shared, or nothing is mounted.",
    )


@click.command(
    epilog=example(
        "model-sharing show models:/vendor.ml_team.iris_model@Champion",
        "model-sharing show vendor.ml_team.iris_model",
        "model-sharing show models:/vendor.ml_team.iris_model/1 --files",
    )
)
@click.argument("model", shell_complete=complete_models)
@click.option("--files", is_flag=True, help="List a version's files, and what loading it would need and do.")
@click.option("--card", is_flag=True, help="Show a version's model card, its README.md.")
@output_option
def show(model: str, *, files: bool, card: bool, output: str) -> None:
    """Show one version (models:/catalog.schema.model@alias or /3), or a bare model's versions and aliases.

    Of the files, only small ones are fetched that tell whether loading would run code; of the card, itself.
    """
    if files and card:
        raise InvalidParameter("Choose one of --files and --card.")
    if files or card:
        from model_sharing.cli import version_inspection  # noqa: PLC0415 - slow to import: it knows Markdown

        inspect = version_inspection.show_files if files else version_inspection.show_card_of
        inspect(model, output)
        return
    if "@" in model or "/" in model.removeprefix("models:/"):
        version = blocking.catalog_of(model).resolve(model)
        print_json(version) if output == "json" else _show_version(version)
        return
    name = FullName.parse(model.removeprefix("models:/"))
    catalog = blocking.catalog(name.catalog)
    shared, versions = catalog.get_model(str(name)), catalog.list_versions(str(name))
    if output == "json":
        print_json(shared, versions=versions)
    else:
        _show_model(shared, versions)


@click.command(
    epilog=example(
        "model-sharing download models:/vendor.ml_team.iris_model/1 iris",
        "model-sharing download volumes:/vendor.evaluation.prompts prompts",
        "model-sharing download skills:/vendor.agents.read-pdf read-pdf",
    )
)
@click.argument("uri", shell_complete=complete_downloads)
@click.argument("destination", type=click.Path(path_type=Path))
@fetch_options
@output_option
def download(
    uri: str,
    destination: Path,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    file: str | None,
    dry_run: bool,
    jobs: int | None,
    limit_rate: int | None,
    quiet: bool,
    verify: bool,
    trust_remote_code: bool,
    output: str,
) -> None:
    """Download the version URI, or some of its files, verified, into DESTINATION, a new or empty folder.

    Or a volume or agent skill, volumes:/catalog.schema.volume or skills:/catalog.schema.skill. Nobody signs
    their files: they have the size that the provider says, and none was replaced meanwhile.
    """
    if (folder := parse_folder_uri(uri)) is not None:
        download_folder(
            *folder,
            destination,
            include=include,
            exclude=exclude,
            file=file,
            dry_run=dry_run,
            jobs=jobs,
            limit_rate=limit_rate,
            quiet=quiet,
            verify=verify,
            trust_remote_code=trust_remote_code,
            output=output,
        )
        return
    catalog = blocking.catalog_of(uri).with_limits(jobs=jobs, limit_rate=limit_rate)
    trust = trust_remote_code or None
    if dry_run:
        check_destination(destination)
        plan = catalog.plan_download(
            uri, include=include, exclude=exclude, file=file, verify=verify, trust_remote_code=trust
        )
        show_plan(plan, output)
        return
    version = catalog.download(
        uri,
        destination,
        include=include,
        exclude=exclude,
        file=file,
        progress=False if quiet or output == "json" else None,
        verify=verify,
        trust_remote_code=trust,
    )
    if output == "json":
        print_json(version)
    else:
        parts = "" if version.files is None else f"files ({len(version.files)}) of "
        size = human_size(version.fetched + version.reused)
        say(f"Downloaded {parts}{version.full_name} version {version.version} ({size}) to {destination}")
        if version.reused:
            here, fetched = human_size(version.reused), human_size(version.fetched)
            say(f"{here} of it were in the cache; {fetched} were fetched.")


@click.command(epilog=example("model-sharing verify models:/vendor.ml_team.iris_model/1 iris"))
@click.argument("uri", shell_complete=complete_models)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--signature", type=click.Path(path_type=Path), help="File of the signature. Default: FOLDER.sig."
)
@file_options
def verify(
    uri: str,
    folder: Path,
    *,
    signature: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    file: str | None,
) -> None:
    """Check offline that FOLDER holds the version URI (models:/…/3) as it was signed.

    With --include, --exclude or --file, that it holds exactly these of its files.
    """
    catalog = blocking.catalog_of(uri)
    count = catalog.verify(uri, folder, signature, include=include, exclude=exclude, file=file)
    which = "holds the files asked for of" if include or exclude or file else "is"
    say(
        f"{folder} {which} {uri.removeprefix('models:/')}: its {count} files are as the provider signed them."
    )


def _model_pages(
    places: Iterable[tuple[blocking.Catalog, str | None]],
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Records of the models, as their pages arrive."""
    for catalog, schema in places:
        models = catalog.iter_models(schema)
        while page := list(itertools.islice(models, MAX_PAGE_SIZE)):
            yield [{"kind": "model", **fields_of(model)} for model in page]


def _places(where: str | None) -> list[tuple[blocking.Catalog, str | None]]:
    if where is None:
        mounts = MountTable(Settings.from_environment().mounts).all()
        return [(blocking.catalog(mount.name), None) for mount in mounts]
    parts = where.split(".")
    if len(parts) == 1:
        return [(blocking.catalog(where), None)]
    if len(parts) == 2:
        schema = SchemaName.parse(where)
        return [(blocking.catalog(schema.catalog), schema.schema)]
    raise InvalidParameter(
        f"{where!r} is not a catalog or catalog.schema. To look at one model: model-sharing show."
    )


def _show_version(version: SharedVersion) -> None:
    """Print a version for people, its signature as input and output columns."""
    record = fields_of(version)
    signature = record.pop("signature") or {}
    for kind in ("inputs", "outputs"):
        if columns := signature.get(kind):
            record[kind] = describe_columns(columns)
    show_one(record, "table")


def _show_model(model: SharedModel, versions: Sequence[SharedVersion]) -> None:
    show_one(fields_of(model), "table")
    announce("")
    show_list(
        [fields_of(version) for version in versions],
        ["version", "status", "aliases", "size", "created_at", "comment", "recalled"],
        "table",
        empty="It has no versions yet.",
    )
