"""Safetensors headers: the tensors of a file, and what its writer noted, by the rules of its library.

the length of the header (8 bytes, little-endian)
the header, a JSON object: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
the tensors, without gaps
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights.header_cursor import HeaderCursor, Read
from model_sharing_protocol.weights.tensors import Tensor

MAX_HEADER_BYTES = 25_000_000
"""Size in bytes of the largest header that is read, which is also the Hugging Face Hub's limit."""

_KIND = "safetensors"
_LENGTH_BYTES = 8
HEADER_STARTS_BYTES = _LENGTH_BYTES + 1
"""Number of bytes at the start of a file that `header_end` needs."""
_MOST_NAME_SHOWN = 80
_MOST_PARAMETERS = 2**63 - 1
_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F16": 16,
    "BF16": 16,
    "F32": 32,
    "F64": 64,
    "C64": 64,
    "I8": 8,
    "I16": 16,
    "I32": 32,
    "I64": 64,
    "U8": 8,
    "U16": 16,
    "U32": 32,
    "U64": 64,
}


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """Header of a safetensors file, up to `end`, and its tensors in the order of their bytes."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    end: int


_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Entry(msgspec.Struct):
    dtype: str
    shape: Annotated[tuple[_Natural, ...], msgspec.Meta(max_length=64)]
    data_offsets: tuple[_Natural, _Natural]


def header_end(head: bytes | bytearray) -> int:
    """End of the safetensors header at the start of a file; 0 if it is not a safetensors file.

    The result is larger than `head` if that is too short to tell.
    """
    if len(head) < HEADER_STARTS_BYTES:
        return HEADER_STARTS_BYTES
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    is_candidate = head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length <= MAX_HEADER_BYTES
    return _LENGTH_BYTES + length if is_candidate else 0


def read_header(read: Read, size: int) -> SafetensorsHeader:
    """Read the header of a file of `size` bytes. Raises InvalidModel unless it describes all of them."""
    cursor = HeaderCursor(read, size, limit=_LENGTH_BYTES + MAX_HEADER_BYTES, kind=_KIND)
    header = parse_header(cursor.take(cursor.unsigned(_LENGTH_BYTES)))
    described = header.tensors[-1].end if header.tensors else header.end
    if described != size:
        raise cursor.invalid(f"has {size} bytes, but its header describes {described}")
    return header


def parse_header(header: bytes) -> SafetensorsHeader:
    """Parse a header without its length. Raises InvalidModel, also for tensors with gaps or overlaps."""
    if not header.startswith(b"{"):
        raise _invalid("has no header that is a JSON object")
    try:
        fields = json.loads(header, object_pairs_hook=_object)
        metadata = msgspec.convert(fields.pop("__metadata__", {}), dict[str, str])
        entries = msgspec.convert(fields, dict[str, _Entry])
    except (ValueError, RecursionError) as error:  # msgspec's and the decoder's errors are ValueErrors
        raise InvalidModel(f"The {_KIND} file has a header that is not valid: {_reason(error)}.") from error
    begin = end = _LENGTH_BYTES + len(header)
    tensors = []
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        tensor = _tensor(name, entry, begin)
        if tensor.start != end:
            raise _invalid(f"has a gap or an overlap before its tensor {_shown(name)}")
        end = tensor.end
        tensors.append(tensor)
    return SafetensorsHeader(tuple(tensors), metadata, begin)


def _tensor(name: str, entry: _Entry, begin: int) -> Tensor:
    start, end = (begin + offset for offset in entry.data_offsets)
    tensor = Tensor(name, entry.dtype, entry.shape, start, end)
    bits = _BITS.get(entry.dtype)
    is_wrong = tensor.parameters * bits != (end - start) * 8 if bits else tensor.parameters > _MOST_PARAMETERS
    if is_wrong or end < start:
        raise _invalid(f"gives its tensor {_shown(name)} another size than its shape and type make")
    return tensor


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it names something twice")
    return found


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _shown(name: str) -> str:
    return repr(name[:_MOST_NAME_SHOWN])


def _invalid(problem: str) -> InvalidModel:
    return InvalidModel(f"The {_KIND} file {problem}.")
