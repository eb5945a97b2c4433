"""Pipelines of diffusers: models in folders, and model_index.json, which names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import ModelSummary
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.huggingface import with_card
from model_sharing_provider.services.publishing.formats.json_fields import dominant, text
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, read_json
from model_sharing_provider.services.publishing.formats.safetensors_weights import SafetensorsWeights

INDEX = "model_index.json"
_WEIGHTS = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
)


def read_diffusers(files: ModelFiles) -> Reading:
    """Read a pipeline. Raises InvalidModel for an index that is not JSON, or names a missing folder."""
    index = read_json(files, INDEX)
    weights = SafetensorsWeights(files)
    parameters: Counter[str] = Counter()
    for component in _components(index):
        if not any(path.startswith(f"{component}/") for path in files.sizes):
            raise InvalidModel(f"{INDEX} names {component[:80]!r}, but there is no such folder.")
        parameters += weights.parameters(component, _WEIGHTS)
    card = read_card(files)
    summary = ModelSummary(
        architecture=text(index.get("_class_name")),
        parameters=parameters.total() or None,
        dtype=dominant(parameters),
        library="diffusers",
        library_version=text(index.get("_diffusers_version")),
    )
    return Reading(summary=with_card(summary, card), license=card.license)


def _components(index: Mapping[str, Any]) -> Iterator[str]:
    """Folders that a pipeline loads. One that is optional, and not there, has nulls for its class."""
    for name, place in index.items():
        if not name.startswith("_") and isinstance(place, list) and len(place) == 2 and all(place):
            yield name
