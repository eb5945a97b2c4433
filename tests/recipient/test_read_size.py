"""How much is asked for at once: what is lost by a kill on a slow line, and memory on a fast one."""

from __future__ import annotations

from model_sharing.downloads.transfer.read_size import ReadSize

KIB = 1024


def after(*reads: tuple[int, float]) -> int:
    """KiB of the next read after reads of so many KiB in so many seconds."""
    size = ReadSize()
    for count, seconds in reads:
        size.adapt(count * KIB, seconds)
    return size.bytes // KIB


def test_reads_grow_on_a_fast_line_and_have_an_end() -> None:
    assert after() == 64
    assert after((64, 0.001), (128, 0.001)) == 256
    assert after(*[(2**20, 0.001)] * 20) == 512


def test_on_a_slow_line_they_stay_small() -> None:
    assert after((64, 0.3)) == 64
    assert after((64, 0.001), (128, 0.001), (256, 0.5), (128, 0.5)) == 64


def test_an_end_of_a_range_says_nothing_about_the_line() -> None:
    assert after((1, 0.001)) == 64
    assert after((64, 0.1)) == 64
