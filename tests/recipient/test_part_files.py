"""Part files: lengths of ranges, and going on with what earlier versions left."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing.downloads.block_verifier import BlockVerifier
from model_sharing.downloads.part_file import (
    RANGE_BYTES,
    PartFile,
    arrived_bytes,
    arrived_prefix,
    range_bytes,
)
from model_sharing_protocol.block_digests import BlockDigestWriter, find_block_digests
from model_sharing_protocol.chunk_maps import ChunkMapWriter, read_maps, write_maps

MIB = 1024 * 1024


@given(st.integers(RANGE_BYTES + 1, 2**50), st.integers(1, 64))
def test_ranges_are_whole_mebibytes_and_keep_all_connections_busy(size: int, parallel: int) -> None:
    length = range_bytes(size, parallel)
    assert length % MIB == 0
    assert MIB <= length <= RANGE_BYTES
    assert length == RANGE_BYTES or length * parallel < size + parallel * MIB


@pytest.mark.parametrize(
    ("size", "parallel", "length"),
    [(17 * MIB, 8, 3 * MIB), (128 * MIB, 8, 16 * MIB), (20 * MIB, 64, MIB), (2**40, 8, 16 * MIB)],
)
def test_middling_files_have_shorter_ranges(size: int, parallel: int, length: int) -> None:
    assert range_bytes(size, parallel) == length


def left_by_the_first_release(path: Path, size: int, done: list[int]) -> None:
    """Leave a part as version 0.1.0 does: ranges of 16 MiB, whatever the size of the file."""
    with path.open("wb") as file:
        file.truncate(size)
    counters = b"".join(struct.pack("<Q", count) for count in done)
    path.with_suffix(".progress").write_bytes(struct.pack("<QQ", size, 16 * MIB) + counters)


def test_what_the_first_release_left_goes_on_as_it_began(tmp_path: Path) -> None:
    size, path = 40 * MIB, tmp_path / "some.part"
    left_by_the_first_release(path, size, [16 * MIB, 5, 0])
    assert arrived_bytes(path, size) == 16 * MIB + 5
    assert arrived_prefix(path, size) == 16 * MIB + 5
    with PartFile(path, size, parallel=8) as part:
        assert part.done == 16 * MIB + 5
        assert [(part.next_byte(index), part.end(index)) for index in part.unfinished()] == [
            (16 * MIB + 5, 32 * MIB),
            (32 * MIB, 40 * MIB),
        ]


def test_a_part_goes_on_with_another_number_of_connections(tmp_path: Path) -> None:
    size, path = 40 * MIB, tmp_path / "some.part"
    with PartFile(path, size, parallel=8) as part:
        part.append(0, memoryview(bytes(5 * MIB)))
        part.append(1, memoryview(b"12"))
    assert arrived_prefix(path, size) == 5 * MIB + 2
    with PartFile(path, size, parallel=2) as part:
        assert part.done == 5 * MIB + 2
        assert part.unfinished() == list(range(1, 8))


@pytest.mark.parametrize("length", [0, 1, MIB - 1, RANGE_BYTES + 1, 2**63])
def test_counters_of_ranges_that_nobody_makes_count_for_nothing(tmp_path: Path, length: int) -> None:
    size, path = 40 * MIB, tmp_path / "some.part"
    left_by_the_first_release(path, size, [16 * MIB, 5, 0])
    path.with_suffix(".progress").write_bytes(struct.pack("<QQ", size, length) + bytes(24))
    assert arrived_bytes(path, size) == 0
    with PartFile(path, size, parallel=8) as part:
        assert part.done == 0


def test_the_accounts_of_100_gb_take_a_few_megabytes(tmp_path: Path) -> None:
    """Counters of its ranges and digests of its blocks; the file itself is sparse."""
    sha256, blocks = "ab" * 32, 100_000
    size = blocks * MIB
    one = BlockDigestWriter()
    one.update(b"?")
    listed = ChunkMapWriter()
    for _ in range(blocks):
        listed.add(MIB, bytes(32))
    content = write_maps([listed.finish(one.finish(sha256).sha256)])
    tracemalloc.start()
    try:
        found = find_block_digests(read_maps(content), sha256, size)
        assert found is not None
        with PartFile(tmp_path / "some.part", size, parallel=8) as part:
            verifier = BlockVerifier(part, found)
            part.append(part.unfinished()[-1], memoryview(b"?"))
            _, peak = tracemalloc.get_traced_memory()
            assert verifier.wrong()[-1].end == size
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB
