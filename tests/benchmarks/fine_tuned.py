"""Versions of one large model that were trained from one another, as safetensors files of random bytes.

In bf16, 20 layers with seven tensors each: four of attention, and three larger ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LAYERS = 20
_SHARES = (4, 4, 4, 4, 11, 11, 11)
_TENSORS = len(_SHARES)


@dataclass(frozen=True)
class Sibling:
    """A version: which tensors of the base were trained again, by number, and a note in its header.

    Where they were `touched`, three of the 16 bits of each weight are others; else all are.
    """

    title: str
    trained: Callable[[int], bool]
    note: str = ""
    touched: bool = False


BASE = Sibling("base", lambda tensor: True)
SIBLINGS = [
    Sibling("A: the top layers trained again", lambda tensor: tensor >= (LAYERS - 2) * _TENSORS),
    Sibling("B: a tenth of the tensors, a longer header", lambda tensor: tensor % 10 == 3, "x" * 1000),
    Sibling("C: two tensors of each layer", lambda tensor: tensor % _TENSORS in (0, 2)),
    Sibling("D: all weights a little, with a delta", lambda tensor: True, touched=True),
    Sibling("nothing in common", lambda tensor: True),
]


def write_version(path: Path, size: int, sibling: Sibling, base: Path | None = None) -> int:
    """Write a file of about `size` bytes; how many of them are not those of `base`."""
    unit = size // (LAYERS * sum(_SHARES)) // 2 * 2
    sizes = [unit * share for share in _SHARES] * LAYERS
    header = _header(sizes, sibling.note)
    changed = len(header)
    with path.open("wb") as file, (base or Path(os.devnull)).open("rb") as old:
        file.write(header)
        old.seek(8 + int.from_bytes(old.read(8), "little"))
        for number, length in enumerate(sizes):
            kept = old.read(length)
            if sibling.trained(number):
                changed += length
                kept = _touched(kept) if sibling.touched else os.urandom(length)
            file.write(kept)
    return changed


def _touched(weights: bytes) -> bytes:
    mask = int.from_bytes(b"\x07\x00" * (len(weights) // 2), "little")
    noise = int.from_bytes(os.urandom(len(weights)), "little") & mask
    return (int.from_bytes(weights, "little") ^ noise).to_bytes(len(weights), "little")


def _header(sizes: list[int], note: str) -> bytes:
    described: dict[str, object] = {"__metadata__": {"format": "pt", "note": note}}
    position = 0
    for number, size in enumerate(sizes):
        offsets = [position, position + size]
        described[f"tensor.{number}"] = {"dtype": "BF16", "shape": [size // 2], "data_offsets": offsets}
        position += size
    encoded = json.dumps(described).encode()
    return len(encoded).to_bytes(8, "little") + encoded
