"""Reads of a shared catalog while its provider is slow, away, or never done."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from link import Link

from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import MirrorState
from model_sharing_provider.remote_providers import connections, remote_share
from model_sharing_provider.services.mirroring import freshness
from model_sharing_provider.services.mirroring.freshness import Freshness
from support.admin_client import AdminClient
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.faults import always
from support.fake_provider.server import FakeProvider, Handler
from support.fake_upstream import change, files, mirror, source_of, until
from support.model_folder import write_model
from support.patience import PATIENCE
from support.upstream_provider import UpstreamProvider

PAGE = PageRequest()
SCORER = FullName.parse("vendor.ml_team.scorer")


class EndlessFeed(FakeFeed):
    """Feed that always has more to tell."""

    def __call__(self, handler: Handler) -> None:
        self.pages = getattr(self, "pages", 0) + 1
        since = parse_qs(urlsplit(handler.path).query).get("since", [""])[0]
        self._send(
            handler, since, json.dumps({"changes": [], "token": str(self.pages), "more": True}).encode()
        )


class RestlessFeed(FakeFeed):
    """Feed that answers at once, whether there is news or not."""

    def __call__(self, handler: Handler) -> None:
        handler.path = handler.path.partition("&wait")[0]
        super().__call__(handler)


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        running.publish("ml_team.scorer", 1, files(b"first"), "Champion")
        running.feed = FakeFeed()
        yield running


@pytest.fixture
async def vendor(admin: AdminClient, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    """The same as the catalog `vendor`, and each read as if the bound had passed."""
    await mirror(admin, fake)
    monkeypatch.setattr(Freshness, "_bound_ms", -1)
    return fake


async def read(admin: AdminClient) -> tuple[float, int | None]:
    """Seconds that a read of an alias takes, and the age that it tells."""
    context = admin.provider.context(admin.context.caller)
    began = time.monotonic()
    assert (await admin.provider.versions.get_by_alias(context, SCORER, "Champion")).version == 1
    return time.monotonic() - began, context.state_age


def feed_of(fake: FakeProvider) -> FakeFeed:
    assert isinstance(fake.feed, FakeFeed)
    return fake.feed


def asked_for_changes(fake: FakeProvider) -> int:
    return sum("/changes?since=" in request.path for request in fake.requests)


def hang(fake: FakeProvider, seconds: float) -> None:
    """Let all answers take so long."""

    def answer(_: Handler) -> bool:
        time.sleep(seconds)
        return False

    fake.answer = answer


@asynccontextmanager
async def following(admin: AdminClient) -> AsyncIterator[None]:
    task = asyncio.create_task(admin.provider.mirror_follower.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_fifty_readers_cause_one_call(admin: AdminClient, vendor: FakeProvider) -> None:
    hang(vendor, 0.5)
    before = asked_for_changes(vendor)
    await asyncio.gather(*(read(admin) for _ in range(50)))
    assert asked_for_changes(vendor) == before + 1


async def test_a_provider_that_hangs_is_waited_for_once(
    admin: AdminClient, vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(remote_share, "_ANSWER_SECONDS", 1.5)
    hang(vendor, PATIENCE)
    seconds, _ = await read(admin)
    assert 0.9 < seconds < PATIENCE
    await until(admin, MirrorState.UNREACHABLE)
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", PATIENCE)
    for _ in range(3):
        seconds, age = await read(admin)
        assert seconds < PATIENCE
        assert age is not None


async def test_answers_that_fail_quickly_are_not_asked_for_by_each_reader(
    admin: AdminClient, vendor: FakeProvider
) -> None:
    vendor.answer = always(lambda handler: handler.send(200, b"nonsense"))
    await read(admin)
    await until(admin, MirrorState.INVALID_ANSWERS)
    before = len(vendor.requests)
    for _ in range(20):
        await read(admin)
    assert len(vendor.requests) <= before + 2


async def test_a_change_that_takes_long_to_write_is_no_failure(
    admin: AdminClient, vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers get the last state meanwhile; what makes a provider unreachable is no answer."""
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(remote_share, "_ANSWER_SECONDS", 0.5)
    for number in range(40):
        vendor.publish(f"ml_team.more{number}", 1, files(b"more"))
    hang(vendor, 0.1)
    feed_of(vendor).tell("SHARE_CHANGED")
    states = set()
    async with asyncio.timeout(PATIENCE):
        while len((await admin.provider.models.search_catalog(admin.context, PAGE, "vendor")).items) < 41:
            await read(admin)
            states.add((await source_of(admin)).state)
    assert states == {MirrorState.ACTIVE}


async def test_what_is_only_partly_read_is_not_called_fresh(
    admin: AdminClient, vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed whose pages do not end is given up, and its catalog ages."""
    monkeypatch.setattr(freshness, "_MOST_PAGES", 3)
    before = (await source_of(admin)).checked_at
    vendor.feed = EndlessFeed()
    await read(admin)
    await until(admin, MirrorState.INVALID_ANSWERS)
    source = await source_of(admin)
    assert source.state_reason == "The changes of share acme_share of provider acme do not end."
    assert source.checked_at == before


@pytest.mark.parametrize("feed", [EndlessFeed(), RestlessFeed()], ids=["endless", "never waits"])
async def test_a_feed_that_never_waits_does_not_keep_the_follower_busy(
    admin: AdminClient, vendor: FakeProvider, feed: FakeFeed
) -> None:
    vendor.feed = feed
    async with following(admin):
        await asyncio.sleep(0.3)
        before = asked_for_changes(vendor)
        await asyncio.sleep(2)
        assert 1 <= asked_for_changes(vendor) - before <= 6


async def test_another_process_that_found_the_provider_well_is_believed(
    admin: AdminClient, vendor: FakeProvider, settings: Settings
) -> None:
    """This process has seen that the provider is away, and would not ask for a while."""
    vendor.answer = always(lambda handler: handler.send(503, b"down"))
    await read(admin)
    await until(admin, MirrorState.UNREACHABLE)
    await asyncio.sleep(1.1)
    await read(admin)
    await asyncio.sleep(1.1)  # it is tried again for a second
    vendor.answer = None
    change(vendor).comment = "better"
    feed_of(vendor).tell("MODEL_CHANGED", "ml_team.scorer")
    async with open_provider(settings) as other:
        await other.shared_catalogs.sync(other.context(admin.context.caller), "vendor")
    before = asked_for_changes(vendor)
    await read(admin)
    assert asked_for_changes(vendor) == before + 1
    assert (await source_of(admin)).state is MirrorState.ACTIVE


async def test_a_provider_that_is_away_is_not_called_for_each_reader(
    admin: AdminClient, vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_PAUSE_AFTER_FAILURE", 0)
    monkeypatch.setattr(connections, "_FIRST_PAUSE_SECONDS", 30)
    vendor.answer = always(lambda handler: handler.send(503, b"down"))
    await read(admin)
    await until(admin, MirrorState.UNREACHABLE)
    await asyncio.sleep(1.5)  # what was asked before is tried again for a second
    before = len(vendor.requests)
    for _ in range(20):
        seconds, _ = await read(admin)
        assert seconds < PATIENCE
    # Each attempt is a few requests, which go on for a second; twenty attempts would be sixty and more.
    assert len(vendor.requests) - before <= 10


async def test_a_server_that_stops_ends_what_it_still_asks(
    vendor: FakeProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", 0.2)
    hang(vendor, 3)
    before = asyncio.all_tasks()
    async with open_provider(settings) as other:
        await read(AdminClient.of(other))
    left = [task for task in asyncio.all_tasks() - before if "_refresh" in repr(task.get_coro())]
    assert not left


async def test_an_alias_is_read_within_the_bound_however_much_has_changed(
    admin: AdminClient,
    upstream: UpstreamProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A night's job promotes many models, and the provider is far away: all takes twelve seconds and more."""
    monkeypatch.setattr(freshness.Freshness, "_bound_ms", -1)
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", 8)
    theirs, their_context, folder = upstream.admin.provider, upstream.admin.context, tmp_path / "many"
    names = [FullName("prod", "many", f"model_{number}") for number in range(40)]
    write_model(folder)
    for name in names:
        await upstream.admin.register(folder, str(name), "Champion")
        await upstream.admin.register(folder, str(name))
    await theirs.shares.add_schema(their_context, "acme_share", names[0].schema_name)
    profile = await upstream.profile_for("us", "acme_share")
    port = upstream.server.port
    assert port is not None
    with Link(port) as link:
        distant = profile.replace(f":{port}/", f":{link.port}/")
        await admin.provider.providers.create(admin.context, "acme", distant)
        await admin.provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share")
        for name in names:
            await theirs.models.set_alias(their_context, name, "Champion", 2)
        link.delay_ms = 600
        for name in names[-3:]:
            mirrored = FullName("vendor", name.schema, name.name)
            found = await admin.provider.versions.get_by_alias(admin.context, mirrored, "Champion")
            assert found.version == 2, name
        link.delay_ms = 0
        await admin.provider.shared_catalogs.sync(admin.context, "vendor")  # after what is being applied
