"""A recipe gives each byte of a file once, and takes from what is here only what is there."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from model_sharing.downloads.reassembly import Found, fetch_all, make_recipe
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
        found[sha256(each).digest()] = Found(named, position, len(each))
        position += len(each)
    recipe = make_recipe(writer.finish(sha256(file).hexdigest()), found)
    made, copied, fetched = b"", 0, []
    while len(made) < len(file):
        piece = recipe.at(len(made))
        assert piece.start == len(made) < piece.end
        size = piece.end - piece.start
        made += base[piece.offset : piece.offset + size] if piece.base else file[piece.start : piece.end]
        copied += size if piece.base else 0
        fetched += [] if piece.base else [piece]
        assert recipe.at(piece.end - 1) == piece
    assert (made, recipe.copied) == (file, copied)
    third = len(file) // 3
    for start, end in ((0, third), (third, 2 * third), (third, len(file))):
        assert recipe.is_here(start, end) == all(
            piece.end <= start or end <= piece.start for piece in fetched
        )
    missing = sum(len(each) for each in blocks if sha256(each).digest() not in found)
    assert copied <= len(file) - missing


def test_a_chunk_that_is_here_with_another_size_is_fetched() -> None:
    writer = ChunkMapWriter()
    writer.add(100 * KIB, bytes(32))
    base = ManifestFile("base", 10**6, "0" * 64)
    assert make_recipe(writer.finish("1" * 64), {bytes(32): Found(base, 0, 99 * KIB)}).copied == 0


def test_few_bytes_between_others_are_fetched_with_them() -> None:
    writer, base = ChunkMapWriter(), ManifestFile("base", 10**6, "0" * 64)
    for number, size in enumerate((100 * KIB, 8 * KIB, 100 * KIB)):
        writer.add(size, bytes([number]) * 32)
    recipe = make_recipe(writer.finish("1" * 64), {bytes([1]) * 32: Found(base, 0, 8 * KIB)})
    assert (recipe.copied, recipe.at(0).end) == (0, 208 * KIB)


def test_without_a_map_all_is_fetched() -> None:
    piece = fetch_all(ManifestFile("a", 1000, "0" * 64)).at(999)
    assert (piece.start, piece.end, piece.base) == (0, 1000, None)
