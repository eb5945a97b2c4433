"""Description of a model as the Hub gives it: tags, library and task from a version's format and summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from model_sharing_protocol.hugging_face.files import CommitFiles
from model_sharing_protocol.hugging_face.messages import ModelInfo, SafetensorsInfo, hub_time
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelFormat, ModelSummary

_LIBRARIES = {
    ModelFormat.MLFLOW: "mlflow",
    ModelFormat.HUGGINGFACE: "transformers",
    ModelFormat.ADAPTER: "peft",
    ModelFormat.DIFFUSERS: "diffusers",
    ModelFormat.GGUF: "gguf",
    ModelFormat.ONNX: "onnx",
}
"""Libraries of formats whose files do not name the one that wrote them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Facts about a model, from the version that is described. Times are epoch ms, sizes bytes.

    With `gated`, its terms have to be accepted before its files can be had.
    """

    namespace: str
    name: str
    created_at: int
    updated_at: int
    size: int = 0
    format: ModelFormat | None = None
    license: str = ""
    summary: ModelSummary = NOTHING_KNOWN
    tags: Collection[str] = ()
    gated: bool = False

    @property
    def repository(self) -> str:
        return f"{self.namespace}/{self.name}"


def model_info(facts: ModelFacts, files: CommitFiles | None = None, *, blobs: bool = False) -> ModelInfo:
    """Description of a model in a listing or, with the `files` of a commit, of that."""
    info = ModelInfo(
        id=facts.repository,
        model_id=facts.repository,
        author=facts.namespace,
        gated="manual" if facts.gated else False,
        tags=_tags(facts),
        library_name=_library(facts) or UNSET,
        pipeline_tag=facts.summary.task or UNSET,
        created_at=hub_time(facts.created_at),
        last_modified=hub_time(facts.updated_at),
    )
    if files is None:
        return info
    return replace(
        info,
        sha=files.commit,
        siblings=files.siblings(blobs=blobs),
        used_storage=facts.size,
        card_data=_card_data(facts),
        config={"architectures": [facts.summary.architecture]} if facts.summary.architecture else UNSET,
        safetensors=_safetensors(facts),
        gguf=_gguf(facts),
    )


def tag_words(tags: Mapping[str, str]) -> list[str]:
    """Tags of a model or version as the Hub has them: one word each, `stage:test` or just `stage`."""
    return [f"{key}:{value}" if value else key for key, value in sorted(tags.items())]


def matches(info: ModelInfo, *, search: str = "", filters: Collection[str] = (), task: str = "") -> bool:
    """True if a model is found by a part of its name, has all of these tags, and is for this task."""
    tags = {tag.lower() for tag in info.tags}
    return (
        search.lower() in info.id.lower()
        and all(wanted.lower() in tags for wanted in filters)
        and (not task or info.pipeline_tag == task)
    )


def _library(facts: ModelFacts) -> str:
    return facts.summary.library or (_LIBRARIES.get(facts.format, "") if facts.format else "")


def _tags(facts: ModelFacts) -> tuple[str, ...]:
    """Tags of a model: its own, and those that the Hub derives from what is known of it."""
    summary = facts.summary
    known = (
        _library(facts),
        str(facts.format or ""),
        summary.task,
        *summary.languages,
        f"base_model:{summary.base_model}" if summary.base_model else "",
        f"license:{facts.license}" if facts.license else "",
        *facts.tags,
    )
    return tuple(dict.fromkeys(tag for tag in known if tag))


def _card_data(facts: ModelFacts) -> dict[str, Any] | UnsetType:
    summary = facts.summary
    known = {
        "license": facts.license,
        "language": list(summary.languages),
        "library_name": summary.library,
        "pipeline_tag": summary.task,
        "base_model": summary.base_model,
    }
    return {key: value for key, value in known.items() if value} or UNSET


def _safetensors(facts: ModelFacts) -> SafetensorsInfo | UnsetType:
    count, dtype = facts.summary.parameters, facts.summary.dtype
    if count is None or not dtype or facts.format is ModelFormat.GGUF:
        return UNSET
    return SafetensorsInfo({dtype: count}, count)


def _gguf(facts: ModelFacts) -> dict[str, Any] | UnsetType:
    if facts.format is not ModelFormat.GGUF:
        return UNSET
    summary = facts.summary
    known = {
        "total": summary.parameters,
        "architecture": summary.architecture,
        "context_length": summary.context_length,
    }
    return {key: value for key, value in known.items() if value}
