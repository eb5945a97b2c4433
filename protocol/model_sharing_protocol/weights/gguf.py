"""GGUF headers: metadata and tensors of llama.cpp's files, in versions 2 and 3 of the format.

    "GGUF", the version (4 bytes), the numbers of tensors and of metadata entries (8 bytes each)
    for each entry    its key, the type of its value (4 bytes), its value
    for each tensor   its name, its number of dimensions (4 bytes), the dimensions (8 bytes each), its type
                      (4 bytes), its offset (8 bytes)
    padding, then the tensors' bytes, each at a multiple of the alignment

Numbers are little-endian. A text is its length (8 bytes) and its bytes; an array is the type of its values
(4 bytes), their number (8 bytes) and the values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from model_sharing_protocol.weights.gguf_types import (
    TENSOR_TYPES,
    VALUE_FORMATS,
    ValueType,
)
from model_sharing_protocol.weights.header_cursor import HeaderCursor, Read
from model_sharing_protocol.weights.tensors import Tensor

MAGIC = b"GGUF"
VERSIONS = (2, 3)
"""Versions of the format that are read: those that llama.cpp reads."""
MAX_HEADER_BYTES = 64 * 1024 * 1024
"""Size in bytes of the largest header that is read. The vocabulary in it takes up to 40 MiB."""
MAX_TEXT_BYTES = 1024 * 1024
"""Size in bytes of the longest text that is kept."""

_MOST_ENTRIES = 65_536
_MOST_TENSORS = 262_144
_MOST_VALUES = 4_000_000
_MOST_VALUES_KEPT = 256
_MOST_DIMENSIONS = 4
_MOST_KEY_BYTES = 65_535
_MOST_NAME_BYTES = 256
_MOST_PARAMETERS = 2**63
_DEFAULT_ALIGNMENT = 32
_START = struct.Struct("<4sIQQ")

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...] | None
"""Value of an entry; None for a text over 1 MiB, or an array of more than 256 values."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Header of a GGUF file. Its tensors are in the order of their bytes; `end` is where they begin."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    end: int

    def text(self, key: str) -> str:
        """Text of an entry; empty if there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """Number of an entry; None if there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def format_version(head: bytes) -> int | None:
    """Version of the format of a file that begins like this (8 bytes); None if it is not a GGUF file."""
    return int.from_bytes(head[4:8], "little") if head[:4] == MAGIC and len(head) >= 8 else None


def read_header(read: Read, size: int) -> GgufHeader:
    """Read the header of a file of `size` bytes.

    Raises InvalidModel for a version that is not in `VERSIONS`, for big-endian files, for entries or tensors
    that come twice, and for tensors that overlap or end outside of the file.
    """
    cursor = HeaderCursor(read, size, limit=MAX_HEADER_BYTES, kind="GGUF")
    magic, version, tensor_count, entry_count = _START.unpack(cursor.take(_START.size))
    if magic != MAGIC:
        raise cursor.invalid("does not begin with 'GGUF'")
    if version and version & 0xFFFF == 0:
        raise cursor.invalid("is big-endian, which is not supported; convert it with gguf_convert_endian.py")
    if version not in VERSIONS:
        raise cursor.invalid(
            f"has version {version} of the format; supported are {VERSIONS[0]} and {VERSIONS[1]}"
        )
    if entry_count > _MOST_ENTRIES or tensor_count > _MOST_TENSORS:
        raise cursor.invalid(
            f"announces {entry_count} metadata entries and {tensor_count} tensors, which are too many"
        )
    metadata = _Metadata(cursor).read(entry_count)
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise cursor.invalid(f"has the alignment {alignment!r}, which is not a power of two")
    infos = [_tensor_info(cursor) for _ in range(tensor_count)]
    end = _aligned(cursor.position, alignment)
    return GgufHeader(version, metadata, tuple(_placed(cursor, infos, end, alignment)), min(end, size))


class _Metadata:
    """Reader of metadata. The number of values in all arrays together is bounded, since each costs time."""

    def __init__(self, cursor: HeaderCursor) -> None:
        self._cursor = cursor
        self._values_left = _MOST_VALUES

    def read(self, count: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for _ in range(count):
            key = _name(self._cursor, _MOST_KEY_BYTES)
            if key in found:
                raise self._cursor.invalid(f"has the metadata entry {key[:80]!r} twice")
            found[key] = self._value(self._cursor.unsigned(4))
        return found

    def _value(self, kind: int) -> Value:
        if kind == ValueType.TEXT:
            return self._text()
        if kind == ValueType.ARRAY:
            return self._array()
        return self._number(kind)

    def _number(self, kind: int) -> bool | int | float:
        number = self._format(kind)
        value: bool | int | float = number.unpack(self._cursor.take(number.size))[0]
        return value

    def _text(self) -> str | None:
        length = self._cursor.unsigned(8)
        if length <= MAX_TEXT_BYTES:
            return self._cursor.take(length).decode(errors="replace")
        self._pass(length)
        return None

    def _array(self) -> tuple[Scalar, ...] | None:
        kind, count = self._cursor.unsigned(4), self._cursor.unsigned(8)
        self._values_left -= count
        if self._values_left < 0:
            raise self._cursor.invalid(f"has more than {_MOST_VALUES} values in its metadata")
        if kind == ValueType.ARRAY:
            raise self._cursor.invalid("has an array of arrays in its metadata")
        if count <= _MOST_VALUES_KEPT:
            values = [self._text() if kind == ValueType.TEXT else self._number(kind) for _ in range(count)]
            return tuple(value for value in values if value is not None)
        if kind == ValueType.TEXT:
            for _ in range(count):
                self._pass(self._cursor.unsigned(8))
        else:
            self._pass(count * self._format(kind).size)
        return None

    def _format(self, kind: int) -> struct.Struct:
        number = VALUE_FORMATS.get(kind)
        if number is None:
            raise self._cursor.invalid(f"has a metadata value of the unknown type {kind}")
        return number

    def _pass(self, length: int) -> None:
        self._cursor.skip(length)
        if self._cursor.position > MAX_HEADER_BYTES:
            raise self._cursor.invalid(f"has a header of more than {MAX_HEADER_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class _TensorInfo:
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _name(cursor: HeaderCursor, limit: int) -> str:
    length = cursor.unsigned(8)
    if length > limit:
        raise cursor.invalid(f"has a name of {length} bytes; at most {limit} are allowed")
    try:
        return cursor.take(length).decode()
    except UnicodeDecodeError as error:
        raise cursor.invalid(f"has a name that is not UTF-8 before byte {cursor.position}") from error


def _tensor_info(cursor: HeaderCursor) -> _TensorInfo:
    name = _name(cursor, _MOST_NAME_BYTES)
    dimensions = cursor.unsigned(4)
    if dimensions > _MOST_DIMENSIONS:
        raise cursor.invalid(f"gives its tensor {name[:80]!r} {dimensions} dimensions")
    shape = tuple(cursor.unsigned(8) for _ in range(dimensions))
    return _TensorInfo(name, shape, cursor.unsigned(4), cursor.unsigned(8))


def _placed(cursor: HeaderCursor, infos: list[_TensorInfo], begin: int, alignment: int) -> Iterator[Tensor]:
    """Tensors in the order of their bytes; one of a type unknown here ends where the next one begins."""
    infos.sort(key=lambda info: info.offset)
    if len({info.name for info in infos}) < len(infos):
        raise cursor.invalid("has two tensors of the same name")
    previous = begin
    for number, info in enumerate(infos):
        start = begin + info.offset
        following = begin + infos[number + 1].offset if number + 1 < len(infos) else cursor.size
        end = start + size if (size := _size(cursor, info)) is not None else following
        if info.offset % alignment or start < previous or end > cursor.size:
            raise cursor.invalid(
                f"places its tensor {info.name[:80]!r} at bytes {start} to {end}: over another one, not at a "
                f"multiple of {alignment}, or outside of the file, which has {cursor.size} bytes"
            )
        previous = end
        known = TENSOR_TYPES.get(info.kind)
        yield Tensor(info.name, known.name if known else f"type {info.kind}", info.shape, start, end)


def _size(cursor: HeaderCursor, info: _TensorInfo) -> int | None:
    """Size of a tensor in bytes; None for a type that is unknown here."""
    parameters = math.prod(info.shape)
    if parameters >= _MOST_PARAMETERS:
        raise cursor.invalid(f"gives its tensor {info.name[:80]!r} {parameters} weights")
    kind = TENSOR_TYPES.get(info.kind)
    if kind is None:
        return None
    if info.shape and info.shape[0] % kind.block:
        raise cursor.invalid(
            f"gives its tensor {info.name[:80]!r} rows that are not whole blocks of {kind.name}"
        )
    return -(-parameters // kind.block) * kind.block_bytes


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
