"""ONNX files: inputs, outputs, operators, weights and external data of a model, read without the library."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from model_sharing_protocol.model_formats import TensorSpec
from model_sharing_protocol.weights.header_cursor import Read
from model_sharing_protocol.weights.protobuf_walk import Field, ProtobufWalk

ELEMENT_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
    24: "float8e8m0",
    25: "uint2",
    26: "int2",
}
"""Element types, by their numbers."""

_EXTERNAL = 1
_MOST_NAMES = 65_536
_MOST_DIMENSIONS = 64
_MOST_PARAMETERS = 2**63
_SIGN_BIT, _TWO_TO_64 = 2**63, 2**64
_OWN_DOMAINS = ("", "ai.onnx")

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """ONNX model. `operator_domains` are those of operators that neither ONNX nor the file itself defines.

    `external_data` maps each location of weights, as it is written in the file, to the size in bytes that the
    file there must have at least. `parameters` counts the weights of each element type.
    """

    producer: str
    producer_version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: Mapping[str, int]
    operator_domains: frozenset[str]
    external_data: Mapping[str, int]


def read_model(read: Read, size: int) -> OnnxModel:
    """Read a model from a file of `size` bytes. Raises InvalidModel for what is not ONNX, or has no graph."""
    return _Reader(ProtobufWalk(read, size, kind="ONNX")).model()


@dataclass(slots=True)
class _Found:
    """What was found so far, in all graphs and functions."""

    domains: dict[tuple[str, str], None] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    external: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Graph:
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    weights: dict[str, tuple[str, int]] = field(default_factory=dict)


class _Reader:
    def __init__(self, walk: ProtobufWalk) -> None:
        self._walk = walk
        self._found = _Found()

    def model(self) -> OnnxModel:
        producer = version = ""
        graph: _Graph | None = None
        for part in self._walk.whole_file():
            match part.number:
                case 2:
                    producer = self._walk.text(part)
                case 3:
                    version = self._walk.text(part)
                case 7:
                    graph = self._graph(part, graph)
                case 20:
                    self._training(part)
                case 25:
                    self._function(part)
        if graph is None:
            raise self._walk.invalid("has no graph")
        parameters: Counter[str] = Counter()
        for dtype, count in graph.weights.values():
            parameters[dtype] += count
        return OnnxModel(
            producer,
            version,
            tuple(spec for spec in graph.inputs if spec.name not in graph.weights),
            tuple(graph.outputs),
            parameters,
            self._foreign_domains(),
            self._found.external,
        )

    def _foreign_domains(self) -> frozenset[str]:
        used = self._found.domains.keys() - self._found.functions
        return frozenset(domain for domain, _ in used if domain not in _OWN_DOMAINS)

    def _graph(self, graph: Field, known: _Graph | None = None) -> _Graph:
        found = known or _Graph()
        for part in self._walk.fields(graph):
            match part.number:
                case 1:
                    self._node(part)
                case 5:
                    name, dtype, count = self._tensor(part)
                    found.weights[name] = (dtype, count)
                case 15:
                    for value in self._parts(part, 1):
                        name, dtype, count = self._tensor(value)
                        found.weights[name] = (dtype, count)
                case 11:
                    found.inputs.append(self._value_info(part))
                case 12:
                    found.outputs.append(self._value_info(part))
        if len(found.inputs) + len(found.outputs) > _MOST_NAMES:
            raise self._walk.invalid(f"has more than {_MOST_NAMES} inputs and outputs")
        return found

    def _node(self, node: Field) -> None:
        operator = domain = ""
        for part in self._walk.fields(node):
            match part.number:
                case 4:
                    operator = self._walk.text(part)
                case 5:
                    self._attribute(part)
                case 7:
                    domain = self._walk.text(part)
        self._note(self._found.domains, (domain, operator), None)

    def _attribute(self, attribute: Field) -> None:
        """Graphs and tensors of an attribute: branches, loop bodies, constants."""
        for part in self._walk.fields(attribute):
            match part.number:
                case 5 | 10:
                    self._tensor(part)
                case 6 | 11:
                    self._graph(part)
                case 22 | 23:
                    for value in self._parts(part, 1):
                        self._tensor(value)

    def _function(self, function: Field) -> None:
        name = domain = ""
        for part in self._walk.fields(function):
            match part.number:
                case 1:
                    name = self._walk.text(part)
                case 7:
                    self._node(part)
                case 10:
                    domain = self._walk.text(part)
                case 11:
                    self._attribute(part)
        if len(self._found.functions) >= _MOST_NAMES:
            raise self._walk.invalid(f"has more than {_MOST_NAMES} functions")
        self._found.functions.add((domain, name))

    def _training(self, training: Field) -> None:
        for part in self._walk.fields(training):
            if part.number in (1, 2):
                self._graph(part)

    def _tensor(self, tensor: Field) -> tuple[str, str, int]:
        """Name, element type and number of weights of a tensor; where its data are is noted."""
        name, dtype, is_external = "", "", False
        shape: list[int] = []
        entries: dict[str, str] = {}
        for part in self._walk.fields(tensor):
            match part.number:
                case 1:
                    shape += self._walk.numbers(part)
                case 2:
                    dtype = ELEMENT_TYPES.get(part.value, f"type {part.value}")
                case 8:
                    name = self._walk.text(part)
                case 13:
                    key, value = self._entry(part)
                    entries[key] = value
                case 14:
                    is_external = part.value == _EXTERNAL
        if is_external or entries:
            self._note_external(name, entries)
        if len(shape) > _MOST_DIMENSIONS or (parameters := math.prod(shape)) >= _MOST_PARAMETERS:
            raise self._walk.invalid(
                f"gives its tensor {name[:80]!r} a shape of {len(shape)} numbers that is too large"
            )
        return name, dtype, parameters

    def _note_external(self, name: str, entries: Mapping[str, str]) -> None:
        location = entries.get("location", "")
        if not location:
            raise self._walk.invalid(
                f"says that its tensor {name[:80]!r} is in another file, and not in which one"
            )
        numbers = [entries.get(key, "0") for key in ("offset", "length")]
        if not all(number.isascii() and number.isdecimal() and len(number) < 20 for number in numbers):
            raise self._walk.invalid(
                f"places its tensor {name[:80]!r} at {str(numbers)[:80]} of {location[:80]!r}"
            )
        end = sum(map(int, numbers))
        self._note(self._found.external, location, max(end, self._found.external.get(location, 0)))

    def _note(self, place: dict[_K, _V], key: _K, value: _V) -> None:
        place[key] = value
        if len(place) > _MOST_NAMES:
            raise self._walk.invalid(f"names more than {_MOST_NAMES} operators or files")

    def _entry(self, entry: Field) -> tuple[str, str]:
        texts = {1: "", 2: ""}
        for part in self._walk.fields(entry):
            if part.number in texts:
                texts[part.number] = self._walk.text(part)
        return texts[1], texts[2]

    def _value_info(self, value: Field) -> TensorSpec:
        name, dtype = "", ""
        shape: list[int | str] = []
        for part in self._walk.fields(value):
            if part.number == 1:
                name = self._walk.text(part)
            elif part.number == 2:
                for tensor in self._parts(part, 1):
                    for detail in self._walk.fields(tensor):
                        if detail.number == 1:
                            dtype = ELEMENT_TYPES.get(detail.value, f"type {detail.value}")
                        elif detail.number == 2:
                            shape += [self._dimension(size) for size in self._parts(detail, 1)]
        return TensorSpec(name=name, dtype=dtype, shape=tuple(shape))

    def _dimension(self, dimension: Field) -> int | str:
        size: int | str = "?"
        for part in self._walk.fields(dimension):
            if part.number == 1:
                size = part.value if part.value < _SIGN_BIT else part.value - _TWO_TO_64
            elif part.number == 2:
                size = self._walk.text(part) or "?"
        return size

    def _parts(self, message: Field, number: int) -> Iterator[Field]:
        """Fields of a message with this number."""
        return (part for part in self._walk.fields(message) if part.number == number)
