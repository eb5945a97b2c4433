"""`model register` and `model copy`: the commands that create versions."""

from __future__ import annotations

from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.console.results import show_done
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(
    epilog=example(
        "model-sharing-provider model register ./iris prod.ml_team.iris_model --alias Champion",
        "model-sharing-provider model register ./tiny-llama-Q4_K_M.gguf prod.llm.tiny_llama",
        "model-sharing-provider model register --in-place s3://lake/models/iris/7 prod.ml_team.iris_model",
    )
)
@click.argument("folder", type=click.Path())
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.option(
    "--in-place",
    is_flag=True,
    help="FOLDER is a URL (file://, s3://, gs://, az://); leave its files there.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value for each in ModelFormat]),
    help="Format of the files; without it, it is found. 'files' is never found: it takes any files.",
)
@click.option("--alias", help="Point this alias at the new version.")
@click.option("--comment", default="", help="Description of this version.")
@click.option(
    "--delta-from",
    metavar="VERSION",
    type=VERSION,
    help="Also publish deltas of large files from this version.",
)
@click.option("--if-changed", is_flag=True, help="Register nothing if a version already has this content.")
@output_option
def register(
    *,
    folder: str,
    name: str,
    in_place: bool,
    format_name: str | None,
    alias: str | None,
    comment: str,
    delta_from: int | None,
    if_changed: bool,
    output: str,
) -> None:
    """Register the model in FOLDER, which may be a single file, as the next version of a model.

    Its format is found by looking at its files: MLflow, Hugging Face transformers and sentence-transformers,
    peft adapters, diffusers, GGUF, ONNX. Nothing in them is run.

    With --in-place the files stay where they are, below one of the locations in
    MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS; they are read once now, and on each download.

    After a full fine-tune every weight differs a little: with --delta-from, recipients that have the base
    version fetch a fraction of the bytes. Unchanged tensors are reused without it. A delta that is not
    clearly smaller than its file is not kept.

    With --if-changed, a version that has the same content already is kept, and --alias points at it.
    """
    full_name = FullName.parse(name)
    place = folder if in_place else Path(folder)
    model_format = ModelFormat(format_name) if format_name else None
    from model_sharing_protocol.console.progress_bar import ProgressBar  # noqa: PLC0415 - slow to import: rich

    with ProgressBar() as bar:

        async def add(
            provider: ProviderServices, context: Context
        ) -> tuple[ModelVersion, ModelVersion | None]:
            registration = provider.registration
            if if_changed:
                same = await registration.find_unchanged(
                    context, place, full_name, model_format=model_format, progress=bar.show
                )
                if same is not None:
                    return await _point(provider, context, same, alias), same
            put = registration.register_in_place if isinstance(place, str) else registration.register
            version = await put(
                context,
                place,  # type: ignore[arg-type]  # the type matches the function chosen
                full_name,
                model_format=model_format,
                alias=alias,
                comment=comment,
                delta_from=delta_from,
                progress=bar.show,
            )
            return version, await registration.find_same(context, version)

        version, same = run(add)
    record = {**to_record(version), "same_content_as": same.version if same else None}
    show_done(record, _registered(version, same, alias), output)


async def _point(
    provider: ProviderServices, context: Context, version: ModelVersion, alias: str | None
) -> ModelVersion:
    """Point the alias, if one is given, at an existing version."""
    if alias is None:
        return version
    await provider.models.set_alias(context, version.full_name, alias, version.version)
    return await provider.versions.get(context, version.full_name, version.version)


def _registered(version: ModelVersion, same: ModelVersion | None, alias: str | None) -> str:
    """Sentence about the result; `same` is the version itself if nothing was registered."""
    if same is not None and same.version == version.version:
        pointed = f"; alias {alias} points at it" if alias else ""
        return f"{version.full_name} version {version.version} already has this content{pointed}"
    pointed = f", alias {alias}" if alias else ""
    kind = "" if version.format is ModelFormat.MLFLOW else f"{version.format}, "
    registered = (
        f"Registered {version.full_name} version {version.version} "
        f"({kind}{human_size(version.size)} in {version.num_files} files{pointed})"
    )
    return f"{registered}; same content as version {same.version}" if same else registered


@click.command(
    epilog=example("model-sharing-provider model copy prod.ml_team.iris_model 1 prod.ml_team.promoted_model")
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("number", metavar="VERSION", type=VERSION)
@click.argument("destination", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@output_option
def copy(name: str, number: int, destination: str, output: str) -> None:
    """Copy a version as the next version of another model, which is created if it does not exist.

    Its description, run and tags are copied; aliases are not.
    """
    source, target = FullName.parse(name), FullName.parse(destination)
    made = run(lambda provider, context: provider.copies.copy(context, source, number, target))
    sentence = f"Copied {source} version {number} to {made.full_name} version {made.version}"
    show_done(to_record(made), sentence, output)
