"""Tensors of a weights file: which numbers are where, as its header says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

DTYPES = {
    "float64": "F64",
    "double": "F64",
    "float32": "F32",
    "float": "F32",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "float8e4m3fn": "F8_E4M3",
    "float8_e4m3fn": "F8_E4M3",
    "float8e5m2": "F8_E5M2",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
"""Names of number types in PyTorch and ONNX, with those in safetensors files, which summaries use."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Tensor of a weights file; its bytes are those from `start` to before `end` of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


def count_parameters(tensors: Iterable[Tensor]) -> Counter[str]:
    """Number of weights of each number type."""
    counted: Counter[str] = Counter()
    for tensor in tensors:
        counted[tensor.dtype] += tensor.parameters
    return counted
