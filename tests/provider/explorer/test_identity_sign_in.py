"""Sign-in at an identity provider, over both databases: how its sessions begin and end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpServer
from yarl import URL

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.times import now_ms
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.code_flow import (
    BEGIN,
    CALLBACK,
    CLIENT,
    PUBLIC,
    SECRET,
    CodeFlow,
    let_in,
    policy_of,
    settings_with,
    signed_in,
)
from support.explorer_client import ExplorerClient, new_browser
from support.hostile_issuer import HostileIssuer
from support.identity_provider import refreshed

pytestmark = pytest.mark.each_database


@pytest.fixture
async def flow(aiohttp_server: AiohttpServer) -> CodeFlow:
    found = CodeFlow(HostileIssuer())
    await found.start(aiohttp_server)
    return found


@pytest.fixture
def settings(settings: Settings, flow: CodeFlow, tmp_path: Path) -> Settings:
    return settings_with(flow, settings, tmp_path)


@pytest.fixture
async def ana(admin: AdminClient, flow: CodeFlow, stranger: ExplorerClient) -> ExplorerClient:
    """Browser of ana, whom a policy lets in."""
    await let_in(admin, flow)
    return stranger


async def test_the_request_is_exact_and_the_exchange_proves_who_asks(
    flow: CodeFlow, ana: ExplorerClient
) -> None:
    way = await flow.begin(ana, "/explorer/catalogs")
    assert str(way.there.with_query(None)) == f"{flow.issuer.url}/authorize"
    asked = dict(way.there.query)
    assert {len(asked.pop(name)) for name in ("state", "nonce", "code_challenge")} == {64, 43}
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": PUBLIC + CALLBACK,
        "scope": "openid",
        "code_challenge_method": "S256",
    }
    page = await refreshed(await way.come_back())
    assert (page.title, page.url.path) == ("Catalogs", "/explorer/catalogs")
    (form,) = flow.forms
    assert form.pop("code_verifier")
    assert form == {
        "grant_type": "authorization_code",
        "code": "a-code-of-the-issuer",
        "redirect_uri": PUBLIC + CALLBACK,
    }
    # Base64 of `explorer:a%20secret%20%26%20its%20client%27s`.
    assert flow.headers == ["Basic ZXhwbG9yZXI6YSUyMHNlY3JldCUyMCUyNiUyMGl0cyUyMGNsaWVudCUyN3M="]
    again = await flow.begin(ana)
    assert not set(again.there.query.values()) & {way.there.query["state"], way.there.query["nonce"]}


async def test_a_session_ends_with_its_policy(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    policies = admin.provider.principal_policies
    await (await flow.begin(ana)).come_back()
    assert (await ana.open("/explorer")).title == "Home"
    await policies.delete(admin.context, "ana", "people")
    assert (await ana.open("/explorer")).title == "Sign in"
    await policies.create(admin.context, "ana", policy_of(flow), "people")
    assert (await ana.open("/explorer")).title == "Sign in", "another policy is another"


async def test_a_session_ends_with_its_principal(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    await (await flow.begin(ana)).come_back()
    principal = (await admin.provider.principals.get(admin.context, "ana")).principal
    for active in (False, True):
        await admin.provider.directory.set_active(admin.context, principal.id, active=active)
        assert (await ana.open("/explorer")).title == "Sign in"
    await (await flow.begin(ana)).come_back()
    assert (await ana.open("/explorer")).title == "Home"
    await admin.provider.principals.delete(admin.context, "ana")
    assert (await ana.open("/explorer")).title == "Sign in"


async def test_a_session_ends_at_its_time(flow: CodeFlow, ana: ExplorerClient, admin: AdminClient) -> None:
    before = now_ms()
    page = await (await flow.begin(ana)).come_back()
    assert page.status == 200
    hours = timedelta(hours=8) // timedelta(milliseconds=1)
    secret = ana.session.cookie_jar.filter_cookies(ana.base)["model-sharing"]
    hashed = admin.provider.sessions._secrets.hashes(secret.value)
    async with admin.context.read_unaudited() as rows:
        find = rows.registry_reads.find_by_session
        assert [await find(each, before + hours - 1) is not None for each in hashed] == [True]
        assert [await find(each, now_ms() + hours) for each in hashed] == [None]


async def test_a_policy_that_goes_meanwhile_begins_no_session(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    (policy,) = await admin.provider.principal_policies.of_principal(admin.context, "ana")
    await admin.provider.principal_policies.delete(admin.context, "ana", "people")
    async with admin.context.write_unaudited() as rows:
        assert await rows.sessions.add("hash", policy.id, now_ms(), now_ms() + 60_000) is None
    page = await (await flow.begin(ana)).come_back()
    assert (page.status, signed_in(ana)) == (403, False)


async def test_a_session_ends_with_a_change_of_its_policy(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    await (await flow.begin(ana)).come_back()
    wanted = replace(policy_of(flow), subject="somebody", comment="ours")
    await admin.provider.principal_policies.update(admin.context, "ana", "people", wanted, ["comment"])
    assert (await ana.open("/explorer")).title != "Sign in"
    await admin.provider.principal_policies.update(admin.context, "ana", "people", wanted, ["subject"])
    assert (await ana.open("/explorer")).title == "Sign in"
    assert (await (await flow.begin(ana)).come_back()).status == 403
    assert (await ana.open("/explorer")).title == "Sign in"


async def test_groups_of_the_id_token_are_those_of_the_session(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    principals = admin.provider.principals
    await principals.create(admin.context, "scientists", PrincipalType.GROUP)
    await principals.create(admin.context, "owners", PrincipalType.GROUP)
    given = replace(policy_of(flow), groups_claim="groups", groups=("scientists",))
    await admin.provider.principal_policies.update(
        admin.context, "ana", "people", given, ["groups_claim", "groups"]
    )
    flow.claims = {"groups": ["owners", "scientists", "others"]}
    await (await flow.begin(ana)).come_back()
    secret = ana.session.cookie_jar.filter_cookies(ana.base)["model-sharing"].value

    async def groups() -> list[str]:
        principal = await admin.provider.sessions.authenticate(admin.context, secret)
        return [group.name for group in principal.token_groups]

    assert await groups() == ["scientists"]
    await principals.delete(admin.context, "scientists")
    assert await groups() == []
    await principals.create(admin.context, "scientists", PrincipalType.GROUP)
    assert await groups() == [], "a later group of the same name is another"


async def test_signing_out_ends_the_session_here(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    await (await flow.begin(ana)).come_back()
    secret = ana.session.cookie_jar.filter_cookies(ana.base)["model-sharing"].value
    page = await (await ana.open("/explorer")).submit("Sign out")
    assert "Your identity provider may still have you signed in" in page.text
    ana.session.cookie_jar.update_cookies({"model-sharing": secret}, ana.base)
    assert (await ana.open("/explorer")).title == "Sign in"


async def test_it_makes_no_access_token(flow: CodeFlow, ana: ExplorerClient, admin: AdminClient) -> None:
    await (await flow.begin(ana)).come_back()
    secret = ana.session.cookie_jar.filter_cookies(ana.base)["model-sharing"].value
    principal = await admin.provider.sessions.authenticate(admin.context, secret)
    context = admin.provider.context(replace(admin.context.caller, principal=principal))
    with pytest.raises(InvalidState, match="did not sign in with an access token"):
        await admin.provider.access_tokens.create(context)


async def test_a_public_client_and_one_that_posts_its_secret(
    settings: Settings, flow: CodeFlow, aiohttp_server: AiohttpServer
) -> None:
    flow.configuration = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    for file, sent in ((settings.sign_in_client_secret_file, SECRET), (None, None)):
        async with open_provider(replace(settings, sign_in_client_secret_file=file)) as provider:
            person = new_browser(await aiohttp_server(make_app(provider)))
            try:
                await (await flow.begin(person)).come_back()
            finally:
                await person.session.close()
        form = flow.forms.pop()
        assert (form.get("client_id"), form.get("client_secret")) == (CLIENT, sent)
    assert flow.headers == ["", ""]


async def test_over_https_the_cookie_is_of_this_host_alone(
    settings: Settings, aiohttp_server: AiohttpServer
) -> None:
    secure = replace(settings, public_url="https://models.acme.example/ml")
    async with open_provider(secure) as provider, aiohttp.ClientSession() as session:
        server = await aiohttp_server(make_app(provider))
        async with session.get(server.make_url(BEGIN), allow_redirects=False) as answer:
            there = URL(answer.headers["Location"])
            name, *flags = answer.headers["Set-Cookie"].replace("=", "; ", 1).split("; ")
    assert there.query["redirect_uri"] == f"https://models.acme.example/ml{CALLBACK}"
    assert name == "__Host-model-sharing-sign-in"
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax", "Max-Age=600"} <= set(flags)
    assert not any(flag.startswith("Domain") for flag in flags)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"public_url": ""}, "SIGN_IN_ISSUER is set, and MODEL_SHARING_PROVIDER_PUBLIC_URL is not"),
        ({"sign_in_client_id": ""}, "and MODEL_SHARING_PROVIDER_SIGN_IN_CLIENT_ID is not"),
        ({"sign_in_client_secret_file": Path("/nowhere")}, "/nowhere cannot be used"),
    ],
)
async def test_incomplete_settings_are_named(settings: Settings, missing: Any, said: str) -> None:
    with pytest.raises((InvalidParameter, InvalidState), match=said):
        async with open_provider(replace(settings, **missing)) as provider:
            provider.wire_all()  # as a server does before it serves


async def test_without_an_identity_provider_there_is_none(
    settings: Settings, aiohttp_server: AiohttpServer
) -> None:
    async with open_provider(replace(settings, sign_in_issuer="")) as provider:
        person = new_browser(await aiohttp_server(make_app(provider)))
        try:
            assert "Or by an access token" not in (await person.open("/explorer/sign-in")).text
            for path in (BEGIN, CALLBACK):
                page = await person.open(path)
                assert (page.status, "No identity provider is set here" in page.text) == (404, True)
        finally:
            await person.session.close()
