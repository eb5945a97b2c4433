"""Syncs of shared catalogs during which something else happens, here or at the provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidState, NotFound, StaleAnswer, Unauthenticated
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.times import now_ms
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import MirrorCheck, MirrorState
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.mirroring import follower, freshness
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.registry.updates import NO_CHANGE, SecurableUpdate
from support.admin_client import AdminClient
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.faults import always
from support.fake_provider.server import FakeProvider
from support.fake_upstream import change, files, meanwhile, mirror, source_of
from support.model_folder import write_model
from support.patience import PATIENCE
from support.principals import SecurablePrivilege, create_user

pytestmark = pytest.mark.each_database

PAGE = PageRequest()
SCORER = FullName.parse("vendor.ml_team.scorer")
OWN = FullName.parse("vendor.ml_team.scorer")
RENAMED = FullName.parse("theirs.ml_team.scorer")


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """A provider that shares a model with two versions."""
    with FakeProvider() as running:
        running.publish("ml_team.scorer", 1, files(b"first"), "Champion")
        running.publish("ml_team.scorer", 2, files(b"second"))
        running.models["ml_team.scorer"].id = "scorer-id"
        yield running


async def sync(admin: AdminClient) -> None:
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")


async def test_a_catalog_renamed_meanwhile_goes_on_and_its_former_name_is_free(
    admin: AdminClient, fake: FakeProvider, tmp_path: Path
) -> None:
    """An own catalog that takes the name is not touched, though its models are called the same."""
    await mirror(admin, fake)
    change(fake).versions[3] = files(b"third")
    folder = write_model(tmp_path / "own")

    async def rename() -> None:
        await admin.provider.catalogs.update(admin.context, "vendor", SecurableUpdate(new_name="theirs"))
        await admin.register(folder, str(OWN))
        await admin.provider.catalogs.create_schema(admin.context, SchemaName.parse("vendor.other"))

    meanwhile(fake, "versions/3/query", rename)
    await sync(admin)
    assert (await admin.provider.models.get(admin.context, RENAMED)).latest_version == 3
    assert (await admin.provider.versions.get(admin.context, OWN, 1)).origin is None
    assert (await admin.provider.models.get(admin.context, OWN)).comment != "flowers"
    assert (await source_of(admin, "theirs")).state is MirrorState.ACTIVE
    schemas = await admin.provider.catalogs.page_schemas(admin.context, "vendor", PAGE)
    assert [each.full_name.schema for each in schemas.items] == ["ml_team", "other"]


async def test_a_catalog_deleted_meanwhile_leaves_nothing(
    admin: AdminClient, fake: FakeProvider, provider_home: Path
) -> None:
    await mirror(admin, fake)
    change(fake).versions[3] = files(b"third")

    async def delete() -> None:
        await admin.provider.catalogs.delete(admin.context, "vendor")

    meanwhile(fake, "versions/3/query", delete)
    with pytest.raises(InvalidState, match="'vendor' was deleted while"):
        await sync(admin)
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]
    await admin.provider.providers.delete(admin.context, "acme")


async def test_a_profile_replaced_meanwhile_is_not_blamed_for_the_former_one(
    admin: AdminClient, fake: FakeProvider
) -> None:
    await mirror(admin, fake)

    async def update() -> None:
        fake.answer = always(lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "No."))
        profile = fake.profile(expirationTime="2999-01-01T00:00:00Z").decode()
        await admin.provider.providers.update(admin.context, "acme", NO_CHANGE, profile)

    meanwhile(fake, "/all-models", update)
    change(fake).aliases["Champion"] = 2
    with pytest.raises(Unauthenticated):
        await sync(admin)
    assert (await source_of(admin)).state is MirrorState.ACTIVE


async def test_a_provider_that_went_back_to_a_backup_is_named(admin: AdminClient, fake: FakeProvider) -> None:
    await mirror(admin, fake)
    before = fake.sequence, fake.models["ml_team.scorer"].updated_at
    change(fake).aliases["Champion"] = 2
    await sync(admin)
    model = fake.models["ml_team.scorer"]
    model.aliases["Champion"] = 1
    fake.sequence, model.updated_at = before
    with pytest.raises(StaleAnswer, match="went back to a backup"):
        await sync(admin)
    source = await source_of(admin)
    assert source.state is MirrorState.STALE_ANSWERS
    assert "delete the catalog and create it again" in source.state_reason
    assert (await admin.provider.models.get(admin.context, SCORER)).aliases == {"Champion": 2}


async def test_a_model_listed_before_another_server_saw_a_change_is_no_replay(
    admin: AdminClient, fake: FakeProvider, settings: Settings
) -> None:
    await mirror(admin, fake)
    change(fake).aliases["Champion"] = 2

    async def change_again() -> None:
        change(fake).aliases["Champion"] = 1
        async with open_provider(settings) as other:
            await other.shared_catalogs.sync(other.context(admin.context.caller), "vendor")

    async def after_the_listing() -> None:
        meanwhile(fake, "/versions", change_again)

    meanwhile(fake, "/schemas", after_the_listing)
    await sync(admin)
    assert (await source_of(admin)).state is MirrorState.ACTIVE
    assert (await admin.provider.models.get(admin.context, SCORER)).aliases == {"Champion": 1}


async def test_an_alias_that_another_server_saw_move_on_is_no_replay(
    admin: AdminClient, fake: FakeProvider, settings: Settings
) -> None:
    """This server was told of one move, and writes it when another server has written the next one."""
    await mirror(admin, fake)
    change(fake).aliases["Champion"] = 2
    change(fake).versions[3] = files(b"third")

    async def move_on() -> None:
        change(fake).aliases["Champion"] = 3
        async with open_provider(settings) as other:
            await other.shared_catalogs.sync(other.context(admin.context.caller), "vendor")
        fake.sequence, fake.models["ml_team.scorer"].aliases["Champion"] = (1, 3), 2

    meanwhile(fake, "/aliases/", move_on)
    await sync(admin)
    assert (await source_of(admin)).state is MirrorState.ACTIVE
    assert (await admin.provider.models.get(admin.context, SCORER)).aliases == {"Champion": 3}


async def may_execute(admin: AdminClient, *names: str) -> list[bool]:
    """Whether models have a grant to ana."""
    found = []
    for name in names:
        grants = await admin.provider.permissions.get(admin.context, SecurableType.MODEL, f"vendor.{name}")
        found.append(any(grant.principal == "ana" for grant in grants))
    return found


async def grant(admin: AdminClient, *names: str) -> None:
    for name in names:
        await SecurablePrivilege(Privilege.EXECUTE, SecurableType.MODEL, f"vendor.{name}").grant(admin, "ana")


def rename(fake: FakeProvider, **names: str) -> None:
    """Rename models, all at once: by their present names in the schema `ml_team`."""
    models = {old: fake.models.pop(f"ml_team.{old}") for old in names}
    for old, new in names.items():
        fake.models[new] = models[old]
        change(fake, new)


@pytest.mark.parametrize("how", ["sync", "feed", "slow feed"])
@pytest.mark.parametrize(
    "names",
    [
        {"scorer": "ml_team.ranker", "ranker": "ml_team.scorer"},
        {"scorer": "ml_team.ranker", "ranker": "ml_team.other", "other": "ml_team.scorer"},
        {"scorer": "ml_team.ranker", "ranker": "ml_team.other", "other": "ml_team.last"},
        {"scorer": "research.scorer", "ranker": "ml_team.scorer", "other": "research.ranker"},
    ],
    ids=["swap", "circle", "chain", "schemas"],
)
async def test_models_that_take_each_others_names_keep_their_grants_and_rows(
    admin: AdminClient,
    fake: FakeProvider,
    names: dict[str, str],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ranker", "other"):
        fake.publish(f"ml_team.{name}", 1, files(name.encode()), "Champion")
        fake.models[f"ml_team.{name}"].id = f"{name}-id"
    fake.feed = told = FakeFeed()
    await mirror(admin, fake)
    await create_user(admin, "ana")
    await grant(admin, *(f"ml_team.{old}" for old in names))
    before = await rows_of(admin, *(f"ml_team.{old}" for old in names))
    rename(fake, **names)
    for old, new in names.items():
        told.tell("MODEL_RENAMED", new, previousModel=f"ml_team.{old}")
    if how == "sync":
        await sync(admin)
    else:
        monkeypatch.setattr(Freshness, "_bound_ms", -1)
    if how == "slow feed":  # so that each model is asked for as well
        monkeypatch.setattr(freshness, "_PATIENCE_WITH_CHANGES", 0)
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", PATIENCE)
    assert await rows_of(admin, *names.values()) == before
    assert all(await may_execute(admin, *names.values()))
    models = (await admin.provider.models.search_catalog(admin.context, PAGE, "vendor")).items
    assert {f"{each.full_name.schema}.{each.full_name.name}" for each in models} == set(fake.models)


async def test_a_model_made_again_under_the_same_name_is_another_one(
    admin: AdminClient, fake: FakeProvider
) -> None:
    await mirror(admin, fake)
    await create_user(admin, "ana")
    await grant(admin, "ml_team.scorer")
    del fake.models["ml_team.scorer"]
    fake.publish("ml_team.scorer", 1, files(b"another"))
    fake.models["ml_team.scorer"].id = "another-id"
    await sync(admin)
    assert not any(await may_execute(admin, "ml_team.scorer"))
    model = await admin.provider.models.get(admin.context, SCORER)
    assert (model.aliases, model.latest_version) == ({}, 1)


async def rows_of(admin: AdminClient, *names: str) -> list[str]:
    """Ids of models here."""
    found = [
        await admin.provider.models.get(admin.context, FullName.parse(f"vendor.{name}")) for name in names
    ]
    return [model.id for model in found]


async def test_an_alias_that_moves_a_hundred_times_ends_where_it_is_and_never_goes_back(
    admin: AdminClient, fake: FakeProvider, settings: Settings
) -> None:
    """Two servers apply the same changes, and somebody reads all the time."""
    fake.feed = told = FakeFeed()
    for number in range(3, 103):
        fake.publish("ml_team.scorer", number, files(b"%d" % number))
    await mirror(admin, fake)
    seen = []
    async with open_provider(settings) as other:
        followers = [asyncio.create_task(each.mirror_follower.run()) for each in (admin.provider, other)]
        context = other.context(admin.context.caller)
        try:
            for number in range(3, 103):
                change(fake).aliases["Champion"] = number
                told.tell("ALIAS_SET", "ml_team.scorer", alias="Champion", version=number)
                seen.append((await other.versions.get_by_alias(context, SCORER, "Champion")).version)
                seen.append(
                    (await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")).version
                )
            async with asyncio.timeout(PATIENCE):
                while seen[-1] != 102:
                    await asyncio.sleep(0.05)
                    seen.append((await admin.provider.models.get(admin.context, SCORER)).aliases["Champion"])
        finally:
            for task in followers:
                task.cancel()
            await asyncio.wait(followers)
    assert seen == sorted(seen)
    assert (await source_of(admin)).state is MirrorState.ACTIVE
    reasons = [event.reason for event in await admin.provider.audit.latest(admin.context, 300)]
    assert not any(reasons)


async def test_a_version_deleted_while_versions_are_listed_is_not_here(
    admin: AdminClient, fake: FakeProvider
) -> None:
    await mirror(admin, fake)
    model = change(fake)
    model.versions[3] = files(b"third")
    model.aliases["Newest"] = 3

    async def delete() -> None:
        change(fake)
        del model.versions[3], model.aliases["Newest"]

    meanwhile(fake, "versions/3/query", delete)
    await sync(admin)
    await sync(admin)
    found = await admin.provider.models.get(admin.context, SCORER)
    assert (found.latest_version, found.aliases) == (2, {"Champion": 1})


async def test_a_share_renamed_there_is_a_withdrawn_one_here(admin: AdminClient, fake: FakeProvider) -> None:
    await mirror(admin, fake)
    fake.shares = ["another"]
    with pytest.raises(NotFound):
        await sync(admin)
    assert (await source_of(admin)).state is MirrorState.REVOKED


async def test_a_share_has_one_follower_until_that_is_silent(admin: AdminClient, fake: FakeProvider) -> None:
    await mirror(admin, fake)
    async with admin.provider.database.write() as rows:
        found = await rows.mirrors.find_by_catalog("vendor")
        assert found is not None
        now = now_ms()
        assert await rows.mirrors.follow(found.catalog_id, "first", now, now + 15_000)
        assert not await rows.mirrors.follow(found.catalog_id, "second", now + 14_000, now + 29_000)
        assert await rows.mirrors.follow(found.catalog_id, "first", now + 14_000, now + 29_000)
        assert not await rows.mirrors.follow(found.catalog_id, "second", now + 28_000, now + 43_000)
        assert await rows.mirrors.follow(found.catalog_id, "second", now + 29_001, now + 44_000)
        assert not await rows.mirrors.follow(found.catalog_id, "first", now + 29_002, now + 44_000)


async def test_a_follower_that_is_killed_is_followed_by_another(
    admin: AdminClient, fake: FakeProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is killed does not say so: its right to follow ends by itself."""
    monkeypatch.setattr(follower, "_LEASE_MS", 1500)
    monkeypatch.setattr(follower, "_LOOK_EVERY_SECONDS", 0.1)
    fake.feed = told = FakeFeed()
    await mirror(admin, fake)
    asked = len(told.asked)
    async with open_provider(settings) as other:
        first = asyncio.create_task(admin.provider.mirror_follower.run())
        await until_asked(told, asked + 1)
        second = asyncio.create_task(other.mirror_follower.run())
        await asyncio.sleep(0.5)
        assert len(told.asked) == asked + 1
        monkeypatch.setattr(admin.provider.mirror_follower, "_stop", end_silently(admin))
        first.cancel()
        await asyncio.wait([first])
        killed = time.monotonic()
        await until_asked(told, asked + 2)
        assert time.monotonic() - killed > 0.5
        second.cancel()
        await asyncio.wait([second])


def end_silently(admin: AdminClient) -> Callable[[], Awaitable[None]]:
    async def stop() -> None:
        for task in admin.provider.mirror_follower._following.values():
            task.cancel()

    return stop


async def until_asked(feed: FakeFeed, times: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(feed.asked) < times:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.02)


async def test_an_older_check_does_not_replace_a_later_one(admin: AdminClient, fake: FakeProvider) -> None:
    """A process that was slow must not call fresh what it read before another one read more."""
    await mirror(admin, fake)
    later = MirrorCheck(feed_token="later", checked_at=now_ms() + 1000)
    async with admin.provider.database.write() as rows:
        found = await rows.mirrors.find_by_catalog("vendor")
        assert found is not None
        await rows.mirrors.record_check(found.catalog_id, later)
        await rows.mirrors.record_check(
            found.catalog_id, MirrorCheck(feed_token="earlier", checked_at=later.checked_at - 1)
        )
        assert await rows.mirrors.last_check(found.catalog_id) == later
