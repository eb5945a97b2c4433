"""A reassembly gives each byte of a file once, and takes from what is here only what is there."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from model_sharing.downloads.reassembly import CachedChunk, fetch_whole, plan_reassembly
from model_sharing_protocol.chunk_maps import ChunkMapWriter
from model_sharing_protocol.manifest import ManifestFile

KIB = 1024
SIZES = [7, 20 * KIB, 40 * KIB, 100 * KIB]
"""Two of which are too small to be copied by themselves."""
KINDS = st.lists(st.tuples(st.sampled_from(range(6)), st.sampled_from(SIZES)), min_size=1, max_size=12)


def block(kind: int, size: int) -> bytes:
    return bytes([kind, size % 251]) * (size // 2) + b"x" * (size % 2)


@given(KINDS, KINDS)
def test_what_a_recipe_puts_together_is_the_file(
    wanted: list[tuple[int, int]], here: list[tuple[int, int]]
) -> None:
    blocks = [block(*each) for each in wanted]
    file, base = b"".join(blocks), b"".join(block(*each) for each in here)
    named = ManifestFile("base", len(base), sha256(base).hexdigest())
    writer = ChunkMapWriter()
    for each in blocks:
        writer.add(len(each), sha256(each).digest())
    found, position = {}, 0
    for each in (block(*each) for each in here):
        found[sha256(each).digest()] = CachedChunk(named, position, len(each))
        position += len(each)
    reassembly = plan_reassembly(writer.finish(sha256(file).hexdigest()), found)
    made, copied, fetched = b"", 0, []
    while len(made) < len(file):
        segment = reassembly.at(len(made))
        assert segment.start == len(made) < segment.end
        size = segment.end - segment.start
        made += (
            base[segment.offset : segment.offset + size]
            if segment.base
            else file[segment.start : segment.end]
        )
        copied += size if segment.base else 0
        fetched += [] if segment.base else [segment]
        assert reassembly.at(segment.end - 1) == segment
    assert (made, reassembly.cached_bytes) == (file, copied)
    third = len(file) // 3
    for start, end in ((0, third), (third, 2 * third), (third, len(file))):
        assert reassembly.is_cached(start, end) == all(
            segment.end <= start or end <= segment.start for segment in fetched
        )
    missing = sum(len(each) for each in blocks if sha256(each).digest() not in found)
    assert copied <= len(file) - missing


def test_a_chunk_that_is_here_with_another_size_is_fetched() -> None:
    writer = ChunkMapWriter()
    writer.add(100 * KIB, bytes(32))
    base = ManifestFile("base", 10**6, "0" * 64)
    assert (
        plan_reassembly(writer.finish("1" * 64), {bytes(32): CachedChunk(base, 0, 99 * KIB)}).cached_bytes
        == 0
    )


def test_few_bytes_between_others_are_fetched_with_them() -> None:
    writer, base = ChunkMapWriter(), ManifestFile("base", 10**6, "0" * 64)
    for number, size in enumerate((100 * KIB, 8 * KIB, 100 * KIB)):
        writer.add(size, bytes([number]) * 32)
    reassembly = plan_reassembly(writer.finish("1" * 64), {bytes([1]) * 32: CachedChunk(base, 0, 8 * KIB)})
    assert (reassembly.cached_bytes, reassembly.at(0).end) == (0, 208 * KIB)


def test_without_a_map_all_is_fetched() -> None:
    segment = fetch_whole(ManifestFile("a", 1000, "0" * 64)).at(999)
    assert (segment.start, segment.end, segment.base) == (0, 1000, None)
