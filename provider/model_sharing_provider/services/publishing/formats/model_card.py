"""Model cards: the metadata at the start of README.md, in the Hugging Face Hub's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.services.front_matter import MAX_FRONT_MATTER_BYTES, parse_front_matter
from model_sharing_provider.services.publishing.formats.json_fields import texts
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles

CARD = "README.md"
_OTHER = "other"
_NORWEGIAN = "no"  # which is false in YAML


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Metadata of a model card; empty where it says nothing, or nothing that can be understood."""

    license: str = ""
    languages: tuple[str, ...] = ()
    task: str = ""
    base_model: str = ""
    library: str = ""


def read_card(files: ModelFiles) -> ModelCard:
    """Read the card of a model. A card is text for people, so that nothing in it is an error."""
    if CARD not in files.sizes:
        return ModelCard()
    metadata = _metadata(files.read(CARD, 0, MAX_FRONT_MATTER_BYTES))
    license_ = _first(metadata.get("license"))
    return ModelCard(
        license=_first(metadata.get("license_name")) or license_ if license_ == _OTHER else license_,
        languages=_languages(metadata.get("language")),
        task=_first(metadata.get("pipeline_tag")),
        base_model=_first(metadata.get("base_model")),
        library=_first(metadata.get("library_name")),
    )


def _metadata(start: bytes) -> dict[str, Any]:
    try:
        return parse_front_matter(start)
    except InvalidParameter:
        return {}


def _languages(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return texts([_NORWEGIAN if each is False else each for each in values])


def _first(value: object) -> str:
    return next(iter(texts(value)), "")
