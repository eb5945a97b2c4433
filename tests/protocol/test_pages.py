"""Paging: sizes that clients may ask for, and tokens that are good for one listing only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import MAX_PAGE_SIZE, Page, PageRequest


def test_without_parameters_a_listing_starts_at_the_beginning_with_the_largest_page() -> None:
    assert PageRequest.parse("shares", None, None) == PageRequest(MAX_PAGE_SIZE, None)


@pytest.mark.parametrize(
    ("asked", "size"), [("0", 0), ("1", 1), ("500", 500), ("501", 500), ("2147483647", 500)]
)
def test_max_results_is_an_int32_and_capped(asked: str, size: int) -> None:
    assert PageRequest.parse("shares", asked, None).size == size


@pytest.mark.parametrize("asked", ["-1", "2147483648", "abc", "", "1.5", "9" * 5000, "٣", "1_0", " 1"])
def test_other_max_results_are_refused(asked: str) -> None:
    with pytest.raises(InvalidParameter, match="maxResults"):
        PageRequest.parse("shares", asked, None)


@given(st.text(min_size=1).filter(str.isprintable), st.text(min_size=1))
def test_a_token_brings_its_key_back_to_its_own_listing(key: str, listing: str) -> None:
    token = Page(["x"], key).token(listing)
    assert token is not None
    assert PageRequest.parse(listing, None, token).after == key


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_token_of_another_listing_is_refused(one: str, other: str) -> None:
    token = Page(["x"], "key").token(one)
    if one == other:
        return
    with pytest.raises(InvalidParameter, match="pageToken"):
        PageRequest.parse(other, None, token)


@given(st.text(min_size=1))
def test_garbage_is_refused_as_a_token_and_never_read(token: str) -> None:
    with pytest.raises(InvalidParameter, match="pageToken"):
        PageRequest.parse("shares", None, token)


def test_a_last_page_has_no_token() -> None:
    assert Page(["x"]).token("shares") is None
