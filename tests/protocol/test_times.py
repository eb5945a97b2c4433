"""Times are the same moment in each of their forms."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.times import MAX_MS, epoch_ms, iso, moment


@given(st.integers(0, MAX_MS))
def test_a_time_is_the_same_as_a_number_a_datetime_and_a_text(ms: int) -> None:
    found = moment(ms)
    assert found.tzinfo is UTC
    assert epoch_ms(found) == ms
    assert datetime.fromisoformat(iso(ms)) == found.replace(microsecond=0)


def test_a_time_for_people_is_cut_to_the_second_and_names_its_zone() -> None:
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_795_889_757_999) == "2026-11-28T18:15:57Z"
    assert iso(MAX_MS) == "9999-12-31T23:59:59Z"
