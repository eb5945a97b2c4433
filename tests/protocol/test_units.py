"""Durations and sizes as people write them, on both sides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.units import parse_duration, parse_size

DURATIONS = {
    "0": timedelta(0),
    "90s": timedelta(seconds=90),
    "1.5m": timedelta(seconds=90),
    " 24 H ": timedelta(days=1),
    "90d": timedelta(days=90),
    "2w": timedelta(days=14),
}


@pytest.mark.parametrize(("text", "duration"), DURATIONS.items())
def test_durations_as_people_write_them(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "90", "-1s", "1y", "1e9s", "1h30m", "d", "9999999999s", "999999999w", "\u0661s"]
)
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(InvalidParameter, match="90s, 30m, 24h, 90d, 2w or 0"):
        parse_duration(text)


def test_a_setting_that_was_always_in_seconds_may_be_a_plain_number() -> None:
    assert parse_duration("90", plain_seconds=True) == timedelta(seconds=90)
    with pytest.raises(InvalidParameter, match=r"RETRY_FOR is .ever.; it must be a duration"):
        parse_duration("ever", "RETRY_FOR", plain_seconds=True)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("20GiB", 20 << 30), ("500 MB", 500_000_000), ("1.5g", 3 << 29), ("7b", 7), ("2Ti", 2 << 40)],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "GiB", "1e9", "1 2", "5 apples", "1,5G", "\u0661"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidParameter, match="20GiB"):
        parse_size(text)
