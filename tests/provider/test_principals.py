"""Users, programs and groups come and go, and their access tokens with them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidParameter,
    InvalidState,
    NotFound,
    Unauthenticated,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.principals import (
    User,
    change_owner,
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    privileges_to_load,
)

pytestmark = pytest.mark.each_database

SCORER = FullName("prod", "ml_team", "scorer")


@pytest.fixture
async def ana(admin: AdminClient, tmp_path: Path) -> User:
    """A new user, who may read `prod.ml_team.scorer`."""
    await admin.register(write_model(tmp_path / "m"), str(SCORER))
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    return ana


async def signed_url(person: User, server: TestServer) -> str:
    url = await person.admin.provider.principal_files.sign(await person.context(), SCORER, 1, "MLmodel")
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
async def test_who_owns_something_stays(ana: User, admin: AdminClient, owner: str) -> None:
    await create_group(admin, "scientists", "ana")
    await admin.share("acme", "globex")
    for kind, name in OWNED.items():
        await change_owner(admin, admin.context, kind, name, owner)
        with pytest.raises(InvalidState, match=f"owns .*{kind.lower()}"):
            await admin.provider.principals.delete(admin.context, owner)
        await change_owner(admin, admin.context, kind, name, "admin")
    await admin.provider.principals.delete(admin.context, owner)
    with pytest.raises(NotFound):
        await admin.provider.principals.get(admin.context, owner)


async def test_who_comes_back_under_an_old_name_starts_with_nothing(ana: User, admin: AdminClient) -> None:
    provider = admin.provider
    await create_group(admin, "scientists", "ana")
    await provider.principals.delete(admin.context, "ana")
    with pytest.raises(Unauthenticated):
        await ana.context()
    again = await create_user(admin, "ana")
    assert [group.name for group in (await again.context()).caller.principal.groups] == [ALL_USERS]
    assert (await provider.principals.get(admin.context, "scientists")).members == ()
    for kind, name in OWNED.items():
        if kind not in (SecurableType.SHARE, SecurableType.RECIPIENT):
            assert await provider.permissions.get(admin.context, kind, name) == []


async def test_what_a_deleted_group_was_granted_is_gone(admin: AdminClient, ana: User) -> None:
    ben = await create_user(admin, "ben")
    await create_group(admin, "scientists", "ben")
    await grant_privileges(admin, "scientists", *privileges_to_load(str(SCORER)))
    assert await admin.provider.models.get(await ben.context(), SCORER)
    await admin.provider.principals.delete(admin.context, "scientists")
    assert (await admin.provider.models.search(await ben.context(), PageRequest())).items == []
    assert len((await admin.provider.models.search(await ana.context(), PageRequest())).items) == 1


async def test_nobody_deletes_everybody_or_themselves(admin: AdminClient) -> None:
    for name in (ALL_USERS, "admin"):
        with pytest.raises(InvalidState, match="it is yourself, or all users"):
            await admin.provider.principals.delete(admin.context, name)


async def test_names_of_principals(admin: AdminClient) -> None:
    principals = admin.provider.principals
    for name in ("ana.b@example.com", "The data scientists", "älg"):
        await principals.create(admin.context, name, PrincipalType.GROUP)
        with pytest.raises(AlreadyExists):
            await principals.create(admin.context, name, PrincipalType.USER)
    with pytest.raises(AlreadyExists):
        await principals.create(admin.context, ALL_USERS, PrincipalType.GROUP)
    for name in ("", " ", " ana", "ana\n", "a" * 256, "a\u202eb"):
        with pytest.raises(InvalidParameter, match="cannot be a principal's name"):
            await principals.create(admin.context, name, PrincipalType.USER)
    with pytest.raises(InvalidParameter, match="cannot be created"):
        await principals.create(admin.context, "globex", PrincipalType.RECIPIENT)


async def test_another_administrator_needs_no_grants_and_takes_none(admin: AdminClient, ana: User) -> None:
    eve = await create_user(admin, "eve", PrincipalType.ADMIN)
    assert await admin.provider.models.get(await eve.context(), SCORER)
    with pytest.raises(InvalidState, match="needs no grants"):
        await on_catalog(Privilege.USE_CATALOG, "prod").grant(admin, "eve")
    await admin.provider.principals.delete(await eve.context(), "ana")


async def test_owners_are_principals_that_there_are(admin: AdminClient, ana: User) -> None:
    await admin.share("acme", "globex")
    for kind, name in OWNED.items():
        for owner in ("nobody", "globex"):
            with pytest.raises(NotFound, match=f"principal '{owner}' does not exist"):
                await change_owner(admin, admin.context, kind, name, owner)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=731)])
async def test_a_token_lives_more_than_nothing_and_at_most_two_years(
    admin: AdminClient, ana: User, lifetime: timedelta
) -> None:
    with pytest.raises(InvalidParameter, match="730 days"):
        await admin.provider.principals.create_token(admin.context, "ana", lifetime=lifetime)


async def test_groups_have_no_tokens(admin: AdminClient) -> None:
    await create_group(admin, "scientists")
    with pytest.raises(InvalidState, match="create tokens for its members"):
        await admin.provider.principals.create_token(admin.context, "scientists")


async def test_a_token_expires_and_its_urls_with_it(
    admin: AdminClient, ana: User, server: TestServer
) -> None:
    _, secret = await admin.provider.principals.create_token(
        admin.context, "ana", lifetime=timedelta(milliseconds=700)
    )
    brief = User(admin, "ana", secret)
    urls = [await signed_url(person, server) for person in (brief, ana)]
    assert [await fetch(url) for url in urls] == [(200, MLMODEL), (200, MLMODEL)]
    await asyncio.sleep(0.7)
    with pytest.raises(Unauthenticated, match="has expired"):
        await brief.context()
    assert [(await fetch(url))[0] for url in urls] == [403, 200]


async def test_a_revoked_token_and_its_urls_end_at_once(
    admin: AdminClient, ana: User, server: TestServer
) -> None:
    url, context = await signed_url(ana, server), await ana.context()
    await admin.provider.principals.delete_token(admin.context, "ana", context.caller.principal.token_id)
    with pytest.raises(Unauthenticated):
        await ana.context()
    assert (await fetch(url))[0] == 403
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert (event.action, event.outcome) == (AuditAction.GET_FILE, Outcome.DENIED)
    with pytest.raises(NotFound):
        await admin.provider.principals.delete_token(admin.context, "ana", context.caller.principal.token_id)


async def test_a_url_ends_with_the_right_to_read(admin: AdminClient, ana: User, server: TestServer) -> None:
    url, execute = await signed_url(ana, server), on_model(Privilege.EXECUTE, str(SCORER))
    await execute.revoke(admin, "ana")
    status, body = await fetch(url)
    assert status == 403
    assert "EXECUTE" in body
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert (event.caller.principal.name, event.outcome) == ("ana", Outcome.DENIED)
    await execute.grant(admin, "ana")
    assert await fetch(url) == (200, MLMODEL)


async def test_a_url_ends_with_its_principal(admin: AdminClient, ana: User, server: TestServer) -> None:
    url = await signed_url(ana, server)
    await admin.provider.principals.delete(admin.context, "ana")
    assert (await fetch(url))[0] == 403


async def test_tokens_and_members_are_shown_and_secrets_are_not(admin: AdminClient, ana: User) -> None:
    await create_group(admin, "scientists", "ana")
    await admin.provider.principals.create_token(admin.context, "ana", comment="laptop")
    shown = await admin.provider.principals.get(admin.context, "ana")
    assert sorted(token.comment for token in shown.tokens) == ["", "laptop"]
    assert ana.token not in repr(shown)
    everybody = await admin.provider.principals.page(admin.context, PageRequest())
    assert [each.principal.name for each in everybody.items] == [ALL_USERS, "admin", "ana", "scientists"]
    assert everybody.items[3].members == ("ana",)


async def test_a_person_sees_who_it_is(admin: AdminClient, ana: User) -> None:
    await create_group(admin, "scientists", "ana")
    me = await admin.provider.principals.who_am_i(await ana.context())
    assert (me.name, {group.name for group in me.groups}) == ("ana", {ALL_USERS, "scientists"})
