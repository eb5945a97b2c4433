"""A share with an owner that may not read everything: its feed tells nothing of what it hides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.change_feed import FeedReader, feed_reader
from support.model_folder import write_model
from support.principals import (
    SecurablePrivilege,
    change_owner,
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
)

pytestmark = pytest.mark.each_database

IRIS = FullName.parse("prod.ml_team.iris")
CAT = FullName.parse("prod.vision.cat")
SECRET = FullName.parse("prod.vision.secret")
MAY_READ_CAT = on_model(Privilege.EXECUTE, str(CAT))
MAY_READ_SECRET = on_model(Privilege.EXECUTE, str(SECRET))


@dataclass(frozen=True)
class Feed:
    """globex follows ana's share: `prod.ml_team.iris`, and the schema `vision`, of which she may read cat."""

    admin: AdminClient
    reader: FeedReader

    async def news(self) -> list[str]:
        return await self.reader.news()

    async def move(self, name: FullName, alias: str = "Champion") -> None:
        await self.admin.provider.models.set_alias(self.admin.context, name, alias, 1)

    async def rename(self, name: FullName, new_name: str) -> None:
        changes = SecurableUpdate(new_name=new_name)
        await self.admin.provider.models.update(self.admin.context, name, changes)


@pytest.fixture
async def feed(admin: AdminClient, endpoint: str, tmp_path: Path) -> AsyncIterator[Feed]:
    for name in (IRIS, CAT, SECRET):
        await admin.register(write_model(tmp_path / name.name), str(name))
    ana = await create_user(admin, "ana")
    await create_user(admin, "bob")
    may_read = (on_schema(Privilege.USE_SCHEMA, "prod.vision"), MAY_READ_CAT)
    await grant_privileges(
        admin,
        "ana",
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_schema(Privilege.USE_SCHEMA, "prod.ml_team"),
        on_model(Privilege.EXECUTE, str(IRIS)),
        *may_read,
    )
    for privilege in (Privilege.CREATE_SHARE, Privilege.CREATE_RECIPIENT):
        await SecurablePrivilege(privilege, SecurableType.METASTORE).grant(admin, "ana")
    hers = AdminClient(admin.provider, await ana.context())
    code = await hers.share("acme", "globex")
    await hers.provider.shares.add_model(hers.context, "acme", IRIS, SharedName("shown", "flower"))
    await hers.provider.shares.add_schema(hers.context, "acme", SchemaName.parse("prod.vision"))
    (key,) = await admin.provider.signing.list_keys(admin.context)
    async with feed_reader(await admin.activate(code, endpoint), "acme", key.pem) as reader:
        yield Feed(admin, reader)


async def test_what_the_owner_may_read_is_told(feed: Feed) -> None:
    await feed.move(IRIS)
    await feed.move(CAT)
    assert await feed.news() == ["ALIAS_SET shown.flower 1 Champion", "ALIAS_SET vision.cat 1 Champion"]


async def test_a_hidden_model_is_never_named(feed: Feed, tmp_path: Path) -> None:
    """Nor may its end or its new name give it away."""
    await feed.move(SECRET)
    await feed.admin.register(write_model(tmp_path / "hidden"), "prod.vision.hidden")
    assert await feed.news() == []
    await feed.rename(SECRET, "prod.vision.still_secret")
    await feed.admin.provider.models.delete(feed.admin.context, FullName.parse("prod.vision.hidden"))
    assert await feed.news() == ["SHARE_CHANGED"]


async def test_a_name_from_before_it_was_shown_is_not_told(feed: Feed) -> None:
    await feed.move(SECRET)
    await feed.rename(SECRET, "prod.vision.harmless")
    await on_model(Privilege.EXECUTE, "prod.vision.harmless").grant(feed.admin, "ana")
    await feed.move(FullName.parse("prod.vision.harmless"), "Challenger")
    assert await feed.news() == ["SHARE_CHANGED", "ALIAS_SET vision.harmless 1 Challenger"]


@pytest.mark.parametrize("lost", [MAY_READ_CAT, on_catalog(Privilege.USE_CATALOG, "prod")], ids=str)
async def test_a_right_that_the_owner_loses_or_gets_changes_the_share(
    feed: Feed, lost: SecurablePrivilege
) -> None:
    await lost.revoke(feed.admin, "ana")
    await feed.move(CAT)
    assert await feed.news() == ["SHARE_CHANGED"]
    await lost.grant(feed.admin, "ana")
    await feed.move(CAT, "Challenger")
    assert await feed.news() == ["SHARE_CHANGED", "ALIAS_SET vision.cat 1 Challenger"]


async def test_rights_of_the_owners_groups_count(feed: Feed) -> None:
    admin = feed.admin
    await create_group(admin, "readers")
    await MAY_READ_SECRET.grant(admin, "readers")
    assert await feed.news() == []
    await admin.provider.principals.add_member(admin.context, "readers", "ana")
    assert await feed.news() == ["SHARE_CHANGED"]
    await MAY_READ_SECRET.revoke(admin, "readers")
    assert await feed.news() == ["SHARE_CHANGED"]
    await MAY_READ_SECRET.grant(admin, "account users")
    assert await feed.news() == ["SHARE_CHANGED"]
    await admin.provider.principals.delete(admin.context, "readers")
    assert await feed.news() == ["SHARE_CHANGED"]


async def test_rights_of_others_do_not_flood_the_feed(feed: Feed) -> None:
    await MAY_READ_SECRET.grant(feed.admin, "bob")
    await MAY_READ_SECRET.revoke(feed.admin, "bob")
    await create_group(feed.admin, "others", "bob")
    assert await feed.news() == []


async def test_another_owner_of_a_model_or_what_is_above_it_changes_the_share(feed: Feed) -> None:
    admin = feed.admin
    for kind, name in (
        (SecurableType.MODEL, str(SECRET)),
        (SecurableType.SCHEMA, "prod.vision"),
        (SecurableType.CATALOG, "prod"),
        (SecurableType.SHARE, "acme"),
    ):
        await change_owner(admin, admin.context, kind, name, "ana" if name != "acme" else "bob")
        assert await feed.news() == ["SHARE_CHANGED"], name
    await feed.move(CAT)
    assert await feed.news() == []  # bob may read nothing


async def test_a_model_that_moves_out_of_the_owners_sight_leaves_the_share(feed: Feed) -> None:
    await feed.admin.provider.catalogs.create_schema(feed.admin.context, SchemaName.parse("prod.closed"))
    await feed.rename(IRIS, "prod.closed.iris")
    assert await feed.news() == ["MODEL_REMOVED shown.flower"]


async def test_an_administrators_share_does_not_depend_on_rights(feed: Feed, endpoint: str) -> None:
    admin = feed.admin
    await change_owner(admin, admin.context, SecurableType.SHARE, "acme", admin.provider.administrator.name)
    assert await feed.news() == ["SHARE_CHANGED"]
    await MAY_READ_CAT.revoke(admin, "ana")
    await feed.move(SECRET)
    assert await feed.news() == ["ALIAS_SET vision.secret 1 Champion"]
