"""What is in a share, and what its recipients see of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from people import hire, reading
from support import Desk, write_model

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.sharing import RecipientOverview
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def as_recipient(desk: Desk, name: str) -> Context:
    """The context of a recipient, as authentication would make it."""
    recipient, _ = await desk.provider.recipients.get(desk.context, name)
    principal = Principal(PrincipalType.RECIPIENT, recipient.id, recipient.name, recipient.tokens[0].id)
    return desk.provider.context(Caller(principal, "test"))


async def shown(desk: Desk, context: Context, share: str = "acme", size: int = 500) -> list[str]:
    """The names that a recipient sees, read page by page."""
    names: list[str] = []
    page = PageRequest(size)
    while True:
        found = await desk.provider.recipient_view.list_models(context, share, None, page)
        names += [str(item.shared_name) for item in found.items]
        if found.last_key is None:
            return names
        page = PageRequest(size, found.last_key)


async def test_a_schema_shows_its_present_and_future_models(desk: Desk, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await desk.register(folder, "prod.ml_team.a")
    await desk.share("acme", "globex")
    await desk.add_schema("acme", "prod.ml_team")
    globex = await as_recipient(desk, "globex")
    assert await shown(desk, globex) == ["ml_team.a"]
    await desk.register(folder, "prod.ml_team.b")
    assert await shown(desk, globex) == ["ml_team.a", "ml_team.b"]


async def test_a_model_added_by_itself_wins_over_its_namesake_of_a_schema(desk: Desk, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await desk.register(folder, "prod.ml_team.scorer")
    special = await desk.register(folder, "dev.lab.scorer")
    await desk.share("acme", "globex")
    await desk.add_schema("acme", "prod.ml_team")
    await desk.provider.shares.add_model(
        desk.context, "acme", FullName.parse("dev.lab.scorer"), SharedName("ml_team", "scorer")
    )
    globex = await as_recipient(desk, "globex")
    assert await shown(desk, globex) == ["ml_team.scorer"]
    found = await desk.provider.recipient_view.get_model(globex, "acme", SharedName("ml_team", "scorer"))
    assert found.model.id == special.model_id


async def test_paging_is_complete_whatever_the_mixture(desk: Desk, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    for name in ("prod.b.one", "prod.b.two", "prod.b.three", "dev.x.alpha", "dev.x.beta"):
        await desk.register(folder, name)
    await desk.share("acme", "globex", "dev.x.alpha")
    await desk.add_schema("acme", "prod.b")
    await desk.provider.shares.add_model(
        desk.context, "acme", FullName.parse("dev.x.beta"), SharedName("b", "newcomer")
    )
    globex = await as_recipient(desk, "globex")
    everything = ["b.newcomer", "b.one", "b.three", "b.two", "x.alpha"]
    for size in (1, 2, 3, 4, 5, 500):
        assert await shown(desk, globex, size=size) == everything
    schemas = await desk.provider.recipient_view.list_schemas(globex, "acme", PageRequest(1))
    assert list(schemas[1].items) == ["b"]


async def test_what_is_in_a_share_cannot_be_added_again(desk: Desk, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await desk.register(folder, "prod.ml_team.a")
    await desk.register(folder, "prod.ml_team.b")
    await desk.share("acme", "globex", "prod.ml_team.a")
    shares = desk.provider.shares
    with pytest.raises(AlreadyExists, match=r"shows 'prod\.ml_team\.a'"):
        await shares.add_model(
            desk.context, "acme", FullName.parse("prod.ml_team.b"), SharedName("ml_team", "a")
        )
    with pytest.raises(AlreadyExists, match="already"):
        await shares.add_model(
            desk.context, "acme", FullName.parse("prod.ml_team.a"), SharedName("other", "name")
        )
    with pytest.raises(InvalidParameter, match="reserved"):
        await shares.add_model(
            desk.context, "acme", FullName.parse("prod.ml_team.b"), SharedName("information_schema", "b")
        )
    with pytest.raises(AlreadyExists):
        await shares.create(desk.context, "ACME")


async def test_removing_and_revoking(desk: Desk, tmp_path: Path) -> None:
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await desk.share("acme", "globex", "prod.ml_team.a")
    globex = await as_recipient(desk, "globex")
    await desk.provider.shares.remove(desk.context, "acme", "ml_team.A")
    assert await shown(desk, globex) == []
    with pytest.raises(NotFound, match="nothing shared as"):
        await desk.provider.shares.remove(desk.context, "acme", "ml_team.a")
    await desk.provider.shares.revoke(desk.context, "acme", "globex")
    with pytest.raises(NotFound):
        await shown(desk, globex)
    with pytest.raises(InvalidState, match="not granted"):
        await desk.provider.shares.revoke(desk.context, "acme", "globex")


async def test_granting_twice_changes_nothing(desk: Desk) -> None:
    await desk.share("acme", "globex")
    _, _, before = await desk.provider.shares.get(desk.context, "acme")
    assert await desk.provider.shares.grant(desk.context, "acme", "globex") == before[0]
    _, _, after = await desk.provider.shares.get(desk.context, "acme")
    assert after == before


async def test_deleting_a_share_ends_it_for_its_recipients_only(desk: Desk, tmp_path: Path) -> None:
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await desk.share("acme", "globex", "prod.ml_team.a")
    globex = await as_recipient(desk, "globex")
    await desk.provider.shares.delete(desk.context, "acme")
    with pytest.raises(NotFound):
        await shown(desk, globex)
    assert (
        await desk.provider.models.get(desk.context, FullName.parse("prod.ml_team.a"))
    ).latest_version == 1


async def test_recipients_may_do_nothing_but_read(desk: Desk) -> None:
    await desk.share("acme", "globex")
    globex = await as_recipient(desk, "globex")
    for attempt in (
        desk.provider.shares.create(globex, "mine"),
        desk.provider.shares.grant(globex, "acme", "globex"),
        desk.provider.catalogs.create(globex, "mine"),
        desk.provider.audit.latest(globex, 10),
        desk.provider.recipients.page(globex, PageRequest()),
    ):
        with pytest.raises(Exception, match="globex lacks"):
            await attempt


async def test_overviews_say_who_reads_what_and_who_was_here_lately(desk: Desk, tmp_path: Path) -> None:
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await desk.share("acme", "globex", "prod.ml_team.a")
    await desk.share("second", "initech")
    await desk.add_schema("second", "prod.ml_team")
    await desk.provider.shares.grant(desk.context, "second", "globex")
    before, _ = await _overview(desk, "globex", "initech")
    assert (before.shares, before.last_used_at) == (("acme", "second"), None)
    await desk.provider.recipient_view.list_shares(await as_recipient(desk, "globex"), PageRequest())
    with pytest.raises(NotFound):  # what was denied is no use
        await shown(desk, await as_recipient(desk, "initech"), "acme")
    globex, initech = await _overview(desk, "globex", "initech")
    assert globex.last_used_at is not None
    assert globex.last_used_at >= globex.recipient.created_at
    assert (initech.shares, initech.last_used_at) == (("second",), None)
    acme, second = (await desk.provider.shares.overview(desk.context, PageRequest())).items
    assert (acme.shared_as, acme.recipients) == (("ml_team.a",), ("globex",))
    assert (second.shared_as, second.recipients) == (("ml_team",), ("globex", "initech"))
    found = await desk.provider.shares.of_model(desk.context, FullName.parse("prod.ml_team.a"))
    assert [(each.share, each.shared_as) for each in found] == [
        ("acme", "ml_team.a"),
        ("second", "ml_team.a"),
    ]


async def test_shares_of_a_model_are_told_to_their_owners_only(desk: Desk, tmp_path: Path) -> None:
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.a")
    await desk.share("acme", "globex", "prod.ml_team.a")
    await desk.share("second", "initech", "prod.ml_team.a")
    ana = await hire(desk, "ana")
    for right in reading("prod.ml_team.a"):
        await right.give(desk, "ana")
    await desk.provider.shares.update(desk.context, "second", changes=SecurableUpdate(owner="ana"))
    told = await desk.provider.shares.of_model(await ana.context(), FullName.parse("prod.ml_team.a"))
    assert [each.share for each in told] == ["second"]


async def test_a_namesakes_use_is_not_that_of_a_new_recipient(desk: Desk) -> None:
    await desk.share("acme", "globex")
    await desk.provider.recipient_view.list_shares(await as_recipient(desk, "globex"), PageRequest())
    await desk.provider.recipients.delete(desk.context, "globex")
    await asyncio.sleep(0.002)  # moments are in milliseconds
    await desk.provider.recipients.create(desk.context, "globex")
    (globex,) = await _overview(desk, "globex")
    assert globex.last_used_at is None


async def _overview(desk: Desk, *names: str) -> list[RecipientOverview]:
    found = (await desk.provider.recipients.overview(desk.context, PageRequest())).items
    assert [each.recipient.name for each in found] == list(names)
    return list(found)
