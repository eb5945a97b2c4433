"""Sessions of the explorer: how they begin and end, and what other sites cannot do with them."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.times import now_ms
from model_sharing_protocol.unity_catalog import PREFIX as UNITY_CATALOG
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.principals import create_user

pytestmark = pytest.mark.each_database

_FIRST = PageRequest()


async def test_a_session_opens_the_page_that_was_asked_for(
    stranger: ExplorerClient, provider_home: Path
) -> None:
    page = await stranger.open("/explorer/catalogs")
    assert page.title == "Sign in"
    page = await page.submit("Sign in", token=(provider_home / "admin.token").read_text())
    assert (page.status, page.title, page.url.path) == (200, "Catalogs", "/explorer/catalogs")


async def test_a_wrong_token_is_refused_and_not_shown(stranger: ExplorerClient) -> None:
    page = await (await stranger.open("/explorer/sign-in")).submit("Sign in", token="msh_wrong")
    assert page.status == 401
    assert "is not one of this server's access tokens" in page.text
    assert "msh_wrong" not in str(page.soup)


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/explorer", "/elsewhere", "/explorers"]
)
async def test_nobody_is_sent_to_another_site(
    stranger: ExplorerClient, provider_home: Path, wanted: str
) -> None:
    page = await stranger.open("/explorer/sign-in")
    page = await page.submit("Sign in", token=(provider_home / "admin.token").read_text(), next=wanted)
    assert (page.url.host, page.title) == ("127.0.0.1", "Home")


async def test_a_session_ends_with_its_token(admin: AdminClient, stranger: ExplorerClient) -> None:
    ana = await create_user(admin, "ana")
    assert (await stranger.sign_in(ana.token)).title == "Home"
    token_id = (await ana.context()).caller.principal.token_id
    await admin.provider.principals.delete_token(admin.context, "ana", token_id)
    assert (await stranger.open("/explorer")).title == "Sign in"


async def test_a_session_ends_with_its_principal(admin: AdminClient, stranger: ExplorerClient) -> None:
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    await admin.provider.principals.delete(admin.context, "ana")
    assert (await stranger.open("/explorer")).title == "Sign in"


async def test_a_session_ends_for_good_when_its_principal_is_deactivated(
    admin: AdminClient, stranger: ExplorerClient
) -> None:
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    principal = (await admin.provider.principals.get(admin.context, "ana")).principal
    token_id = (await ana.context()).caller.principal.token_id
    directory = admin.provider.directory
    await directory.set_active(admin.context, principal.id, active=False)
    assert (await stranger.open("/explorer")).title == "Sign in"
    await directory.set_active(admin.context, principal.id, active=True)
    assert (await stranger.open("/explorer")).title == "Sign in"
    # One that was begun while the principal was being deactivated opens nothing either.
    await directory.set_active(admin.context, principal.id, active=False)
    async with admin.context.write_unaudited() as rows:
        await rows.sessions.add("hash of a session", token_id, now_ms(), now_ms() + 60_000)
    async with admin.context.read_unaudited() as rows:
        assert await rows.registry_reads.find_by_session("hash of a session", now_ms()) is None
    await directory.set_active(admin.context, principal.id, active=True)
    async with admin.context.read_unaudited() as rows:
        assert await rows.registry_reads.find_by_session("hash of a session", now_ms()) is not None


async def test_signing_out_ends_the_session_itself(explorer: ExplorerClient) -> None:
    cookie = explorer.session.cookie_jar.filter_cookies(explorer.base)["model-sharing"].value
    page = await (await explorer.open("/explorer")).submit("Sign out")
    assert (page.title, "You have signed out." in page.text) == ("Sign in", True)
    explorer.session.cookie_jar.update_cookies({"model-sharing": cookie}, explorer.base)
    assert (await explorer.open("/explorer")).title == "Sign in"


async def test_a_form_needs_its_token_and_our_page(explorer: ExplorerClient, admin: AdminClient) -> None:
    page = await explorer.open("/explorer/catalogs")
    token = str(page.form("Create").find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    for fields, headers in (
        ([("name", "a")], {}),
        ([("name", "a"), ("csrf_token", token[:-1])], {}),
        ([("name", "a"), ("csrf_token", token)], {"Sec-Fetch-Site": "cross-site"}),
        ([("name", "a"), ("csrf_token", token)], {"Sec-Fetch-Site": "same-site"}),
        ([("name", "a"), ("csrf_token", token)], {"Sec-Fetch-Site": "none"}),
    ):
        answer = await explorer.post("/explorer/catalogs", fields, **headers)
        assert (answer.status, answer.title) == (403, "You may not do this")
    assert not (await admin.provider.catalogs.page(admin.context, _FIRST)).items
    assert (await page.submit("Create", name="a")).status == 200
    assert [each.name for each in (await admin.provider.catalogs.page(admin.context, _FIRST)).items] == ["a"]


async def test_pages_take_no_bearer_token_and_apis_no_cookie(
    explorer: ExplorerClient, server: TestServer, provider_home: Path
) -> None:
    token = (provider_home / "admin.token").read_text()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.request("GET", server.make_url("/explorer/catalogs"), headers=headers) as answer:
        assert answer.status == 401
    assert (await explorer.open(f"{UNITY_CATALOG}/catalogs")).status == 401


async def test_a_planted_cookie_never_becomes_a_session(
    stranger: ExplorerClient, provider_home: Path
) -> None:
    planted = "x" * 43
    stranger.session.cookie_jar.update_cookies({"model-sharing": planted}, stranger.base)
    await stranger.sign_in((provider_home / "admin.token").read_text())
    assert stranger.session.cookie_jar.filter_cookies(stranger.base)["model-sharing"].value != planted
    stranger.session.cookie_jar.clear()
    stranger.session.cookie_jar.update_cookies({"model-sharing": planted}, stranger.base)
    assert (await stranger.open("/explorer")).title == "Sign in"


async def test_another_site_signs_nobody_in(stranger: ExplorerClient, provider_home: Path) -> None:
    """Otherwise a victim would work, unknowing, in the account of an attacker."""
    fields = [("token", (provider_home / "admin.token").read_text())]
    for site in ("cross-site", "same-site", "none"):
        answer = await stranger.post("/explorer/sign-in", fields, **{"Sec-Fetch-Site": site})
        assert answer.status == 403
    assert len(stranger.session.cookie_jar) == 0


async def test_a_link_from_another_site_finds_its_page(explorer: ExplorerClient) -> None:
    """The cookie does not come with it: a page here opens the same URL again."""
    explorer.session.cookie_jar.clear()
    page = await explorer.open("/explorer/catalogs?page=x", **{"Sec-Fetch-Site": "cross-site"})
    assert page.soup.find("meta", {"http-equiv": "refresh"})["content"] == "0; url=/explorer/catalogs?page=x"  # type: ignore[index]
