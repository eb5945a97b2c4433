"""Signing in at an identity provider of another site, in a real browser: there and back, with cookies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.services.provider_services import ProviderServices
from support.accessibility import axe_violations
from support.admin_client import AdminClient
from support.browser import Windows
from support.identity_provider import NAME, IdentityProvider, running_identity_provider
from support.issuer import PASSWORD, USER


@pytest.fixture(scope="module")
def identity_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """Its pages are at 127.0.0.1, which for a browser is another site than localhost."""
    with running_identity_provider(tmp_path_factory.mktemp("issuer"), host="localhost") as running:
        yield running


@pytest.fixture
def settings(provider_home: Path, identity_provider: IdentityProvider, tmp_path: Path) -> Settings:
    return identity_provider.settings(provider_home, tmp_path / "client-secret")


@pytest.fixture
async def server(
    provider: ProviderServices, aiohttp_server: AiohttpServer, identity_provider: IdentityProvider
) -> TestServer:
    return await aiohttp_server(make_app(provider), port=identity_provider.port)


async def looked_at(page: Page, path: str, scripts: bool) -> list[str]:
    """What axe-core finds on a page, which needs scripts."""
    return await axe_violations(page, path) if scripts else []


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_signs_in_there_and_lands_here(
    windows: Windows, admin: AdminClient, identity_provider: IdentityProvider, scripts: bool
) -> None:
    windows.others = (identity_provider.issuer.url,)
    page = (await windows.new(java_script_enabled=scripts)).page
    here = identity_provider.public_url
    await page.goto(f"{here}/explorer/catalogs")
    problems = await looked_at(page, "sign-in", scripts)
    await page.get_by_role("link", name=f"Sign in with {NAME}").click()
    await page.get_by_label("Login").fill(USER)
    assert page.url.startswith(identity_provider.issuer.url)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="You have no access here yet").wait_for()
    problems += await looked_at(page, "no access", scripts)
    await page.reload()
    await page.get_by_role("heading", name="You are not signed in").wait_for()
    problems += await looked_at(page, "not signed in", scripts)
    assert not problems

    await admin.provider.principals.create(admin.context, "ana@globex.example", PrincipalType.USER)
    policy = identity_provider.policy()
    await admin.provider.principal_policies.create(admin.context, "ana@globex.example", policy)
    await page.goto(f"{here}/explorer/catalogs")
    await page.get_by_role("link", name=f"Sign in with {NAME}").click()
    await page.get_by_role("heading", name="Catalogs").wait_for()
    assert page.url == f"{here}/explorer/catalogs"
    cookies = {each["name"]: each for each in await page.context.cookies(here)}
    assert (cookies["model-sharing"]["sameSite"], cookies["model-sharing"]["httpOnly"]) == ("Strict", True)
    assert "model-sharing-sign-in" not in cookies
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_text("Your identity provider may still have you signed in").wait_for()
