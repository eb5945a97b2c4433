"""Formats of models, and what the headers of their files say about them.

The words of a summary are those of the Hugging Face Hub's model cards where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from model_sharing_protocol.errors import InvalidParameter


class ModelFormat(StrEnum):
    """Format of a version's files: which program wrote them, and so which one reads them."""

    MLFLOW = "mlflow"
    """A folder that `mlflow.<flavor>.save_model` wrote, with an MLmodel file."""
    HUGGINGFACE = "huggingface"
    """A folder that `save_pretrained` of transformers or sentence-transformers wrote."""
    ADAPTER = "adapter"
    """A folder that `save_pretrained` of peft wrote: LoRA and the like, for a base model."""
    DIFFUSERS = "diffusers"
    """A folder that `save_pretrained` of a diffusers pipeline wrote."""
    GGUF = "gguf"
    """Files of llama.cpp, whole or in shards."""
    ONNX = "onnx"
    """ONNX files, with their external data."""
    FILES = "files"
    """Any other files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Input or output of a model; MLflow's may have no name. A dimension is a number, or the name of one."""

    name: str = ""
    dtype: str = ""
    shape: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """Facts about a model from the headers of its files and from its model card; empty where not known.

    `parameters` counts the weights; `context_length` is in tokens; `library_version` is the one that wrote
    the files; `missing` names what users will look for in vain, such as `tokenizer`.
    """

    architecture: str = ""
    parameters: int | None = None
    dtype: str = ""
    quantization: str = ""
    context_length: int | None = None
    library: str = ""
    library_version: str = ""
    base_model: str = ""
    task: str = ""
    languages: tuple[str, ...] = ()
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    missing: tuple[str, ...] = ()


NOTHING_KNOWN = ModelSummary()


def known_of(summary: ModelSummary) -> dict[str, Any]:
    """Fields of a summary that are not empty, as JSON has them."""
    known = asdict(
        summary,
        dict_factory=lambda items: {key: value for key, value in items if value not in ("", None, ())},
    )
    return {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}


def parse_format(name: str) -> ModelFormat:
    """Format of this name. Raises InvalidParameter naming those that there are."""
    try:
        return ModelFormat(name.lower())
    except ValueError:
        raise InvalidParameter(
            f"{name!r} is not a format of models; write {', '.join(ModelFormat)}."
        ) from None


_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")
_SENTENCE_TRANSFORMERS = {"modules.json", "config_sentence_transformers.json"}


def formats_of(paths: Collection[str]) -> list[ModelFormat]:
    """Formats that a version with these files has, the likeliest first; not FILES, which each one has."""
    return [each for each, is_format in _FORMATS.items() if is_format(paths)]


def find_format(paths: Collection[str]) -> ModelFormat | None:
    """Format of a version, found by the names of its files alone; None if it is none of those known."""
    return next(iter(formats_of(paths)), None)


def _is_huggingface(paths: Collection[str]) -> bool:
    has_config = "config.json" in paths or all(name in paths for name in _SENTENCE_TRANSFORMERS)
    return has_config and any(path.endswith(_WEIGHTS) for path in paths)


# In order: pipelines of diffusers have models of transformers in folders, and these may have ONNX files too.
_FORMATS: dict[ModelFormat, Callable[[Collection[str]], bool]] = {
    ModelFormat.MLFLOW: lambda paths: "MLmodel" in paths,
    ModelFormat.DIFFUSERS: lambda paths: "model_index.json" in paths,
    ModelFormat.ADAPTER: lambda paths: "adapter_config.json" in paths,
    ModelFormat.HUGGINGFACE: _is_huggingface,
    ModelFormat.GGUF: lambda paths: any(path.endswith(".gguf") for path in paths),
    ModelFormat.ONNX: lambda paths: any(path.endswith(".onnx") for path in paths),
}
