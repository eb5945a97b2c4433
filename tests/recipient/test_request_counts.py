"""Request counts: number and size of requests, and the age up to which an answer is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import InvalidParameter, NotASharingServer, NotFound, StaleAnswer
from support.fake_provider.server import FakeProvider, Handler
from support.files import random_bytes, read_tree

NAME = "ml_team.iris_model"
CHAMPION = f"{NAME}@Champion"
ONE = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(7_000)}
TWO = {**ONE, "data/weights.bin": random_bytes(7_000, 1)}
HOUR = 3600
Clock = Callable[[float], None]


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Two versions; Champion is the first."""
    fake_provider.publish(NAME, 1, ONE, "Champion")
    fake_provider.publish(NAME, 2, TWO)
    fake_provider.requests.clear()
    return fake_provider


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the recipient's clock so many seconds ahead of the provider's."""
    from model_sharing_protocol.times import now_ms

    def set_ahead(seconds: float) -> None:
        for module in ("resolution.known_state", "resolution.resolver"):
            monkeypatch.setattr(f"model_sharing.{module}.now_ms", lambda: now_ms() + int(seconds * 1000))

    return set_ahead


def asked(fake_provider: FakeProvider) -> list[str]:
    """Requests since the last call, file contents aside."""
    paths = [(each.method, each.path.partition("?")[0]) for each in fake_provider.requests]
    calls = [f"{method} {path.partition(NAME.split('.')[1])[2]}" for method, path in paths]
    fake_provider.requests.clear()
    return [call for call in calls if call not in ("GET ", "HEAD ")]


def tags(fake_provider: FakeProvider) -> list[bool]:
    """Of each request since the last look, whether it asked for news only."""
    sent = ["If-None-Match" in each.headers for each in fake_provider.requests if "/files/" not in each.path]
    fake_provider.requests.clear()
    return sent


def move(fake_provider: FakeProvider, version: int) -> None:
    fake_provider.models[NAME].aliases["Champion"] = version
    fake_provider.sequence = (fake_provider.sequence[0], fake_provider.sequence[1] + 1)


@pytest.mark.parametrize("ref", [CHAMPION, f"{NAME}/1"])
def test_a_first_load_asks_once_and_a_second_for_news_only(
    shared: FakeProvider, vendor: model_sharing.Catalog, home: Path, ref: str
) -> None:
    where = "/aliases/Champion" if "@" in ref else "/versions/1"
    assert read_tree(vendor.snapshot(ref).folder) == ONE
    assert asked(shared) == [f"POST {where}/query"]
    vendor.snapshot(ref)
    assert asked(shared) == [f"GET {where}"]
    records = list((home / "cache" / "refs").rglob("*.json"))
    written = [record.stat().st_mtime_ns for record in records]
    for _ in range(2):
        assert read_tree(vendor.snapshot(ref).folder) == ONE
        assert tags(shared) == [True]
    assert [record.stat().st_mtime_ns for record in records] == written


def test_an_alias_that_moved_costs_two(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    vendor.snapshot(CHAMPION)
    asked(shared)
    for version, files in ((2, TWO), (1, ONE)):
        move(shared, version)
        assert read_tree(vendor.snapshot(CHAMPION).folder) == files
    assert asked(shared) == ["GET /aliases/Champion", "POST /versions/2/query", "GET /aliases/Champion"]


def test_what_does_not_exist_is_not_found(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    for ref in (f"{NAME}@nobody", f"{NAME}/7"):
        with pytest.raises(NotFound, match="does not exist"):
            vendor.snapshot(ref)


def freeze(handler: Handler) -> bool:
    """Somebody in between who lets no news through."""
    if handler.command == "GET":
        handler.send(304, b"", ETag='"anything"')
    return handler.command == "GET"


def test_nothing_new_is_believed_for_an_hour_and_no_longer(
    shared: FakeProvider, vendor: model_sharing.Catalog, clock: Clock
) -> None:
    vendor.resolve(CHAMPION)
    move(shared, 2)
    shared.answer = freeze
    clock(0.9 * HOUR)
    assert vendor.resolve(CHAMPION).version == 1
    clock(1.1 * HOUR)
    with pytest.raises(NotASharingServer, match="not modified"):
        vendor.resolve(CHAMPION)
    assert tags(shared) == [False, True, False]


def test_an_hour_on_the_answer_is_asked_for_and_signed_anew(
    shared: FakeProvider, vendor: model_sharing.Catalog, clock: Clock
) -> None:
    vendor.snapshot(CHAMPION)
    vendor.snapshot(CHAMPION)
    clock(2 * HOUR)
    shared.ago = -2 * HOUR
    shared.requests.clear()
    for _ in range(2):
        vendor.snapshot(CHAMPION)
    assert tags(shared) == [False, True]


def test_an_answer_from_hours_ago_is_refused_with_both_clocks(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    for ago, said in ((2 * HOUR + 60, "2 hours ago"), (-3 * HOUR - 60, "3 hours from now")):
        shared.ago = ago
        for ref in (CHAMPION, f"{NAME}/1"):
            with pytest.raises(StaleAnswer, match=f"{said} by the clock of this machine.*set the clock"):
                vendor.snapshot(ref)
    assert not shared.file_requests()
    for ago in (HOUR - 60, 60 - HOUR, 0):
        shared.ago = ago
        assert read_tree(vendor.snapshot(CHAMPION).folder) == ONE


def test_a_clock_that_was_set_back_makes_no_old_answer_new(
    shared: FakeProvider, vendor: model_sharing.Catalog, clock: Clock
) -> None:
    vendor.resolve(CHAMPION)
    clock(-5 * HOUR)
    shared.ago = 5 * HOUR + 60
    with pytest.raises(StaleAnswer, match=r"5 hours later, was seen before.*delete .*\.json"):
        vendor.resolve(CHAMPION)


def test_what_is_known_to_be_outdated_is_not_asked_about(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """Nobody asks for news since an answer of which a later one has told that it is outdated."""
    vendor.resolve(CHAMPION)
    move(shared, 2)
    vendor.resolve(f"{NAME}/1")
    shared.requests.clear()
    assert vendor.resolve(CHAMPION).version == 2
    assert tags(shared) == [False]


def test_within_the_age_that_a_user_allows_nobody_is_asked(
    shared: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv("MODEL_SHARING_ALIAS_MAX_AGE", "86400")
    patient = model_sharing.catalog("vendor")
    patient.snapshot(CHAMPION)
    move(shared, 2)
    asked(shared)
    clock(20 * HOUR)
    assert read_tree(patient.snapshot(CHAMPION).folder) == ONE
    assert asked(shared) == []
    clock(-60)
    assert patient.resolve(CHAMPION).version == 2
    clock(25 * HOUR)
    shared.ago = -25 * HOUR
    assert patient.resolve(CHAMPION).version == 2
    assert asked(shared) == ["GET /aliases/Champion"] * 2
    patient.resolve(f"{NAME}/1")
    assert asked(shared) == ["GET /versions/1"]
    assert vendor.resolve(CHAMPION).version == 2
    assert asked(shared) == ["GET /aliases/Champion"]


@pytest.mark.parametrize("value", ["1y", "-1", "9" * 10])
def test_an_age_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MODEL_SHARING_ALIAS_MAX_AGE", value)
    with pytest.raises(InvalidParameter, match=f"MODEL_SHARING_ALIAS_MAX_AGE is '{value}'"):
        model_sharing.catalog("vendor")


def test_away_for_days_the_provider_is_done_without(
    shared: FakeProvider, vendor: model_sharing.Catalog, clock: Clock
) -> None:
    for _ in range(3):
        vendor.snapshot(CHAMPION)
    shared.stop()
    clock(3 * 24 * HOUR)
    with pytest.warns(model_sharing.StaleAliasWarning, match=r"version 1, as of .* \(3 days ago\)"):
        assert read_tree(vendor.snapshot(CHAMPION).folder) == ONE
