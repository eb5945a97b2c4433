"""Pipelines of transformers over verified files; nothing is asked of the Hugging Face Hub."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_sharing.catalogs.pipeline_task import find_task
from model_sharing_protocol.errors import InvalidModel, MissingDependency

_offline = threading.Lock()


def load_pipeline(folder: Path, *, subject: str, trusted: bool, otherwise: str) -> Any:
    """Load the model in `folder` as a pipeline of its task.

    Code of the model runs only if `trusted`. Raises MissingDependency, with the words `otherwise`, if
    transformers or a package that it needs for this model is not installed; InvalidModel if the task is not
    known, or if transformers cannot read the files.
    """
    task = find_task(folder)
    if not task:
        raise InvalidModel(
            f"{subject} does not say what it is for: its README.md has no pipeline_tag, and its config.json "
            f"no architecture with a task. {otherwise}"
        )
    try:
        import huggingface_hub.constants  # noqa: PLC0415  # importing them takes seconds
        import torch  # noqa: F401, PLC0415  # without it transformers says so only when a model is used
        import transformers  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"Loading {subject} needs {error.name}, which is not installed: "
            f"pip install 'model-sharing[transformers]'. {otherwise}"
        ) from error
    try:
        with _hub_offline(huggingface_hub.constants):
            return transformers.pipeline(
                task,
                model=str(folder),
                trust_remote_code=trusted,
                model_kwargs={} if trusted else {"use_safetensors": True},
            )
    except ImportError as error:
        raise MissingDependency(
            f"transformers needs another package for {subject}: {_first_line(error)} {otherwise}"
        ) from error
    except Exception as error:  # whatever the files make it raise
        raise InvalidModel(
            f"transformers {transformers.__version__} cannot load {subject} for the task {task!r}: "
            f"{_first_line(error)} {otherwise}"
        ) from error


@contextmanager
def _hub_offline(constants: Any) -> Iterator[None]:
    """Keep the client of the Hugging Face Hub from the network, as HF_HUB_OFFLINE=1 does.

    It reads the variable when it is imported. One load at a time, so that each finds the switch as it was.
    """
    with _offline:
        before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def _first_line(error: Exception) -> str:
    lines = str(error.args[0] if error.args else error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".:") + "."
