"""A recipient follows a share: everything that changes in it, in order, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from model_sharing_protocol.errors import FeedTokenExpired, InvalidParameter, NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.rows import changes as rows
from model_sharing_provider.metastore.rows import shared_changes
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.change_feed import FeedReader, feed_reader
from support.model_folder import write_model
from support.principals import recipient_context

pytestmark = pytest.mark.each_database

IRIS, CAT, SECRET = (
    FullName.parse(f"prod.{name}") for name in ("ml_team.iris", "vision.cat", "ml_team.secret")
)


@dataclass(frozen=True)
class Feed:
    """globex follows the share acme: `prod.ml_team.iris` as `shown.flower`, and the schema `vision`."""

    admin: AdminClient
    reader: FeedReader
    endpoint: str

    async def news(self) -> list[str]:
        return await self.reader.news()

    async def register(self, folder: Path, name: FullName, alias: str | None = None) -> None:
        await self.admin.register(write_model(folder), str(name), alias)

    async def set_alias(self, name: FullName, alias: str, version: int) -> None:
        await self.admin.provider.models.set_alias(self.admin.context, name, alias, version)

    async def rename(self, name: FullName, new_name: str) -> None:
        changes = SecurableUpdate(new_name=new_name)
        await self.admin.provider.models.update(self.admin.context, name, changes)

    async def delete(self, name: FullName) -> None:
        await self.admin.provider.models.delete(self.admin.context, name)


@pytest.fixture
async def feed(admin: AdminClient, endpoint: str, tmp_path: Path) -> AsyncIterator[Feed]:
    for number, name in enumerate((IRIS, IRIS, CAT, SECRET)):
        await admin.register(write_model(tmp_path / f"m{number}"), str(name))
    code = await admin.share("acme", "globex")
    await admin.provider.shares.add_model(admin.context, "acme", IRIS, SharedName("shown", "flower"))
    await admin.add_schema("acme", "prod.vision")
    (key,) = await admin.provider.signing.list_keys(admin.context)
    async with feed_reader(await admin.activate(code, endpoint), "acme", key.pem) as reader:
        yield Feed(admin, reader, endpoint)


async def test_a_feed_begins_with_a_token_and_no_changes(feed: Feed) -> None:
    page = await feed.reader.ask("")
    assert (page.changes, page.more) == ((), False)
    assert await feed.news() == []
    again = await feed.reader.ask(page.token)
    assert again.token == page.token


async def test_what_happens_to_shared_models_is_told_in_order_under_their_shared_names(
    feed: Feed, tmp_path: Path
) -> None:
    provider, context = feed.admin.provider, feed.admin.context
    await feed.set_alias(IRIS, "Champion", 1)
    await feed.register(tmp_path / "new", IRIS, "Challenger")
    await provider.models.tag(context, IRIS, TagChange(add={"stage": "gold", "team": "x"}))
    await provider.versions.tag(context, IRIS, 2, TagChange(add={"quality": "high"}))
    await provider.versions.update(context, IRIS, 2, comment="the second", aliases=["Champion"])
    await provider.models.update(context, IRIS, SecurableUpdate(comment="all of them"))
    await provider.models.delete_alias(context, IRIS, "challenger")
    await provider.versions.delete(context, IRIS, 2)
    assert await feed.news() == [
        "ALIAS_SET shown.flower 1 Champion",
        "VERSION_ADDED shown.flower 3",
        "ALIAS_SET shown.flower 3 Challenger",
        "MODEL_CHANGED shown.flower",
        "VERSION_CHANGED shown.flower 2",
        "VERSION_CHANGED shown.flower 2",
        "ALIAS_SET shown.flower 2 Champion",
        "MODEL_CHANGED shown.flower",
        "ALIAS_DELETED shown.flower Challenger",
        "VERSION_DELETED shown.flower 2",
        "ALIAS_DELETED shown.flower Champion",
    ]


async def test_an_alias_that_is_set_to_what_it_is_is_no_news(feed: Feed) -> None:
    await feed.set_alias(IRIS, "Champion", 1)
    await feed.set_alias(IRIS, "Champion", 1)
    assert await feed.news() == ["ALIAS_SET shown.flower 1 Champion"]


async def test_a_whole_schema_shows_its_models_as_they_come_and_go(feed: Feed, tmp_path: Path) -> None:
    await feed.register(tmp_path / "dog", FullName.parse("prod.vision.dog"))
    await feed.rename(FullName.parse("prod.vision.dog"), "prod.vision.wolf")
    await feed.rename(SECRET, "prod.vision.open")
    await feed.rename(CAT, "prod.ml_team.cat")
    await feed.rename(IRIS, "prod.ml_team.rose")
    await feed.delete(FullName.parse("prod.vision.wolf"))
    assert await feed.news() == [
        "MODEL_ADDED vision.dog",
        "VERSION_ADDED vision.dog 1",
        "MODEL_RENAMED vision.dog vision.wolf",
        "MODEL_ADDED vision.open",
        "MODEL_REMOVED vision.cat",
        "MODEL_CHANGED shown.flower",
        "MODEL_REMOVED vision.wolf",
    ]


async def test_what_was_never_in_the_share_is_never_told(feed: Feed, tmp_path: Path) -> None:
    await feed.set_alias(SECRET, "Champion", 1)
    await feed.rename(SECRET, "prod.ml_team.hidden")
    await feed.delete(FullName.parse("prod.ml_team.hidden"))
    await feed.register(tmp_path / "more", FullName.parse("prod.ml_team.more"))
    assert await feed.news() == []


async def test_a_model_that_is_added_to_the_share_comes_without_its_past(feed: Feed) -> None:
    await feed.set_alias(SECRET, "Champion", 1)
    await feed.admin.provider.shares.add_model(
        feed.admin.context, "acme", SECRET, SharedName("shown", "opened")
    )
    await feed.set_alias(SECRET, "Challenger", 1)
    assert await feed.news() == ["MODEL_ADDED shown.opened", "ALIAS_SET shown.opened 1 Challenger"]


async def test_a_model_that_leaves_the_share_is_told_by_its_shared_name_alone(feed: Feed) -> None:
    await feed.set_alias(IRIS, "Champion", 1)
    await feed.admin.provider.shares.remove(feed.admin.context, "acme", "shown.flower")
    await feed.set_alias(IRIS, "Champion", 2)
    assert await feed.news() == ["MODEL_REMOVED shown.flower"]
    await feed.admin.provider.shares.add_model(
        feed.admin.context, "acme", IRIS, SharedName("shown", "flower")
    )
    await feed.delete(IRIS)
    assert await feed.news() == ["MODEL_ADDED shown.flower", "MODEL_REMOVED shown.flower"]


async def test_a_schema_that_is_added_or_removed_changes_the_share_as_a_whole(
    feed: Feed, tmp_path: Path
) -> None:
    """What happened to its models before is not told: they may have been gone before they were shared."""
    await feed.delete(SECRET)
    await feed.admin.add_schema("acme", "prod.ml_team")
    await feed.register(tmp_path / "new", FullName.parse("prod.ml_team.new"))
    assert await feed.news() == ["SHARE_CHANGED", "MODEL_ADDED ml_team.new", "VERSION_ADDED ml_team.new 1"]
    await feed.admin.provider.shares.remove(feed.admin.context, "acme", "vision")
    await feed.set_alias(CAT, "Champion", 1)
    assert await feed.news() == ["SHARE_CHANGED"]


async def test_a_single_model_takes_the_place_of_its_namesake_in_a_whole_schema(feed: Feed) -> None:
    shares, context = feed.admin.provider.shares, feed.admin.context
    await shares.add_model(context, "acme", SECRET, SharedName("vision", "cat"))
    assert await feed.news() == ["SHARE_CHANGED"]
    await feed.set_alias(CAT, "Champion", 1)
    await feed.set_alias(SECRET, "Champion", 1)
    assert await feed.news() == ["ALIAS_SET vision.cat 1 Champion"]


async def test_a_share_that_is_renamed_or_described_says_so(feed: Feed) -> None:
    update = feed.admin.provider.shares.update
    await update(feed.admin.context, "acme", changes=SecurableUpdate(comment="for globex"))
    await update(feed.admin.context, "acme", changes=SecurableUpdate(comment="for globex"))
    assert await feed.news() == ["SHARE_CHANGED"]
    await update(feed.admin.context, "acme", changes=SecurableUpdate(new_name="better"))
    with pytest.raises(NotFound):
        await feed.reader.ask(feed.reader.token)
    feed.reader.share = "better"
    assert await feed.news() == ["SHARE_CHANGED"]


async def test_long_news_come_in_pages(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        await feed.set_alias(IRIS, f"a{number}", 1)
    whole = await feed.reader.ask(feed.reader.token)
    assert [change.alias for change in whole.changes] == [f"a{number}" for number in range(7)]
    first = await feed.reader.ask(feed.reader.token, max_results=3)
    assert (first.changes, first.more) == (whole.changes[:3], True)
    second = await feed.reader.ask(first.token, max_results=4)
    assert (second.changes, second.more) == (whole.changes[3:], False)
    nothing = await feed.reader.ask(feed.reader.token, max_results=0)
    assert (nothing.changes, nothing.token, nothing.more) == ((), feed.reader.token, True)
    # Changes of others are looked through a bounded number at a time.
    monkeypatch.setattr(shared_changes, "MAX_SCANNED", 5)
    for _ in range(6):
        await feed.set_alias(SECRET, "other", 1)
        await feed.admin.provider.models.delete_alias(feed.admin.context, SECRET, "other")
    await feed.set_alias(IRIS, "last", 2)
    assert await feed.news() == [
        *(f"ALIAS_SET shown.flower 1 a{number}" for number in range(7)),
        "ALIAS_SET shown.flower 2 last",
    ]


async def test_a_transaction_may_change_more_than_a_statement_has_parameters(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_MAX_PARAMETERS", 1)
    async with feed.admin.provider.database.write() as unit:
        found = {name: await unit.models.find(name) for name in (IRIS, CAT)}
        versions = {name: await unit.versions.find(model.id, 1) for name, model in found.items() if model}
        for name, model in found.items():
            version = versions[name]
            assert model is not None
            assert version is not None
            await unit.models.set_tag(model.id, "stage", "gold")
            await unit.models.set_tag(version.id, "stage", "gold")
    assert await feed.news() == [
        "MODEL_CHANGED shown.flower",
        "VERSION_CHANGED shown.flower 1",
        "MODEL_CHANGED vision.cat",
        "VERSION_CHANGED vision.cat 1",
    ]


async def test_concurrent_writers_do_not_make_a_reader_skip_anything(feed: Feed) -> None:
    """A number that is visible before a smaller one would be lost to whoever read meanwhile."""
    told: list[str] = []
    writing = True

    async def write(name: FullName, prefix: str) -> None:
        for number in range(20):
            await feed.set_alias(name, f"{prefix}{number}", 1)
            await feed.admin.provider.models.delete_alias(feed.admin.context, name, f"{prefix}{number}")

    async def read() -> None:
        while writing:
            told.extend(await feed.news())

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(*each) for each in ((IRIS, "a"), (CAT, "b"), (IRIS, "c"), (CAT, "d"))))
    writing = False
    await reading
    told += await feed.news()
    for shown, prefix in (
        ("shown.flower", "a"),
        ("vision.cat", "b"),
        ("shown.flower", "c"),
        ("vision.cat", "d"),
    ):
        mine = [line for line in told if line.split()[-1].rstrip("0123456789") == prefix]
        assert mine == [
            line
            for number in range(20)
            for line in (f"ALIAS_SET {shown} 1 {prefix}{number}", f"ALIAS_DELETED {shown} {prefix}{number}")
        ]


async def test_a_token_that_is_too_old_says_to_start_again(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 10)
    monkeypatch.setattr(rows, "_DELETED_EVERY", 5)
    old = feed.reader.token
    for number in range(20):
        await feed.set_alias(IRIS, f"a{number % 5}", 1 + number % 2)
    with pytest.raises(FeedTokenExpired, match="List the share again"):
        await feed.reader.ask(old)
    async with feed.admin.provider.database.read() as unit:
        assert await unit.shared_changes.mark_of(0) is None
    await feed.reader.start()
    await feed.set_alias(IRIS, "a0", 1)
    assert await feed.news() == ["ALIAS_SET shown.flower 1 a0"]


async def test_old_changes_are_deleted_by_age_but_for_the_newest(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_AGE_MS", -60_000)
    monkeypatch.setattr(rows, "_DELETED_EVERY", 5)
    await feed.set_alias(IRIS, "kept", 1)
    for number in range(10):
        await feed.set_alias(SECRET, f"a{number}", 1)
    assert await feed.news() == ["ALIAS_SET shown.flower 1 kept"]
    monkeypatch.setattr(rows, "_MIN_ROWS", 5)
    old = feed.reader.token
    for _ in range(10):
        await feed.admin.provider.models.delete_alias(feed.admin.context, SECRET, "a0")
        await feed.set_alias(SECRET, "a0", 1)
    with pytest.raises(FeedTokenExpired):
        await feed.reader.ask(old)


@pytest.mark.parametrize(
    "token", ["x", "1-" + "0" * 32, "999999999-" + "0" * 32, "1" * 5000, "-1", "٣-" + "0" * 32]
)
async def test_a_made_up_token_says_to_start_again(feed: Feed, token: str) -> None:
    with pytest.raises(FeedTokenExpired):
        await feed.reader.ask(token)


async def test_a_token_is_of_one_grant_of_one_share(feed: Feed) -> None:
    admin = feed.admin
    await admin.provider.shares.create(admin.context, "other")
    await admin.provider.share_permissions.grant(admin.context, "other", "globex")
    other = replace(feed.reader, share="other")
    with pytest.raises(FeedTokenExpired):
        await other.ask(feed.reader.token)
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    with pytest.raises(NotFound):
        await feed.reader.ask(feed.reader.token)
    await admin.provider.share_permissions.grant(admin.context, "acme", "globex")
    with pytest.raises(FeedTokenExpired):
        await feed.reader.ask(feed.reader.token)


async def test_a_share_that_is_not_granted_answers_like_none(feed: Feed) -> None:
    await feed.admin.provider.shares.create(feed.admin.context, "private")
    private, missing = (replace(feed.reader, share=name) for name in ("private", "missing"))
    with pytest.raises(NotFound) as hidden:
        await private.ask(feed.reader.token, wait=5)
    with pytest.raises(NotFound) as absent:
        await missing.ask(feed.reader.token, wait=5)
    assert hidden.value.message.replace("private", "missing") == absent.value.message


@pytest.mark.parametrize("query", ["wait=-1", "wait=x", "wait=1.5", "wait=%D9%A3", "maxResults=-1"])
async def test_a_wrong_number_is_refused(feed: Feed, query: str) -> None:
    url = f"{feed.endpoint}/shares/acme/changes?{query}"
    headers = {"Authorization": f"Bearer {feed.reader.profile.bearer_token}"}
    async with feed.reader.session.get(url, headers=headers) as answer:
        assert answer.status == InvalidParameter.row.open_sharing_status
        assert query.partition("=")[0] in (await answer.json())["message"]


async def test_a_restored_database_refuses_the_tokens_of_its_future(
    feed: Feed, settings: Settings, tmp_path: Path
) -> None:
    """It counts to the same numbers again, for other changes."""
    if settings.postgresql_url:
        pytest.skip("a database of PostgreSQL is backed up by PostgreSQL's own tools")
    await feed.admin.provider.backups.create(feed.admin.context, tmp_path / "backup")
    before = feed.reader.token
    await feed.set_alias(IRIS, "Champion", 1)
    future = (await feed.reader.ask(before)).token
    home = tmp_path / "restored"
    (tmp_path / "backup").rename(home)
    async with open_provider(replace(settings, home=home)) as provider:
        admin = AdminClient.of(provider)
        recipient = await recipient_context(admin, "globex")
        for _ in range(2):
            with pytest.raises(FeedTokenExpired):
                await provider.changes.list(recipient, "acme", future)
            await provider.models.set_alias(admin.context, IRIS, "Challenger", 2)
        _, page, _ = await provider.changes.list(recipient, "acme", before)
        assert [change.alias for change in page.changes] == ["Challenger"]


async def test_a_recall_is_told_after_its_aliases_moved(feed: Feed) -> None:
    await feed.set_alias(IRIS, "Champion", 1)
    assert await feed.news()
    recalls, context = feed.admin.provider.recalls, feed.admin.context
    await recalls.recall(context, IRIS, 1, "wrong labels", 2)
    assert await feed.news() == ["ALIAS_SET shown.flower 2 Champion", "VERSION_RECALLED shown.flower 1"]
    await recalls.lift(context, IRIS, 1)
    assert await feed.news() == ["VERSION_CHANGED shown.flower 1"]
