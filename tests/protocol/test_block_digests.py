"""Block digests: listed among chunk maps in a way that earlier versions pass over, and signed."""

from __future__ import annotations

import hashlib
import random

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.block_digests import (
    BLOCK_BYTES,
    BlockDigestWriter,
    BlockHasher,
    find_block_digests,
)
from model_sharing_protocol.chunk_maps import ChunkMap, ChunkMapWriter, read_maps, write_maps

CONTENT = random.Random(3).randbytes(2 * BLOCK_BYTES + 77)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def listed(content: bytes) -> ChunkMap:
    writer = BlockDigestWriter()
    writer.update(content)
    return writer.finish(hashlib.sha256(content).hexdigest())


def chunk_map(content: bytes) -> ChunkMap:
    writer = ChunkMapWriter()
    writer.add(len(content), hashlib.sha256(content).digest())
    return writer.finish(hashlib.sha256(content).hexdigest())


def test_blocks_are_found_by_the_file_they_are_of() -> None:
    maps = read_maps(write_maps([chunk_map(CONTENT), listed(CONTENT)]))
    found = find_block_digests(maps, SHA256, len(CONTENT))
    assert found is not None
    assert [found.block(n) for n in range(len(found))] == [
        (start, end, blake3(CONTENT[start:end]).digest())
        for start, end in [
            (0, BLOCK_BYTES),
            (BLOCK_BYTES, 2 * BLOCK_BYTES),
            (2 * BLOCK_BYTES, len(CONTENT)),
        ]
    ]


def test_those_who_know_of_no_blocks_find_the_chunk_maps_as_before() -> None:
    maps = read_maps(write_maps([chunk_map(CONTENT), listed(CONTENT)]))
    assert list(maps[SHA256]) == list(chunk_map(CONTENT))


def test_blocks_of_another_file_or_size_or_length_are_not_taken() -> None:
    maps = {found.sha256: found for found in [listed(CONTENT)]}
    assert find_block_digests(maps, "ab" * 32, len(CONTENT)) is None
    assert find_block_digests(maps, SHA256, len(CONTENT) + 1) is None
    name = listed(CONTENT).sha256
    for sizes in ([len(CONTENT)], [1, BLOCK_BYTES, len(CONTENT) - BLOCK_BYTES - 1]):
        writer = ChunkMapWriter()
        for size in sizes:
            writer.add(size, bytes(32))
        assert find_block_digests({name: writer.finish(name)}, SHA256, len(CONTENT)) is None


@given(st.lists(st.integers(0, BLOCK_BYTES + 9), max_size=6))
def test_blocks_do_not_depend_on_the_pieces_that_bytes_come_in(cuts: list[int]) -> None:
    hasher, came, position = BlockHasher(), [], 0
    for cut in (*cuts, len(CONTENT)):
        piece = memoryview(CONTENT)[position : position + cut]
        came += hasher.update(piece)
        position += len(piece)
    came.append(hasher.finish())
    assert came == [
        blake3(CONTENT[start : start + BLOCK_BYTES]).digest() for start in range(0, len(CONTENT), BLOCK_BYTES)
    ]


@pytest.mark.parametrize("size", [1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_the_last_block_ends_with_the_file(size: int) -> None:
    found = find_block_digests(
        {each.sha256: each for each in [listed(bytes(size))]}, sha_of_zeros(size), size
    )
    assert found is not None
    assert found.block(len(found) - 1).end == size


def sha_of_zeros(size: int) -> str:
    return hashlib.sha256(bytes(size)).hexdigest()
