"""Paging: tokens are good for one listing, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import MAX_PAGE_SIZE, Page, PageRequest


@given(st.text(min_size=1).filter(lambda key: key.isprintable()))
def test_a_token_leads_back_to_its_place(key: str) -> None:
    token = Page([1], key).token("shares")
    assert PageRequest.parse("shares", None, token) == PageRequest(MAX_PAGE_SIZE, key)


def test_a_token_of_another_listing_is_refused() -> None:
    token = Page([1], "m").token("models of acme")
    with pytest.raises(InvalidParameter, match="pageToken"):
        PageRequest.parse("models of globex", None, token)


@given(st.text(max_size=60))
def test_whatever_is_sent_as_a_token_is_understood_or_refused(token: str) -> None:
    try:
        PageRequest.parse("shares", None, token)
    except InvalidParameter:
        return
    assert token == ""


def test_the_last_page_has_no_token() -> None:
    assert Page([1, 2]).token("shares") is None


@pytest.mark.parametrize(
    ("asked", "size"), [(None, 500), ("0", 0), ("7", 7), ("500", 500), ("2147483647", 500)]
)
def test_max_results_is_bounded(asked: str | None, size: int) -> None:
    assert PageRequest.parse("shares", asked, None).size == size


@pytest.mark.parametrize("asked", ["-1", "2147483648", "x", "", "1.5", "٣", "1e3"])
def test_max_results_that_is_no_int32_is_refused(asked: str) -> None:
    with pytest.raises(InvalidParameter, match="maxResults"):
        PageRequest.parse("shares", asked, None)
