"""Weights files in llama.cpp's and ONNX's formats, small, written without their libraries."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

ALIGNMENT = 32
GgufTensor = tuple[str, tuple[int, ...], int, bytes]
"""Name, dimensions, number of the type, and bytes of a tensor."""


def gguf(
    metadata: Mapping[str, str | int | Sequence[str]],
    tensors: Sequence[GgufTensor] = (),
    *,
    version: int = 3,
) -> bytes:
    """GGUF file with these entries and tensors."""
    parts = [struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(metadata))]
    parts += [text(key) + _value(value) for key, value in metadata.items()]
    offset = 0
    for name, shape, kind, data in tensors:
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        parts.append(text(name) + dimensions + struct.pack("<IQ", kind, offset))
        offset += len(padded(data))
    return padded(b"".join(parts)) + b"".join(padded(data) for *_, data in tensors)


def text(value: str) -> bytes:
    """Text as GGUF writes it."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _value(value: str | int | Sequence[str]) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))


def field(number: int, value: int | bytes | str) -> bytes:
    """Field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def onnx_model(*graph_parts: bytes, model_parts: Sequence[bytes] = ()) -> bytes:
    """ONNX model with these parts of its graph, beside an input `x` and an output `y`."""
    graph = b"".join((*graph_parts, field(11, onnx_value("x")), field(12, onnx_value("y"))))
    return b"".join((field(1, 10), field(2, "tests"), *model_parts, field(7, graph)))


def onnx_value(name: str) -> bytes:
    """Input or output of numbers, of any length."""
    shape = field(1, field(2, "batch")) + field(1, field(1, 4))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def onnx_tensor(name: str, shape: Sequence[int], data: bytes = b"", **external: str) -> bytes:
    """Tensor of 32-bit numbers, whose data is in another file where `external` says so."""
    entries = [field(13, field(1, key) + field(2, value)) for key, value in external.items()]
    place = [*entries, field(14, 1)] if external else [field(9, data)]
    return b"".join((*(field(1, size) for size in shape), field(2, 1), field(8, name), *place))
