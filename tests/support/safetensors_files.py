"""Safetensors files with given tensors, written without the library."""

from __future__ import annotations

import json
from collections.abc import Mapping


def safetensors(tensors: Mapping[str, bytes], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file that holds these tensors one after another."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, data in tensors.items():
        offsets = [position, position + len(data)]
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": offsets}
        position += len(data)
    return framed(json.dumps(header).encode(), b"".join(tensors.values()))


def framed(header: bytes, data: bytes) -> bytes:
    """A file with this header, whatever it says."""
    return len(header).to_bytes(8, "little") + header + data
