"""Boundaries of tensors in a weights file, found in its first bytes while the others are on their way."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights import gguf, safetensors
from model_sharing_protocol.weights.header_cursor import Read
from model_sharing_protocol.weights.tensors import Tensor

# Tensors smaller than this on average are not worth their entries in a map.
_SMALLEST_TENSORS_BYTES = 16 * 1024


class HeadTooShort(Exception):
    """The first bytes end within the header. `needed` is how many are to be there at the next attempt."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def tensor_boundaries(head: bytes) -> list[int]:
    """Positions at which a file that begins like this is to be cut; none unless it is safetensors or GGUF.

    None either for a header that is not valid, or for tensors of a few bytes. Raises HeadTooShort.
    """
    try:
        if head.startswith(gguf.MAGIC[: len(head)]):
            header = gguf.read_header(_head_reader(head), sys.maxsize)
            return _boundaries(header.end, header.tensors)
        end = safetensors.header_end(head)
        if end > len(head):
            raise HeadTooShort(end)
        return _boundaries(end, safetensors.parse_header(head[8:end]).tensors) if end else []
    except InvalidModel:
        return []


def _head_reader(head: bytes) -> Read:
    def read(offset: int, length: int) -> bytes:
        if offset >= len(head):
            raise HeadTooShort(2 * len(head))
        return head[offset : offset + length]

    return read


def _boundaries(header_end: int, tensors: Sequence[Tensor]) -> list[int]:
    """Ends of the header and of each tensor, together with the padding behind it."""
    if not tensors or tensors[-1].end - header_end < len(tensors) * _SMALLEST_TENSORS_BYTES:
        return []
    return [header_end, *(tensor.start for tensor in tensors[1:]), tensors[-1].end]
