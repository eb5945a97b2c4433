"""A recipient waits for changes: told at once whoever made them, and never longer than it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from model_sharing_protocol.errors import FeedTokenExpired, NotFound, Unauthenticated
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.metastore.rows.shared_changes import SharedChangeRows
from model_sharing_provider.services.sharing import change_signal
from support.admin_client import AdminClient
from support.change_feed import FeedReader, feed_reader
from support.model_folder import write_model

pytestmark = pytest.mark.each_database

IRIS, OTHER = FullName.parse("prod.ml_team.iris"), FullName.parse("prod.ml_team.other")
LONG = 60
"""Seconds of a wait that is not to be waited out."""
SOON = 50
"""Seconds that a busy machine may take for what takes 0.3, and shorter than that wait."""


@pytest.fixture
async def reader(admin: AdminClient, endpoint: str, tmp_path: Path) -> AsyncIterator[FeedReader]:
    """globex follows the share acme, with the model iris."""
    for name in (IRIS, OTHER):
        await admin.register(write_model(tmp_path / name.name), str(name))
    code = await admin.share("acme", "globex", str(IRIS))
    (key,) = await admin.provider.signing.list_keys(admin.context)
    async with feed_reader(await admin.activate(code, endpoint), "acme", key.pem) as opened:
        yield opened


async def waiting(reader: FeedReader) -> asyncio.Task[list[str]]:
    """A reader that waits by now."""
    task = asyncio.create_task(reader.news(LONG))
    await asyncio.sleep(0.3)
    assert not task.done()
    return task


async def move(admin: AdminClient, name: FullName = IRIS, alias: str = "Champion") -> None:
    await admin.provider.models.set_alias(admin.context, name, alias, 1)


async def test_a_change_is_told_as_soon_as_it_is_committed(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    await move(admin)
    assert await asyncio.wait_for(news, SOON) == ["ALIAS_SET ml_team.iris 1 Champion"]


async def test_a_change_by_another_server_is_told_as_well(
    admin: AdminClient, reader: FeedReader, settings: Settings
) -> None:
    news = await waiting(reader)
    async with open_provider(settings) as other:
        await move(AdminClient.of(other))
    assert await asyncio.wait_for(news, SOON) == ["ALIAS_SET ml_team.iris 1 Champion"]


async def test_what_changed_before_is_told_without_waiting(admin: AdminClient, reader: FeedReader) -> None:
    await move(admin)
    assert await asyncio.wait_for(reader.news(LONG), SOON) == ["ALIAS_SET ml_team.iris 1 Champion"]


async def test_changes_of_others_do_not_end_a_wait(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    await move(admin, OTHER)
    await asyncio.sleep(0.4)
    assert not news.done()
    await move(admin)
    assert await asyncio.wait_for(news, SOON) == ["ALIAS_SET ml_team.iris 1 Champion"]


async def test_a_wait_ends_without_news_after_its_time(reader: FeedReader) -> None:
    began = time.monotonic()
    assert await reader.news(1) == []
    assert 0.9 < time.monotonic() - began < SOON


async def test_a_wait_does_not_make_the_provider_look_slow(reader: FeedReader) -> None:
    """An alert is about the time that recipients wait for answers; here they want to."""

    def seconds() -> float:
        labels = {"face": "open-sharing", "route": "/delta-sharing/shares/{share}/changes"}
        return REGISTRY.get_sample_value("model_sharing_request_seconds_sum", labels) or 0.0

    before = seconds()
    await reader.news(2)
    assert 0 < seconds() - before < 2


async def test_a_wait_ends_when_the_share_is_revoked(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    with pytest.raises(NotFound):
        await asyncio.wait_for(news, SOON)


async def test_a_wait_ends_when_the_token_is_revoked(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    recipient, _ = await admin.provider.recipients.get(admin.context, "globex")
    await admin.provider.recipients.revoke_token(admin.context, "globex", recipient.tokens[0].id)
    with pytest.raises(Unauthenticated):
        await asyncio.wait_for(news, SOON)


async def test_a_wait_with_a_wrong_token_ends_at_once(reader: FeedReader) -> None:
    with pytest.raises(FeedTokenExpired):
        await asyncio.wait_for(reader.ask("1-x", LONG), SOON)


async def test_a_wait_ends_when_the_server_stops(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    admin.provider.changes.stop_waiting()
    assert await asyncio.wait_for(news, SOON) == []


async def test_a_client_that_goes_away_is_not_waited_for(admin: AdminClient, reader: FeedReader) -> None:
    news = await waiting(reader)
    news.cancel()
    poller = admin.provider.changes._signal._poller
    assert poller is not None
    await asyncio.wait_for(poller, SOON)


async def test_a_hundred_wait_at_the_cost_of_one(
    admin: AdminClient, reader: FeedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds a connection, one poller asks for all, and the page is read once."""
    polls, pages = 0, 0
    read_token, read_page = admin.provider.changes._signal._read_token, SharedChangeRows.page

    async def count_poll() -> str:
        nonlocal polls
        polls += 1
        return await read_token()

    async def count_page(self: SharedChangeRows, *args: object) -> object:
        nonlocal pages
        pages += 1
        return await read_page(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(admin.provider.changes._signal, "_read_token", count_poll)
    monkeypatch.setattr(SharedChangeRows, "page", count_page)
    readers = [replace(reader) for _ in range(100)]
    began = time.monotonic()
    news = [asyncio.create_task(each.news(LONG)) for each in readers]
    await asyncio.sleep(2)
    assert not any(task.done() for task in news)
    polls_of_one = (time.monotonic() - began) / change_signal.POLL_SECONDS
    assert polls <= polls_of_one + len(readers)
    await move(admin)
    for each in await asyncio.wait_for(asyncio.gather(*news), SOON):
        assert each == ["ALIAS_SET ml_team.iris 1 Champion"]
    assert pages <= 2


async def test_more_than_may_wait_are_answered_at_once(
    reader: FeedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_signal, "MAX_WAITING", 1)
    first = await waiting(replace(reader))
    assert await asyncio.wait_for(reader.news(LONG), SOON) == []
    first.cancel()


async def test_a_wait_is_one_event_in_the_audit_log(admin: AdminClient, reader: FeedReader) -> None:
    async def events() -> int:
        action = AuditAction.DELTA_SHARING_LIST_CHANGES
        return len(await admin.provider.audit.latest(admin.context, 100, action=action))

    before = await events()
    news = await waiting(reader)
    await move(admin)
    await news
    assert await events() == before + 1
