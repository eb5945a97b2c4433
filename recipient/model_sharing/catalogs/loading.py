"""Loading of verified files as a model in memory, by MLflow, if the load policy allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_sharing.policy import check_has_mlmodel, check_inert
from model_sharing_protocol.errors import MissingDependency
from model_sharing_protocol.manifest import Manifest


def load_folder(folder: Path, manifest: Manifest, *, subject: str, trusted: bool) -> Any:
    """Load the pyfunc model in `folder`.

    Raises UntrustedCode if loading would run code and `trusted` is not set, InvalidModel if the folder is no
    MLflow model, MissingDependency if MLflow or a package that the model needs is not installed.
    """
    paths = frozenset(file.path for file in manifest.files)
    if not trusted:
        check_inert(folder, paths, subject)
    else:
        check_has_mlmodel(paths, subject)
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
