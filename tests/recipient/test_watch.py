"""Watching a share: each event as it happens, confirmed by a signature, whatever comes between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest

import model_sharing
from model_sharing.catalogs import watching
from model_sharing_protocol.errors import (
    InvalidParameter,
    NotASharingServer,
    NotFound,
    StaleAnswer,
    UntrustedSignature,
    VersionRecalled,
)
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.watching import Watched, brief, eventually

IRIS, CAT = "ml_team.iris", "vision.cat"


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Two models; Champion of iris is version 1 of two."""
    fake_provider.publish(IRIS, 1, {"MLmodel": b"1"}, "Champion")
    fake_provider.publish(IRIS, 2, {"MLmodel": b"2"})
    fake_provider.publish(CAT, 1, {"MLmodel": b"c"})
    return fake_provider


@pytest.fixture
def feed(shared: FakeProvider) -> FakeFeed:
    """The same provider with a change feed."""
    shared.feed = feed = FakeFeed()
    return feed


@pytest.fixture
async def watch(shared: FakeProvider) -> AsyncIterator[Callable[..., object]]:
    """Start to watch, and wait until it does."""
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        started: list[Watched] = []

        async def start(**wanted: object) -> Watched:
            started.append(Watched(catalog, **wanted))
            await started[-1].started(shared)
            return started[-1]

        yield start
        for each in started:
            await each.close()


Watch = Callable[..., "asyncio.Future[Watched]"]


async def test_an_alias_is_told_with_the_version_that_is_signed_for_it(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    shared.publish(IRIS, 2, {"MLmodel": b"2"}, "Champion")
    feed.tell("ALIAS_SET", IRIS, version=2, alias="Champion")
    event = await watched.next()
    assert (event.kind, event.full_name, event.version, event.alias) == (
        "ALIAS_SET",
        "vendor.ml_team.iris",
        2,
        "Champion",
    )
    assert event.uri == "models:/vendor.ml_team.iris@Champion"
    assert event.at.isoformat() == "2023-11-14T22:13:20+00:00"


async def test_of_moves_in_quick_succession_the_last_is_told_once(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    shared.publish(IRIS, 3, {"MLmodel": b"3"}, "Champion")
    feed.tell("ALIAS_SET", IRIS, version=2, alias="Champion")
    feed.tell("ALIAS_SET", IRIS, version=3, alias="Champion")
    feed.tell("VERSION_ADDED", CAT, version=2)
    assert await watched.briefs(2) == ["ALIAS_SET ml_team.iris 3 Champion", "VERSION_ADDED vision.cat 2"]


async def test_an_alias_that_was_deleted_since_is_not_told_as_set(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    del shared.models[IRIS].aliases["Champion"]
    feed.tell("ALIAS_SET", IRIS, version=2, alias="Champion")
    feed.tell("ALIAS_DELETED", IRIS, alias="Champion")
    feed.tell("MODEL_REMOVED", CAT)
    assert await watched.briefs(1) == ["MODEL_REMOVED vision.cat"]


async def test_every_kind_of_change_is_told(shared: FakeProvider, feed: FakeFeed, watch: Watch) -> None:
    watched = await watch()
    shared.publish("ml_team.new", 1, {"MLmodel": b"n"}, "Champion")
    feed.tell("MODEL_ADDED", "ml_team.new")
    feed.tell("VERSION_ADDED", "ml_team.new", version=1)
    feed.tell("ALIAS_SET", "ml_team.new", version=1, alias="Champion")
    feed.tell("VERSION_CHANGED", IRIS, version=1)
    feed.tell("MODEL_CHANGED", IRIS)
    feed.tell("VERSION_RECALLED", IRIS, version=1)
    feed.tell("ALIAS_DELETED", IRIS, alias="Champion")
    feed.tell("VERSION_DELETED", IRIS, version=1)
    feed.tell("MODEL_RENAMED", "vision.tiger", previousModel=CAT)
    feed.tell("MODEL_REMOVED", IRIS)
    assert await watched.briefs(10) == [
        "MODEL_ADDED ml_team.new",
        "VERSION_ADDED ml_team.new 1",
        "ALIAS_SET ml_team.new 1 Champion",
        "VERSION_CHANGED ml_team.iris 1",
        "MODEL_CHANGED ml_team.iris",
        "VERSION_RECALLED ml_team.iris 1",
        "ALIAS_DELETED ml_team.iris Champion",
        "VERSION_DELETED ml_team.iris 1",
        "MODEL_RENAMED vision.cat vision.tiger",
        "MODEL_REMOVED ml_team.iris",
    ]


@pytest.mark.parametrize("kind", ["SHARE_CHANGED", "SOMETHING_NEW"])
async def test_a_change_of_the_whole_share_is_found_by_listing(
    shared: FakeProvider, feed: FakeFeed, watch: Watch, kind: str
) -> None:
    watched = await watch()
    shared.publish(IRIS, 3, {"MLmodel": b"3"}, "Champion")
    shared.publish("ml_team.new", 1, {"MLmodel": b"n"})
    del shared.models[CAT]
    feed.tell(kind)
    assert await watched.briefs(5) == [
        "MODEL_REMOVED vision.cat",
        "VERSION_ADDED ml_team.iris 3",
        "ALIAS_SET ml_team.iris 3 Champion",
        "MODEL_ADDED ml_team.new",
        "VERSION_ADDED ml_team.new 1",
    ]


async def test_after_a_feed_that_starts_again_what_changed_is_told(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    shared.publish(IRIS, 2, {"MLmodel": b"2"}, "Champion")
    feed.begin_again("b")
    assert await watched.briefs(1) == ["ALIAS_SET ml_team.iris 2 Champion"]
    assert any("starts again" in line for line in watched.notices)
    feed.tell("VERSION_CHANGED", IRIS, version=1)
    assert await watched.briefs(1) == ["VERSION_CHANGED ml_team.iris 1"]


async def test_a_provider_that_restarts_is_waited_for(
    shared: FakeProvider,
    feed: FakeFeed,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = await watch()
    down = True

    def answer(handler: Handler) -> bool:
        if down:
            handler.send_error_answer(503, "INTERNAL_ERROR", "starting")
        return down

    shared.answer = answer
    feed.tell("VERSION_CHANGED", IRIS, version=1)
    assert await watched.briefs(1) == ["VERSION_CHANGED ml_team.iris 1"]  # it waited before
    shared.publish(IRIS, 2, {"MLmodel": b"2"}, "Champion")
    feed.tell("ALIAS_SET", IRIS, version=2, alias="Champion")
    told = asyncio.create_task(watched.briefs(1))
    await eventually(lambda: bool(watched.notices))
    down = False
    assert await told == ["ALIAS_SET ml_team.iris 2 Champion"]
    assert "answers again" in watched.notices[-1]


async def test_a_provider_without_a_feed_is_listed(
    shared: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    watched = await watch()
    assert "has no feed of changes" in watched.notices[0]
    shared.publish(IRIS, 2, {"MLmodel": b"2"}, "Champion")
    assert await watched.briefs(1) == ["ALIAS_SET ml_team.iris 2 Champion"]
    del shared.models[CAT]
    assert await watched.briefs(1) == ["MODEL_REMOVED vision.cat"]


async def test_a_provider_of_the_specification_alone_is_listed_by_its_versions(
    shared: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its models come without latest versions and aliases."""
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)

    def plain(answer: dict[str, object]) -> dict[str, object]:
        for item in answer.get("items", ()):  # type: ignore[attr-defined]
            for name in ("latestVersion", "updatedAt", "tags", "comment"):
                item.pop(name, None)
            if "version" not in item:
                item.pop("aliases", None)
        return answer

    shared.edit_answer = plain
    watched = await watch()
    shared.publish(IRIS, 3, {"MLmodel": b"3"}, "Champion")
    assert await watched.briefs(2) == ["VERSION_ADDED ml_team.iris 3", "ALIAS_SET ml_team.iris 3 Champion"]


async def test_events_are_filtered_by_model_alias_and_kind(feed: FakeFeed, watch: Watch) -> None:
    by_model = await watch(model="C?T")
    by_schema = await watch(model="ml_*.iris", kinds=["version_added", "MODEL_CHANGED"])
    by_name = await watch(model="vendor.vision.*")
    feed.tell("VERSION_CHANGED", IRIS, version=1)
    feed.tell("MODEL_CHANGED", IRIS)
    feed.tell("MODEL_RENAMED", "vision.tiger", previousModel=CAT)
    assert await by_model.briefs(1) == ["MODEL_RENAMED vision.cat vision.tiger"]
    assert await by_schema.briefs(1) == ["MODEL_CHANGED ml_team.iris"]
    assert await by_name.briefs(1) == ["MODEL_RENAMED vision.cat vision.tiger"]


async def test_changes_that_somebody_else_signed_or_edited_are_refused(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    feed.edit = lambda body: body.replace(b"iris", b"evil")
    feed.tell("VERSION_CHANGED", IRIS, version=1)
    with pytest.raises(UntrustedSignature, match="changed on the way"):
        await watched.next()


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"signs": False}, UntrustedSignature),
        ({"ago": 7200}, StaleAnswer),
        ({"edit": lambda _: b"[]"}, NotASharingServer),
        ({"edit": lambda _: b'{"changes":[],"token":"' + b"x" * 9000 + b'"}'}, NotASharingServer),
    ],
)
async def test_answers_that_cannot_be_trusted_end_the_watching(
    feed: FakeFeed, watch: Watch, wrong: dict[str, object], refusal: type[Exception]
) -> None:
    watched = await watch()
    for name, value in wrong.items():
        setattr(feed, name, value)
    feed.tell("MODEL_CHANGED", IRIS)
    with pytest.raises(refusal):
        await watched.next()


@pytest.mark.parametrize(
    ("kind", "model", "more"),
    [
        ("MODEL_CHANGED", "../etc", {}),
        ("MODEL_CHANGED", "iris", {}),
        ("MODEL_RENAMED", IRIS, {"previousModel": "a b.c"}),
        ("ALIAS_SET", IRIS, {"version": 1, "alias": "a\0b"}),
        ("ALIAS_DELETED", IRIS, {"alias": "a/b"}),
    ],
)
async def test_a_name_that_cannot_be_ends_the_watching(
    feed: FakeFeed, watch: Watch, kind: str, model: str, more: dict[str, object]
) -> None:
    watched = await watch()
    feed.tell(kind, model, **more)
    with pytest.raises(NotASharingServer, match="invalid name"):
        await watched.next()


async def test_an_event_is_not_lost_to_a_failure_in_between(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    """A renamed model is asked for before it is told."""
    watched = await watch()
    shared.models["vision.tiger"] = shared.models.pop(CAT)
    refused = 0

    def answer(handler: Handler) -> bool:
        nonlocal refused
        if not handler.path.endswith("/models/tiger") or refused >= 12:
            return False
        refused += 1
        handler.send_error_answer(503, "INTERNAL_ERROR", "busy")
        return True

    shared.answer = answer
    feed.tell("MODEL_RENAMED", "vision.tiger", previousModel=CAT)
    assert await watched.briefs(1) == ["MODEL_RENAMED vision.cat vision.tiger"]
    assert refused


async def test_a_share_that_is_revoked_ends_the_watching(
    shared: FakeProvider, feed: FakeFeed, watch: Watch
) -> None:
    watched = await watch()
    shared.shares.remove(SHARE)
    feed.tell("MODEL_CHANGED", IRIS)
    assert await watched.briefs(1) == ["MODEL_CHANGED ml_team.iris"]  # it waited before
    with pytest.raises(NotFound):
        await watched.next()


async def test_a_provider_that_does_not_wait_is_not_asked_all_the_time(feed: FakeFeed, watch: Watch) -> None:
    """As one that is about to stop."""
    feed.waits = False
    watched = await watch()
    await asyncio.sleep(1.5)
    assert len(feed.asked) <= 4
    feed.tell("MODEL_CHANGED", IRIS)
    assert await watched.briefs(1) == ["MODEL_CHANGED ml_team.iris"]


@pytest.mark.parametrize("has_feed", [True, False])
def test_a_share_that_is_not_granted_is_not_watched(
    shared: FakeProvider, vendor: model_sharing.Catalog, has_feed: bool
) -> None:
    shared.feed = FakeFeed() if has_feed else None
    shared.shares.remove(SHARE)
    with pytest.raises(NotFound):
        vendor.watch()


async def test_a_rotated_key_is_followed(shared: FakeProvider, feed: FakeFeed, watch: Watch) -> None:
    watched = await watch()
    with pytest.warns(model_sharing.KeyRotationWarning):
        shared.rotate()
        feed.tell("MODEL_CHANGED", IRIS)
        assert await watched.briefs(1) == ["MODEL_CHANGED ml_team.iris"]


async def test_an_unknown_kind_is_refused_at_once(watch: Watch) -> None:
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        with pytest.raises(InvalidParameter, match="ALIAS_SET"):
            await anext(catalog.watch(kinds=["ALIAS_MOVED"]))


def test_a_blocking_loop_gets_the_same_events(
    shared: FakeProvider, feed: FakeFeed, vendor: model_sharing.Catalog
) -> None:
    events = vendor.watch(alias="champ*")
    shared.publish(IRIS, 2, {"MLmodel": b"2"}, "Champion")
    feed.tell("MODEL_CHANGED", IRIS)
    feed.tell("ALIAS_SET", IRIS, version=2, alias="Champion")
    assert brief(next(events)) == "ALIAS_SET ml_team.iris 2 Champion"


def test_notices_are_logged_where_nobody_takes_them(
    shared: FakeProvider, vendor: model_sharing.Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "model_sharing"):
        vendor.watch()
    assert "has no feed of changes" in caplog.text


async def test_a_recall_that_was_watched_holds_when_the_provider_is_away(
    shared: FakeProvider, feed: FakeFeed, watch: Watch, vendor: model_sharing.Catalog
) -> None:
    await asyncio.to_thread(lambda: vendor.release(vendor.snapshot(f"{IRIS}/1")))
    watched = await watch()
    shared.recall(IRIS, 1, "wrong labels")
    feed.tell("VERSION_RECALLED", IRIS, version=1)
    assert await watched.briefs(1) == [f"VERSION_RECALLED {IRIS} 1"]
    shared.stop()
    with pytest.raises(VersionRecalled, match="wrong labels"):
        await asyncio.to_thread(vendor.snapshot, f"{IRIS}/1")
