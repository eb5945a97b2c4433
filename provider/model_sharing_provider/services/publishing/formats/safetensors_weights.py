"""Safetensors weights in a folder: each file's header, and the index of a model in several shards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import PurePosixPath
from typing import NamedTuple

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights.safetensors import read_header
from model_sharing_protocol.weights.tensors import count_parameters
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, read_json, reader_of

SUFFIX = ".safetensors"
_INDEX = re.compile(r"(.+)(\.(?:safetensors|bin|h5|msgpack))\.index(\.\w+)?\.json")
_SHARD = re.compile(r".+-\d{5}-of-\d{5}(\.\w+)?\.(safetensors|bin)")
_MOST_TENSORS = 1_000_000
_MOST_SHOWN = 80


class _Weights(NamedTuple):
    """Names of the tensors of one file, and the number of their weights by type."""

    tensors: frozenset[str]
    parameters: Counter[str]


class SafetensorsWeights:
    """Weights of a model in all its folders. Making it raises InvalidModel if they are not complete.

    Index and shards must agree in both directions: each tensor that the index names is in the shard that it
    names, and each tensor in a shard is in the index.
    """

    def __init__(self, files: ModelFiles) -> None:
        self._files = dict(_read_all(files))
        # By the name that it would have in one file, such as model.safetensors or model.fp16.safetensors.
        self._shards = {
            f"{index[1]}{index[3] or ''}{index[2]}": self._check_index(files, path)
            for path in sorted(files.sizes)
            if (index := _INDEX.fullmatch(path))
        }
        self._check_shards(files.sizes)

    def parameters(self, folder: str, names: Iterable[str]) -> Counter[str]:
        """Number of weights of each type in the first of these files that a folder has, or its shards."""
        for name in names:
            path = str(PurePosixPath(folder, name))
            parts = [self._files[part] for part in self._shards.get(path, {path}) if part in self._files]
            if parts:
                return sum((part.parameters for part in parts), Counter())
        return Counter()

    def _check_index(self, files: ModelFiles, index: str) -> set[str]:
        """Check an index against its shards; return their paths. Shards of other formats are not opened."""
        weight_map = read_json(files, index).get("weight_map")
        if not isinstance(weight_map, dict):
            raise InvalidModel(f"The index {index!r} has no weight_map.")
        folder = PurePosixPath(index).parent
        named: dict[str, set[str]] = {}
        for tensor, shard in weight_map.items():
            named.setdefault(str(folder / str(shard)), set()).add(tensor)
        for shard, tensors in named.items():
            if shard not in files.sizes:
                raise InvalidModel(
                    f"The index {index!r} names the file {_shown(shard)}, which does not exist."
                )
            if shard in self._files:
                _check_same(index, shard, tensors, self._files[shard].tensors)
        return set(named)

    def _check_shards(self, paths: Iterable[str]) -> None:
        """Check that each part of a model in several files is named by an index."""
        indexed = set().union(*self._shards.values())
        for path in paths:
            if _SHARD.fullmatch(path) and path not in indexed:
                raise InvalidModel(
                    f"{path!r} is a part of a model in several files, and no index names it. Add the index "
                    "that was saved with it, such as model.safetensors.index.json."
                )


def _read_all(files: ModelFiles) -> Iterator[tuple[str, _Weights]]:
    tensors = 0
    for path in sorted(files.sizes):
        if path.endswith(SUFFIX):
            found = _read(files, path)
            tensors += len(found.tensors)
            if tensors > _MOST_TENSORS:
                raise InvalidModel(f"The model has more than {_MOST_TENSORS} tensors.")
            yield path, found


def _read(files: ModelFiles, path: str) -> _Weights:
    try:
        tensors = read_header(reader_of(files, path), files.sizes[path]).tensors
    except InvalidModel as error:
        raise InvalidModel(f"{path!r} is not valid. {error.message}") from error
    return _Weights(frozenset(tensor.name for tensor in tensors), count_parameters(tensors))


def _check_same(index: str, shard: str, named: Set[str], there: Set[str]) -> None:
    if missing := named - there:
        raise InvalidModel(
            f"The index {index!r} says that {shard!r} has the tensor {_shown(min(missing))}, but it has not."
        )
    if unnamed := there - named:
        raise InvalidModel(f"{shard!r} has the tensor {_shown(min(unnamed))}, which {index!r} does not name.")


def _shown(name: str) -> str:
    return repr(name[:_MOST_SHOWN])
