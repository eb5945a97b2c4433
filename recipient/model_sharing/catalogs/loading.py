"""Loading of verified files as a model in memory, by MLflow or transformers, if the load policy allows it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from model_sharing.policy import check_inert
from model_sharing.policy.programs import TRANSFORMERS, program_for
from model_sharing_protocol.errors import InvalidModel, MissingDependency
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.model_formats import ModelFormat, find_format


def check_loadable(paths: Collection[str], *, subject: str, uri: str) -> ModelFormat:
    """Check that `load_folder` is for a version with these files; its format.

    Raises InvalidModel that names the program which reads it otherwise.
    """
    form = find_format(paths) or ModelFormat.FILES
    program = program_for(form, paths)
    if form is not ModelFormat.MLFLOW and program is not TRANSFORMERS:
        raise InvalidModel(
            f"{subject} has the format {str(form)!r}, which load_model does not load: it is for "
            f"{program.name}: {program.line_for(uri)}. It can be downloaded."
        )
    return form


def load_folder(folder: Path, manifest: Manifest, *, subject: str, uri: str, trusted: bool) -> Any:
    """Load the model in `folder`: an MLflow model as pyfunc, a folder of transformers as a pipeline.

    What it is, is found by the signed list of its files. Raises UntrustedCode if loading would run code and
    `trusted` is not set, MissingDependency if MLflow, transformers or a package that the model needs is not
    installed, and what `check_loadable` raises.
    """
    paths = frozenset(file.path for file in manifest.files)
    form = check_loadable(paths, subject=subject, uri=uri)
    if not trusted:
        check_inert(folder, paths, subject)
    if form is ModelFormat.MLFLOW:
        return _load_pyfunc(folder, subject)
    from model_sharing.catalogs.transformers_pipeline import load_pipeline  # noqa: PLC0415 - it reads YAML

    otherwise = f"For other programs: model-sharing path {uri}"
    return load_pipeline(folder, subject=subject, trusted=trusted, otherwise=otherwise)


def _load_pyfunc(folder: Path, subject: str) -> Any:
    try:
        import mlflow.pyfunc  # noqa: PLC0415  # importing it takes a second

        return mlflow.pyfunc.load_model(str(folder))
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing == "mlflow":
            raise MissingDependency(
                "Loading models needs MLflow, which is not installed: pip install 'model-sharing[mlflow]'."
            ) from error
        raise MissingDependency(
            f"{subject} needs the package {missing!r}, which is not installed. What the model was made "
            f"with is in {folder / 'requirements.txt'}."
        ) from error
