"""Users, programs and groups come and go, and their access tokens with them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from people import Person, catalog, found, give_away, hire, model, reading
from support import MLMODEL, Desk, write_model

from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidParameter,
    InvalidState,
    NotFound,
    Unauthenticated,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege

SCORER = FullName("prod", "ml_team", "scorer")


@pytest.fixture
async def ana(desk: Desk, tmp_path: Path) -> Person:
    """A new user, who may read `prod.ml_team.scorer`."""
    await desk.register(write_model(tmp_path / "m"), str(SCORER))
    ana = await hire(desk, "ana")
    for right in reading(str(SCORER)):
        await right.give(desk, "ana")
    return ana


async def signed_url(person: Person, server: TestServer) -> str:
    url = await person.desk.provider.principal_files.sign(await person.context(), SCORER, 1, "MLmodel")
    return str(server.make_url("/artifacts/")) + url


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


OWNED = {
    SecurableType.CATALOG: "prod",
    SecurableType.SCHEMA: "prod.ml_team",
    SecurableType.MODEL: str(SCORER),
    SecurableType.SHARE: "acme",
    SecurableType.RECIPIENT: "globex",
}


@pytest.mark.parametrize("owner", ["ana", "scientists"])
async def test_who_owns_something_stays(ana: Person, desk: Desk, owner: str) -> None:
    await found(desk, "scientists", "ana")
    await desk.share("acme", "globex")
    for kind, name in OWNED.items():
        await give_away(desk, desk.context, kind, name, owner)
        with pytest.raises(InvalidState, match=f"owns .*{kind.lower()}"):
            await desk.provider.principals.delete(desk.context, owner)
        await give_away(desk, desk.context, kind, name, "admin")
    await desk.provider.principals.delete(desk.context, owner)
    with pytest.raises(NotFound):
        await desk.provider.principals.get(desk.context, owner)


async def test_who_comes_back_under_an_old_name_starts_with_nothing(ana: Person, desk: Desk) -> None:
    provider = desk.provider
    await found(desk, "scientists", "ana")
    await provider.principals.delete(desk.context, "ana")
    with pytest.raises(Unauthenticated):
        await ana.context()
    again = await hire(desk, "ana")
    assert [group.name for group in (await again.context()).caller.principal.groups] == [ALL_USERS]
    assert (await provider.principals.get(desk.context, "scientists")).members == ()
    for kind, name in OWNED.items():
        if kind not in (SecurableType.SHARE, SecurableType.RECIPIENT):
            assert await provider.permissions.get(desk.context, kind, name) == []


async def test_what_a_deleted_group_was_granted_is_gone(desk: Desk, ana: Person) -> None:
    ben = await hire(desk, "ben")
    await found(desk, "scientists", "ben")
    for right in reading(str(SCORER)):
        await right.give(desk, "scientists")
    assert await desk.provider.models.get(await ben.context(), SCORER)
    await desk.provider.principals.delete(desk.context, "scientists")
    assert (await desk.provider.models.search(await ben.context(), PageRequest())).items == []
    assert len((await desk.provider.models.search(await ana.context(), PageRequest())).items) == 1


async def test_nobody_deletes_everybody_or_themselves(desk: Desk) -> None:
    for name in (ALL_USERS, "admin"):
        with pytest.raises(InvalidState, match="it is you, or everybody"):
            await desk.provider.principals.delete(desk.context, name)


async def test_names_of_principals(desk: Desk) -> None:
    principals = desk.provider.principals
    for name in ("ana.b@example.com", "The data scientists", "älg"):
        await principals.create(desk.context, name, PrincipalType.GROUP)
        with pytest.raises(AlreadyExists):
            await principals.create(desk.context, name, PrincipalType.USER)
    with pytest.raises(AlreadyExists):
        await principals.create(desk.context, ALL_USERS, PrincipalType.GROUP)
    for name in ("", " ", " ana", "ana\n", "a" * 256, "a\u202eb"):
        with pytest.raises(InvalidParameter, match="cannot name a principal"):
            await principals.create(desk.context, name, PrincipalType.USER)
    with pytest.raises(InvalidParameter, match="cannot be created"):
        await principals.create(desk.context, "globex", PrincipalType.RECIPIENT)


async def test_another_administrator_needs_no_grants_and_takes_none(desk: Desk, ana: Person) -> None:
    eve = await hire(desk, "eve", PrincipalType.ADMIN)
    assert await desk.provider.models.get(await eve.context(), SCORER)
    with pytest.raises(InvalidState, match="needs no grants"):
        await catalog(Privilege.USE_CATALOG, "prod").give(desk, "eve")
    await desk.provider.principals.delete(await eve.context(), "ana")


async def test_owners_are_principals_that_there_are(desk: Desk, ana: Person) -> None:
    await desk.share("acme", "globex")
    for kind, name in OWNED.items():
        for owner in ("nobody", "globex"):
            with pytest.raises(NotFound, match=f"principal '{owner}' does not exist"):
                await give_away(desk, desk.context, kind, name, owner)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=731)])
async def test_a_token_lives_more_than_nothing_and_at_most_two_years(
    desk: Desk, ana: Person, lifetime: timedelta
) -> None:
    with pytest.raises(InvalidParameter, match="730 days"):
        await desk.provider.principals.create_token(desk.context, "ana", lifetime=lifetime)


async def test_groups_have_no_tokens(desk: Desk) -> None:
    await found(desk, "scientists")
    with pytest.raises(InvalidState, match="tokens belong to its members"):
        await desk.provider.principals.create_token(desk.context, "scientists")


async def test_a_token_expires_and_its_urls_with_it(desk: Desk, ana: Person, server: TestServer) -> None:
    _, secret = await desk.provider.principals.create_token(
        desk.context, "ana", lifetime=timedelta(milliseconds=700)
    )
    brief = Person(desk, "ana", secret)
    urls = [await signed_url(person, server) for person in (brief, ana)]
    assert [await fetch(url) for url in urls] == [(200, MLMODEL), (200, MLMODEL)]
    await asyncio.sleep(0.7)
    with pytest.raises(Unauthenticated, match="has expired"):
        await brief.context()
    assert [(await fetch(url))[0] for url in urls] == [403, 200]


async def test_a_revoked_token_and_its_urls_end_at_once(desk: Desk, ana: Person, server: TestServer) -> None:
    url, context = await signed_url(ana, server), await ana.context()
    await desk.provider.principals.delete_token(desk.context, "ana", context.caller.principal.token_id)
    with pytest.raises(Unauthenticated):
        await ana.context()
    assert (await fetch(url))[0] == 403
    (event,) = await desk.provider.audit.latest(desk.context, 1)
    assert (event.action, event.outcome) == ("getFile", Outcome.DENIED)
    with pytest.raises(NotFound):
        await desk.provider.principals.delete_token(desk.context, "ana", context.caller.principal.token_id)


async def test_a_url_ends_with_the_right_to_read(desk: Desk, ana: Person, server: TestServer) -> None:
    url, execute = await signed_url(ana, server), model(Privilege.EXECUTE, str(SCORER))
    await execute.take(desk, "ana")
    status, body = await fetch(url)
    assert status == 403
    assert "EXECUTE" in body
    (event,) = await desk.provider.audit.latest(desk.context, 1)
    assert (event.caller.principal.name, event.outcome) == ("ana", Outcome.DENIED)
    await execute.give(desk, "ana")
    assert await fetch(url) == (200, MLMODEL)


async def test_a_url_ends_with_its_principal(desk: Desk, ana: Person, server: TestServer) -> None:
    url = await signed_url(ana, server)
    await desk.provider.principals.delete(desk.context, "ana")
    assert (await fetch(url))[0] == 403


async def test_tokens_and_members_are_shown_and_secrets_are_not(desk: Desk, ana: Person) -> None:
    await found(desk, "scientists", "ana")
    await desk.provider.principals.create_token(desk.context, "ana", comment="laptop")
    shown = await desk.provider.principals.get(desk.context, "ana")
    assert sorted(token.comment for token in shown.tokens) == ["", "laptop"]
    assert ana.token not in repr(shown)
    everybody = await desk.provider.principals.page(desk.context, PageRequest())
    assert [each.principal.name for each in everybody.items] == [ALL_USERS, "admin", "ana", "scientists"]
    assert everybody.items[3].members == ("ana",)


async def test_a_person_sees_who_it_is(desk: Desk, ana: Person) -> None:
    await found(desk, "scientists", "ana")
    me = await desk.provider.principals.who_am_i(await ana.context())
    assert (me.name, {group.name for group in me.groups}) == ("ana", {ALL_USERS, "scientists"})
