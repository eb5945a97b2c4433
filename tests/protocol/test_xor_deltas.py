"""XOR deltas make the file that they were made of, and what is none is refused, whatever it is."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_sharing_protocol import xor_deltas
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.xor_deltas import BLOCK_BYTES, MAX_HEAD_BYTES, restore, write_start
from support.bf16_weights import restored, xor_delta

MAGIC = b"model-sharing xor delta 1\n"


@pytest.fixture(scope="module", autouse=True, params=["Python alone", "NumPy", "NumPy and zlib-ng"])
def libraries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each story with the libraries of the extra `fast`, and without."""
    numpy = None if request.param == "Python alone" else xor_deltas._numpy()
    fastest = xor_deltas._zlib() if "zlib-ng" in request.param else zlib
    assert numpy is not None or request.param == "Python alone"
    assert (fastest is zlib) == ("zlib-ng" not in request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xor_deltas, "_numpy", lambda: numpy)
        patch.setattr(xor_deltas, "_zlib", lambda: fastest)
        yield


SMALL = st.binary(max_size=300)


@given(SMALL, SMALL, st.data())
@example(b"", b"base", None)
def test_what_comes_out_is_the_file(file: bytes, base: bytes, data: st.DataObject | None) -> None:
    head = data.draw(st.integers(0, len(file))) if data else 0
    base_start = data.draw(st.integers(0, 400)) if data else 0
    assert restored(xor_delta(file, base, head, base_start), base, len(file)) == file


@pytest.mark.parametrize("longer", [-BLOCK_BYTES - 1, -3, 0, 3, BLOCK_BYTES + 1])
def test_files_of_several_blocks_whose_base_is_longer_or_shorter(longer: int) -> None:
    base = random.Random(0).randbytes(2 * BLOCK_BYTES + 1001)
    file = bytearray((base + bytes(max(0, longer)))[: len(base) + longer])
    file[::1001] = bytes(len(file[::1001]))
    delta = xor_delta(b"header" + file, base, 6)
    assert restored(delta, base, 6 + len(file)) == b"header" + file
    assert len(delta) < len(file) / 50


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=300), SMALL, st.data())
def test_deltas_that_are_cut_off_or_changed_make_nothing_longer(
    file: bytes, base: bytes, data: st.DataObject
) -> None:
    good = xor_delta(file, base, data.draw(st.integers(0, len(file))))
    cut = data.draw(st.integers(0, len(good) - 1))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    for hostile in (good[:cut], good + data.draw(st.binary(min_size=1, max_size=40))):
        with pytest.raises(CorruptArtifact):
            restored(hostile, base, len(file))
    check_contained(changed, base, len(file))


@given(st.binary(max_size=400), st.integers(0, 500))
@example(b"", 0)
@example(struct.pack(">QQI", 10, 2**64 - 1, 0), 10)
def test_arbitrary_bytes_are_refused_or_make_a_file_of_that_size(data: bytes, size: int) -> None:
    check_contained(data, b"base", size)
    check_contained(MAGIC + data, b"base", size)
    check_contained(write_start(size, b"", 0) + data, b"base", size)


def check_contained(delta: bytes, base: bytes, size: int) -> None:
    """It fails in the one way it may, or makes a file of the size that was asked for."""
    with contextlib.suppress(CorruptArtifact):
        assert len(restored(delta, base, size)) == size


def test_a_delta_of_a_file_of_another_size_is_refused() -> None:
    with pytest.raises(CorruptArtifact, match="of 3 bytes, not 4"):
        restored(xor_delta(b"abc", b"abd"), b"abd", 4)


@pytest.mark.parametrize("places", ["even", "odd"])
def test_a_stream_that_would_fill_the_memory_is_stopped(places: str) -> None:
    bomb, honest = zlib.compress(bytes(64 * 1024 * 1024)), zlib.compress(bytes(BLOCK_BYTES // 2))
    streams = (bomb, honest) if places == "even" else (honest, bomb)
    delta = write_start(BLOCK_BYTES, b"", 0) + struct.pack(">II", *map(len, streams)) + b"".join(streams)
    assert peak_of_a_refusal(delta, BLOCK_BYTES) < 4 * BLOCK_BYTES


@pytest.mark.parametrize("head", [MAX_HEAD_BYTES + 1, 2**32 - 1])
def test_a_head_that_is_none_is_not_read(head: int) -> None:
    delta = MAGIC + struct.pack(">QQI", 2**40, 0, head) + bytes(MAX_HEAD_BYTES + 1)
    assert peak_of_a_refusal(delta, 2**40) < BLOCK_BYTES


def peak_of_a_refusal(delta: bytes, size: int) -> int:
    """Bytes of memory that it took to see that this is no delta."""
    source, base = io.BytesIO(delta), io.BytesIO()
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(2) as threads, pytest.raises(CorruptArtifact):
            for _ in restore(source, base, size, threads):
                pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
