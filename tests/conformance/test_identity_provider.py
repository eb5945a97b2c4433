"""People sign in to the explorer at a real identity provider, Canaille, on its own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer
from yarl import URL

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.code_flow import PENDING
from support.explorer_client import ExplorerClient, new_browser
from support.identity_provider import (
    CLIENT,
    CLIENT_SECRET,
    IdentityProvider,
    link,
    refreshed,
    running_identity_provider,
    sign_in_there,
)
from support.issuer import USER
from support.provider_cli import CliRunner


@pytest.fixture(scope="module")
def identity_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with running_identity_provider(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def settings(provider_home: Path, identity_provider: IdentityProvider, tmp_path: Path) -> Settings:
    return identity_provider.settings(provider_home, tmp_path / "client-secret")


@pytest.fixture
async def server(
    provider: ProviderServices, aiohttp_server: AiohttpServer, identity_provider: IdentityProvider
) -> TestServer:
    return await aiohttp_server(make_app(provider), port=identity_provider.port)


@pytest.fixture
async def person(server: TestServer) -> AsyncIterator[ExplorerClient]:
    client = new_browser(server)
    yield client
    await client.session.close()


async def test_a_person_is_let_in_works_and_signs_out(
    person: ExplorerClient, admin: AdminClient, identity_provider: IdentityProvider
) -> None:
    page = await sign_in_there(person, "/explorer/catalogs")
    assert (page.status, page.title) == (403, "You have no access here yet"), page.text
    line = page.soup.find("pre").get_text()  # type: ignore[union-attr]
    assert f"--issuer {identity_provider.issuer.url} --subject {USER} --audience {CLIENT}" in line
    assert (await person.open("/explorer")).title == "Sign in"

    await admin.provider.principals.create(admin.context, "ana@globex.example", PrincipalType.USER)
    policies = admin.provider.principal_policies
    await policies.create(admin.context, "ana@globex.example", identity_provider.policy(), "people")
    page = await sign_in_there(person, "/explorer/catalogs?page=")
    assert (page.status, page.title, page.url.path_qs) == (200, "Catalogs", "/explorer/catalogs?page=")
    assert "ana@globex.example" in page.soup.get_text()

    page = await page.submit("Sign out")
    assert "Your identity provider may still have you signed in" in page.text
    assert (await person.open("/explorer")).title == "Sign in"

    await sign_in_there(person)
    await policies.delete(admin.context, "ana@globex.example", "people")
    assert (await person.open("/explorer")).title == "Sign in"
    events = await admin.provider.audit.latest(admin.context, 200)
    signed = [
        (each.outcome, each.caller.principal.name) for each in events if each.action is AuditAction.SIGN_IN
    ]
    assert sorted(signed) == [
        (Outcome.DENIED, "anonymous"),
        (Outcome.OK, "ana@globex.example"),
        (Outcome.OK, "ana@globex.example"),
    ]


async def redirect_of(person: ExplorerClient, url: str) -> str:
    target = person.base.join(URL(url, encoded=True))
    async with person.session.get(target, allow_redirects=False) as answer:
        return answer.headers["Location"]


async def test_a_code_is_used_once_and_in_the_browser_that_asked(
    person: ExplorerClient, server: TestServer, admin: AdminClient, identity_provider: IdentityProvider
) -> None:
    await admin.provider.principals.create(admin.context, "ana", PrincipalType.USER)
    await admin.provider.principal_policies.create(admin.context, "ana", identity_provider.policy())
    await sign_in_there(person)
    page = await person.open("/explorer/sign-in")
    there = await redirect_of(person, link(page, "Sign in with Globex"))
    pending = {each.key: each.value for each in person.session.cookie_jar if each.key == PENDING}
    callback = await redirect_of(person, there)
    assert callback.startswith(identity_provider.public_url)
    stranger = new_browser(server)
    try:
        page = await stranger.open(callback)
        assert (page.status, "No sign-in is in progress in this browser" in page.text) == (401, True)
        assert (await refreshed(await person.open(callback))).title == "Home"
        person.session.cookie_jar.update_cookies(pending, person.base)
        page = await person.open(callback)
        assert (page.status, "which was used already" in page.text) == (401, True)
    finally:
        await stranger.session.close()


def test_doctor_asks_the_issuer_and_shows_what_to_register(
    identity_provider: IdentityProvider,
    settings: Settings,
    provider_cli: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "PUBLIC_URL": settings.public_url,
        "ALLOWED_ISSUER_NETWORKS": ",".join(settings.allowed_issuer_networks),
        "SIGN_IN_ISSUER": settings.sign_in_issuer,
        "SIGN_IN_CLIENT_ID": settings.sign_in_client_id,
        "SIGN_IN_CLIENT_SECRET_FILE": str(settings.sign_in_client_secret_file),
    }.items():
        monkeypatch.setenv(f"MODEL_SHARING_PROVIDER_{name}", value)
    provider_cli.succeed("catalog", "list")
    found = provider_cli("doctor", "--output", "json").json
    (about,) = [each for each in found if each["check"] == "identity provider"]
    callback = f"{identity_provider.public_url}/explorer/sign-in/callback"
    assert about["detail"] == f"{identity_provider.issuer.url}, with the redirect URI {callback}"
    shown = provider_cli.succeed("settings", "show").out
    assert CLIENT_SECRET not in shown
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_ALLOWED_ISSUER_NETWORKS", "")
    found = provider_cli("doctor", "--output", "json").json
    (about,) = [each for each in found if each["check"] == "identity provider"]
    assert "MODEL_SHARING_PROVIDER_ALLOWED_ISSUER_NETWORKS" in about["detail"]
