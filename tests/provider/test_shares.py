"""Shares: their objects, and what recipients see of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.unity_catalog import PREFIX as UNITY_CATALOG
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.sharing import RecipientOverview
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load

pytestmark = pytest.mark.each_database


async def recipient_context(admin: AdminClient, name: str) -> Context:
    """The context of a recipient, as authentication would make it."""
    recipient, _ = await admin.provider.recipients.get(admin.context, name)
    principal = Principal(PrincipalType.RECIPIENT, recipient.id, recipient.name, recipient.tokens[0].id)
    return admin.provider.context(Caller(principal, "test"))


async def shown(admin: AdminClient, context: Context, share: str = "acme", size: int = 500) -> list[str]:
    """The names that a recipient sees, read page by page."""
    names: list[str] = []
    page = PageRequest(size)
    while True:
        found = await admin.provider.recipient_view.list_models(context, share, None, page)
        names += [str(item.shared_name) for item in found.items]
        if found.last_key is None:
            return names
        page = PageRequest(size, found.last_key)


async def test_a_schema_shows_its_present_and_future_models(admin: AdminClient, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, "prod.ml_team.a")
    await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    globex = await recipient_context(admin, "globex")
    assert await shown(admin, globex) == ["ml_team.a"]
    await admin.register(folder, "prod.ml_team.b")
    assert await shown(admin, globex) == ["ml_team.a", "ml_team.b"]


async def test_a_model_added_by_itself_wins_over_its_namesake_of_a_schema(
    admin: AdminClient, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, "prod.ml_team.scorer")
    special = await admin.register(folder, "dev.lab.scorer")
    await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    await admin.provider.shares.add_model(
        admin.context, "acme", FullName.parse("dev.lab.scorer"), SharedName("ml_team", "scorer")
    )
    globex = await recipient_context(admin, "globex")
    assert await shown(admin, globex) == ["ml_team.scorer"]
    found = await admin.provider.recipient_view.get_model(globex, "acme", SharedName("ml_team", "scorer"))
    assert found.model.id == special.model_id


async def test_paging_is_complete_whatever_the_mixture(admin: AdminClient, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    for name in ("prod.b.one", "prod.b.two", "prod.b.three", "dev.x.alpha", "dev.x.beta"):
        await admin.register(folder, name)
    await admin.share("acme", "globex", "dev.x.alpha")
    await admin.add_schema("acme", "prod.b")
    await admin.provider.shares.add_model(
        admin.context, "acme", FullName.parse("dev.x.beta"), SharedName("b", "newcomer")
    )
    globex = await recipient_context(admin, "globex")
    everything = ["b.newcomer", "b.one", "b.three", "b.two", "x.alpha"]
    for size in (1, 2, 3, 4, 5, 500):
        assert await shown(admin, globex, size=size) == everything
    schemas = await admin.provider.recipient_view.list_schemas(globex, "acme", PageRequest(1))
    assert [schema.name for schema in schemas[1].items] == ["b"]


async def test_what_is_in_a_share_cannot_be_added_again(admin: AdminClient, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, "prod.ml_team.a")
    await admin.register(folder, "prod.ml_team.b")
    await admin.share("acme", "globex", "prod.ml_team.a")
    shares = admin.provider.shares
    with pytest.raises(AlreadyExists, match=r"contains 'prod\.ml_team\.a'"):
        await shares.add_model(
            admin.context, "acme", FullName.parse("prod.ml_team.b"), SharedName("ml_team", "a")
        )
    with pytest.raises(AlreadyExists, match="already"):
        await shares.add_model(
            admin.context, "acme", FullName.parse("prod.ml_team.a"), SharedName("other", "name")
        )
    with pytest.raises(InvalidParameter, match="reserved"):
        await shares.add_model(
            admin.context, "acme", FullName.parse("prod.ml_team.b"), SharedName("information_schema", "b")
        )
    with pytest.raises(AlreadyExists):
        await shares.create(admin.context, "ACME")


async def test_removing_and_revoking(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await admin.share("acme", "globex", "prod.ml_team.a")
    globex = await recipient_context(admin, "globex")
    await admin.provider.shares.remove(admin.context, "acme", "ml_team.A")
    assert await shown(admin, globex) == []
    with pytest.raises(NotFound, match="nothing shared as"):
        await admin.provider.shares.remove(admin.context, "acme", "ml_team.a")
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    with pytest.raises(NotFound):
        await shown(admin, globex)
    with pytest.raises(InvalidState, match="not granted"):
        await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")


async def test_granting_twice_changes_nothing(admin: AdminClient) -> None:
    await admin.share("acme", "globex")
    _, _, before = await admin.provider.shares.get(admin.context, "acme")
    assert await admin.provider.share_permissions.grant(admin.context, "acme", "globex") == before[0]
    _, _, after = await admin.provider.shares.get(admin.context, "acme")
    assert after == before


async def test_deleting_a_share_ends_it_for_its_recipients_only(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await admin.share("acme", "globex", "prod.ml_team.a")
    globex = await recipient_context(admin, "globex")
    await admin.provider.shares.delete(admin.context, "acme")
    with pytest.raises(NotFound):
        await shown(admin, globex)
    assert (
        await admin.provider.models.get(admin.context, FullName.parse("prod.ml_team.a"))
    ).latest_version == 1


async def test_recipients_read_whether_they_may_share_further(admin: AdminClient, server: TestServer) -> None:
    profile = await admin.activate(await admin.share("acme", "globex"), str(server.make_url(PREFIX)))
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    _, admin_token = await admin.provider.principals.create_token(admin.context, "admin")
    as_admin = {"Authorization": f"Bearer {admin_token}"}
    read, catalog = server.make_url(f"{PREFIX}/shares/acme"), server.make_url(f"{UNITY_CATALOG}/shares/acme")
    async with aiohttp.ClientSession() as session:

        async def told() -> object:
            async with session.get(read, headers=headers) as answer:
                return (await answer.json())["share"].get("resharing")

        assert await told() is None
        async with session.patch(catalog, json={"resharing": True}, headers=as_admin) as answer:
            assert (await answer.json())["resharing"] is True
        assert await told() is True
        async with session.patch(catalog, json={"comment": "new"}, headers=as_admin) as answer:
            assert (await answer.json())["resharing"] is True
        async with session.patch(catalog, json={"resharing": False}, headers=as_admin) as answer:
            assert answer.status == 200
        assert await told() is None


async def test_recipients_may_do_nothing_but_read(admin: AdminClient) -> None:
    await admin.share("acme", "globex")
    globex = await recipient_context(admin, "globex")
    for attempt in (
        admin.provider.shares.create(globex, "mine"),
        admin.provider.share_permissions.grant(globex, "acme", "globex"),
        admin.provider.catalogs.create(globex, "mine"),
        admin.provider.audit.latest(globex, 10),
        admin.provider.recipients.page(globex, PageRequest()),
    ):
        with pytest.raises(Exception, match="globex lacks"):
            await attempt


async def test_overviews_say_who_reads_what_and_who_was_here_lately(
    admin: AdminClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await admin.share("acme", "globex", "prod.ml_team.a")
    await admin.share("second", "initech")
    await admin.add_schema("second", "prod.ml_team")
    await admin.provider.share_permissions.grant(admin.context, "second", "globex")
    before, _ = await _overview(admin, "globex", "initech")
    assert (before.shares, before.last_used_at) == (("acme", "second"), None)
    await admin.provider.recipient_view.list_shares(await recipient_context(admin, "globex"), PageRequest())
    with pytest.raises(NotFound):  # what was denied is no use
        await shown(admin, await recipient_context(admin, "initech"), "acme")
    globex, initech = await _overview(admin, "globex", "initech")
    assert globex.last_used_at is not None
    assert globex.last_used_at >= globex.recipient.created_at
    assert (initech.shares, initech.last_used_at) == (("second",), None)
    acme, second = (await admin.provider.shares.overview(admin.context, PageRequest())).items
    assert (acme.shared_as, acme.recipients) == (("ml_team.a",), ("globex",))
    assert (second.shared_as, second.recipients) == (("ml_team",), ("globex", "initech"))
    found = await admin.provider.shares.of_model(admin.context, FullName.parse("prod.ml_team.a"))
    assert [(each.share, each.shared_as) for each in found] == [
        ("acme", "ml_team.a"),
        ("second", "ml_team.a"),
    ]


async def test_shares_of_a_model_are_told_to_their_owners_only(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await admin.share("acme", "globex", "prod.ml_team.a")
    await admin.share("second", "initech", "prod.ml_team.a")
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load("prod.ml_team.a"))
    await admin.provider.shares.update(admin.context, "second", changes=SecurableUpdate(owner="ana"))
    told = await admin.provider.shares.of_model(await ana.context(), FullName.parse("prod.ml_team.a"))
    assert [each.share for each in told] == ["second"]


async def test_a_namesakes_use_is_not_that_of_a_new_recipient(admin: AdminClient) -> None:
    await admin.share("acme", "globex")
    await admin.provider.recipient_view.list_shares(await recipient_context(admin, "globex"), PageRequest())
    await admin.provider.recipients.delete(admin.context, "globex")
    await asyncio.sleep(0.002)  # moments are in milliseconds
    await admin.provider.recipients.create(admin.context, "globex")
    (globex,) = await _overview(admin, "globex")
    assert globex.last_used_at is None


async def _overview(admin: AdminClient, *names: str) -> list[RecipientOverview]:
    found = (await admin.provider.recipients.overview(admin.context, PageRequest())).items
    assert [each.recipient.name for each in found] == list(names)
    return list(found)
