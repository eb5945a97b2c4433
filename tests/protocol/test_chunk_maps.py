"""Chunk maps come back as they were written, and what is none is refused, whatever it is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_sharing_protocol.chunk_maps import (
    MAX_CHUNK_BYTES,
    MAX_CHUNK_MAPS_BYTES,
    ChunkMap,
    ChunkMapWriter,
    read_maps,
    write_maps,
)
from model_sharing_protocol.errors import CorruptArtifact

MAGIC = b"model-sharing chunk maps 1\n"
DIGESTS = st.binary(min_size=32, max_size=32)
CHUNKS = st.lists(st.tuples(st.integers(1, MAX_CHUNK_BYTES), DIGESTS), min_size=1, max_size=6)
MAPS = st.dictionaries(DIGESTS.map(bytes.hex), CHUNKS, min_size=1, max_size=4)


def chunk_map(sha256: str, chunks: list[tuple[int, bytes]]) -> ChunkMap:
    writer = ChunkMapWriter()
    for size, digest in chunks:
        writer.add(size, digest)
    return writer.finish(sha256)


@given(MAPS)
def test_maps_come_back_as_they_were(described: dict[str, list[tuple[int, bytes]]]) -> None:
    maps = {sha256: chunk_map(sha256, chunks) for sha256, chunks in described.items()}
    again = read_maps(write_maps(maps.values()))
    assert again == maps
    for sha256, found in again.items():
        chunks = list(found)
        assert [(chunk.end - chunk.start, chunk.sha256) for chunk in chunks] == described[sha256]
        assert [chunk.start for chunk in chunks] == [0, *(chunk.end for chunk in chunks[:-1])]
        assert (chunks[-1].end, len(chunks)) == (found.size, len(found))


@given(MAPS, st.data())
def test_maps_that_are_cut_off_or_changed_are_read_as_something_valid_or_refused(
    described: dict[str, list[tuple[int, bytes]]], data: st.DataObject
) -> None:
    good = write_maps(chunk_map(sha256, chunks) for sha256, chunks in described.items())
    cut = data.draw(st.integers(0, len(good) - 1))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    for hostile in (good[:cut], changed, good + data.draw(st.binary(min_size=1, max_size=40))):
        check_contained(hostile)


@given(st.binary(max_size=400))
@example(b"")
@example(MAGIC + b"\x00" * 36)
@example(MAGIC + b"\x00" * 32 + b"\xff" * 4)
def test_arbitrary_bytes_are_refused_or_read_as_something_valid(data: bytes) -> None:
    check_contained(data)
    check_contained(MAGIC + data)


def check_contained(data: bytes) -> None:
    """Reading these bytes fails in the one way it may, or gives maps without gaps."""
    try:
        maps = read_maps(data)
    except CorruptArtifact:
        return
    for sha256, found in maps.items():
        assert len(bytes.fromhex(sha256)) == 32
        position = 0
        for chunk in found:
            assert chunk.start == position < chunk.end <= chunk.start + MAX_CHUNK_BYTES
            position = chunk.end
        assert 0 < position == found.size


@pytest.mark.parametrize("size", [0, MAX_CHUNK_BYTES + 1, 2**32 - 1])
def test_a_chunk_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(CorruptArtifact, match="not between 1 and"):
        read_maps(write_maps([chunk_map("0" * 64, [(size, bytes(32))])]))


def test_a_file_that_is_named_twice_is_refused() -> None:
    twice = [chunk_map("0" * 64, [(1, bytes(32))]), chunk_map("0" * 64, [(2, bytes(32))])]
    with pytest.raises(CorruptArtifact, match="twice"):
        read_maps(write_maps(twice))


def test_maps_have_a_limit_on_both_sides() -> None:
    many = ChunkMap("0" * 64, 1, bytes(MAX_CHUNK_MAPS_BYTES))
    assert write_maps([many]) == b""
    assert write_maps([]) == b""
    with pytest.raises(CorruptArtifact):
        read_maps(MAGIC + hashlib.sha256(b"x").digest() + many.records)
