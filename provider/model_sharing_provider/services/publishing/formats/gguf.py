"""GGUF files: one model, in one file or in shards, or the same model in several quantizations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelSummary
from model_sharing_protocol.weights.gguf import VERSIONS, GgufHeader, format_version, read_header
from model_sharing_protocol.weights.gguf_types import QUANTIZATIONS
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.huggingface import with_card
from model_sharing_provider.services.publishing.formats.json_fields import count, texts
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, reader_of

SUFFIX = ".gguf"
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_BIG_ENDIAN_FROM = 2**16
# Projectors of images and sound come beside the model that uses them.
_PROJECTORS = {"clip", "mmproj"}
_NOTHING_READ = ModelSummary(missing=("header of a known version",))


def read_gguf(files: ModelFiles) -> Reading:
    """Read GGUF files. Raises InvalidModel for hostile or big-endian ones, and for missing shards.

    A file in a version of the format that is unknown here is taken as it is, and nothing is told of it.
    """
    found = {path: _read(files, path) for path in sorted(files.sizes) if path.endswith(SUFFIX)}
    models = [model for model in _models(found) if model.is_known and not model.is_projector]
    card = read_card(files)
    license_ = card.license or next((model.license for model in models if model.license), "")
    summary = _common([model.summary for model in models]) if models else _NOTHING_READ
    return Reading(summary=with_card(summary, card), license=license_)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What one file says. `split` is its number, counted from 0, and that of all shards, if it says so."""

    summary: ModelSummary = NOTHING_KNOWN
    license: str = ""
    split: tuple[int | None, int | None] = (None, None)
    is_projector: bool = False
    is_known: bool = True


def _read(files: ModelFiles, path: str) -> _File:
    version = format_version(files.read(path, 0, 8))
    if version is not None and version not in VERSIONS and version < _BIG_ENDIAN_FROM:
        return _File(is_known=False)
    try:
        header = read_header(reader_of(files, path), files.sizes[path])
    except InvalidModel as error:
        raise InvalidModel(f"{path!r} is not valid. {error.message}") from error
    kinds = {header.text("general.architecture"), header.text("general.type")}
    return _File(
        summary=_summary(header),
        license=header.text("general.license"),
        split=(header.number("split.no"), header.number("split.count")),
        is_projector=bool(kinds & _PROJECTORS),
    )


def _models(files: Mapping[str, _File]) -> Iterator[_File]:
    """Models, each as its first shard with the weights of all. Raises InvalidModel if shards do not agree."""
    models: dict[tuple[str, int], dict[int, str]] = {}
    for path in files:
        shard = _SHARD.fullmatch(path)
        key, number = ((shard[1], int(shard[3])), int(shard[2])) if shard else ((path, 1), 1)
        models.setdefault(key, {})[number] = path
    for (_, total), paths in models.items():
        if odd := paths.keys() ^ set(range(1, total + 1)):
            problem = "is missing" if min(odd) <= total else "is one too many"
            raise InvalidModel(
                f"{min(paths.values())!r} is one of {total} shards, of which number {min(odd)} {problem}."
            )
        for number, path in paths.items():
            _check_split(path, files[path].split, number, total)
        shards = [files[paths[number]] for number in sorted(paths)]
        parameters = sum(shard.summary.parameters or 0 for shard in shards) or None
        yield replace(shards[0], summary=replace(shards[0].summary, parameters=parameters))


def _check_split(path: str, split: tuple[int | None, int | None], number: int, total: int) -> None:
    place, count_of_all = split
    if (count_of_all or total) != total or place not in (None, number - 1):
        raise InvalidModel(
            f"{path!r} says that it is number {place} of {count_of_all} shards, counted from 0, which is not "
            "what its name says. Give it the name that llama-gguf-split gave it."
        )


def _summary(header: GgufHeader) -> ModelSummary:
    architecture = header.text("general.architecture")
    file_type = header.number("general.file_type")
    return ModelSummary(
        architecture=architecture,
        parameters=sum(tensor.parameters for tensor in header.tensors) or None,
        quantization="" if file_type is None else QUANTIZATIONS.get(file_type, ""),
        context_length=count(header.number(f"{architecture}.context_length")),
        library="gguf",
        base_model=_base_model(header),
        languages=texts(header.metadata.get("general.languages")),
        missing=() if "tokenizer.ggml.model" in header.metadata else ("tokenizer",),
    )


def _base_model(header: GgufHeader) -> str:
    """Base model by its repository, as the Hugging Face Hub writes it, or else by its name."""
    repository = header.text("general.base_model.0.repo_url").removeprefix("https://huggingface.co/")
    return repository or header.text("general.base_model.0.name")


def _common(summaries: Sequence[ModelSummary]) -> ModelSummary:
    """What all models have in common, with the quantizations of all."""
    quantizations = dict.fromkeys(summary.quantization for summary in summaries if summary.quantization)
    agreed = {
        field.name: _agreed(getattr(summary, field.name) for summary in summaries)
        for field in fields(ModelSummary)
    }
    common = {name: value for name, value in agreed.items() if value is not None}
    return ModelSummary(**{**common, "quantization": ", ".join(quantizations)})


def _agreed(values: Iterable[Any]) -> Any:
    """Value that all have; None if they differ."""
    first, *others = values
    return first if all(other == first for other in others) else None
