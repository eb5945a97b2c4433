"""Streams on their way into the store: pieces of one size, whatever the sizes of what arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from model_sharing_provider.artifacts.byte_streams import PIECE_BYTES, in_pieces
from support.files import random_bytes


async def stream(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [1],
        [PIECE_BYTES],
        [PIECE_BYTES - 1, 0, 2],
        [1, 2 * PIECE_BYTES],
        [3 * PIECE_BYTES + 5, 7, PIECE_BYTES],
    ],
)
async def test_bytes_are_rearranged_into_pieces_and_none_is_lost(sizes: list[int]) -> None:
    chunks = [random_bytes(size, seed) for seed, size in enumerate(sizes)]
    pieces = [piece async for piece in in_pieces(stream(chunks))]
    assert b"".join(pieces) == b"".join(chunks)
    assert all(len(piece) == PIECE_BYTES for piece in pieces[:-1])
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces[-1:])
