"""Waits between retries: how long, how often, and the setting for them."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from model_sharing.settings import RETRY_FOR_VARIABLE, Settings
from model_sharing.transport import retries
from model_sharing.transport.network_errors import retry_after
from model_sharing.transport.retries import Retries
from model_sharing_protocol.errors import (
    InvalidParameter,
)
from support.clock import Clock


def waits(total: float, *faults: float | None, brief: bool = False, taking: float = 0.0) -> list[float]:
    """Waits after each of these faults, which name a `Retry-After` or none, until the end."""
    clock = Clock()
    policy = Retries(total, clock=clock, jitter=lambda: 1.0)
    waited: list[float] = []
    for fault in faults:
        clock.now += taking
        wait = policy.next_wait(fault, brief=brief)
        if wait is None:
            break
        waited.append(wait)
        clock.now += wait
    return waited


def test_waits_grow_and_end_with_the_total() -> None:
    waited = waits(60, *[None] * 100)
    assert waited[:8] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10])
    assert sum(waited) == pytest.approx(60)
    assert max(waited) == 10
    assert waits(0, None) == []
    assert sum(waits(60, *[None] * 100, brief=True)) == pytest.approx(retries.BRIEF_SECONDS)
    assert sum(waits(2, *[None] * 100, brief=True)) == pytest.approx(2)
    assert waits(60, None, None, taking=60) == []


def test_not_all_come_back_at_once() -> None:
    jittered = {Retries(60).next_wait() for _ in range(50)}
    assert len(jittered) > 40
    assert all(wait is not None and 0.05 <= wait <= 0.1 for wait in jittered)


def test_what_the_server_asks_for_is_waited_for_if_there_is_time() -> None:
    assert waits(60, 10.0) == [pytest.approx(10.1)]
    assert waits(60, 60.0) == [pytest.approx(60.1)]
    assert waits(60, 61.0) == []
    assert waits(60, 30.0, 31.0) == [pytest.approx(30.1)]
    assert waits(60, 30.0, brief=True) == [pytest.approx(30.1)]
    assert len(waits(60, *[0.0] * 1000)) < 20


def test_progress_starts_the_time_again() -> None:
    clock = Clock()
    policy = Retries(60, clock=clock)
    clock.now = 61
    assert policy.next_wait() is None
    policy.reset()
    assert policy.next_wait() is not None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "\u0661"}, None),
        ({"Retry-After": "10"}, 10),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "999999999999"}, 999_999_999_999),
        (
            {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"},
            30,
        ),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"Retry-After": "Fri, 99 Dec 1999 23:59:59 GMT"}, None),
    ],
)
def test_both_forms_of_retry_after_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_counts_from_now_where_the_server_does_not_say_what_time_it_has() -> None:
    found = retry_after({"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert found is not None
    assert 25 < found <= 30


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("1.5m", 90), ("2 h", 7200), ("1D", 86400), (" 5m ", 300)],
)
def test_the_time_is_a_setting(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, text)
    assert Settings.from_environment().retry_for == seconds
    monkeypatch.delenv(RETRY_FOR_VARIABLE)
    assert Settings.from_environment().retry_for == 60


@pytest.mark.parametrize("text", ["x", "-1", "1y", "1e3", "nan", "1,5", "1:30"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, text)
    with pytest.raises(InvalidParameter, match="MODEL_SHARING_RETRY_FOR"):
        Settings.from_environment()
