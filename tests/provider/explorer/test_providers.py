"""Shared with me: providers are added by their profiles, and catalogs are made from their shares."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, new_browser
from support.principals import create_user, grant_privileges, on_catalog
from support.upstream_provider import UpstreamProvider


@pytest.fixture
async def colleague(server: TestServer, admin: AdminClient) -> AsyncIterator[ExplorerClient]:
    """Browser of somebody to whom nothing is granted."""
    client = new_browser(server)
    await client.sign_in((await create_user(admin, "ana")).token)
    yield client
    await client.session.close()


async def test_a_catalog_is_made_from_a_share(
    admin: AdminClient, known_provider: UpstreamProvider, explorer: ExplorerClient
) -> None:
    page = await explorer.open("/explorer/providers")
    assert page.soup.find("a", string="acme")
    page = await explorer.open("/explorer/providers/acme")
    assert "No catalog yet. Choose a share below" in page.text
    page = await explorer.open("/explorer/providers/acme/shares")
    assert "acme_share" in page.text
    page = await explorer.open("/explorer/providers/acme/shares/acme_share")
    assert known_provider.admin.provider.signing.fingerprint in page.text
    wrong = await page.submit("Create catalog", name="vendor", key_fingerprint="SHA256:" + "A" * 43)
    assert (wrong.status, wrong.title) != (200, "vendor")
    page = await page.submit(
        "Create catalog",
        name="vendor",
        key_fingerprint=known_provider.admin.provider.signing.fingerprint,
    )
    assert (page.url.path, page.status) == ("/explorer/catalogs/vendor", 200)
    assert "active" in page.text
    page = await page.submit("Ask the provider now")
    assert page.status == 200
    page = await page.submit("Fetch", alias="Champion")
    assert page.status == 200
    page = await explorer.open("/explorer/catalogs/vendor/terms")
    assert "has no terms" in page.text
    page = await explorer.open("/explorer/providers/acme")
    assert page.soup.find("a", string="vendor")
    page = await page.submit("Delete for good", confirmation="acme")
    assert (page.status, "delete them first" in page.text) == (400, True)


async def set_terms(admin: AdminClient, text: str, version: str) -> None:
    terms = admin.provider.provider_terms
    await terms.set(admin.context, SecurableType.SHARE, "acme_share", version=version, text=text)


async def test_a_share_with_terms_is_accepted(
    admin: AdminClient, known_provider: UpstreamProvider, explorer: ExplorerClient
) -> None:
    theirs = known_provider.admin
    await set_terms(theirs, "Be <kind>.", "2.0")
    page = await explorer.open("/explorer/providers/acme/shares/acme_share")
    assert "Be <kind>." in page.text
    refused = await page.submit("Create catalog", name="vendor")
    assert (refused.status, "terms that are not accepted" in refused.text) == (403, True)
    digest = str(page.soup.select_one("input[name=accept_terms]")["value"])  # type: ignore[index]
    page = await page.submit("Create catalog", name="vendor", accept_terms=digest)
    assert page.title.startswith("vendor")
    await set_terms(theirs, "Be kinder.", "3.0")
    page = await explorer.open("/explorer/catalogs/vendor/terms")
    assert "not accepted" in page.text
    assert (await page.submit("Accept")).status == 400
    digest = str(page.soup.select_one("input[name=accept_terms]")["value"])  # type: ignore[index]
    page = await page.submit("Accept", accept_terms=digest)
    assert "Accepted, for everybody" in page.text
    assert "not accepted" not in page.text


async def test_a_profile_is_added_replaced_and_never_shown(
    admin: AdminClient, known_provider: UpstreamProvider, explorer: ExplorerClient
) -> None:
    profile = await known_provider.profile_for("us-again", "acme_share")
    secret = json.loads(profile)["bearerToken"]
    page = await explorer.open("/explorer/providers")
    assert (await page.submit("Add", name="again", profile="{}")).status == 400
    page = await page.submit("Add", name="again", profile=profile, comment="*Ours*")
    assert (page.title, page.url.path) == ("again", "/explorer/providers/again")
    assert secret not in str(page.soup)
    page = await page.submit("Use this profile", profile=profile)
    assert "The new profile is in use." in page.text
    page = await page.submit("Rename", name="globex")
    assert page.url.path == "/explorer/providers/globex"
    page = await page.submit("Delete for good", confirmation="nonsense")
    assert "Nothing was deleted" in page.text
    page = await (await explorer.open("/explorer/providers/globex")).submit(
        "Delete for good", confirmation="globex"
    )
    assert page.url.path == "/explorer/providers"


async def test_a_provider_that_is_away_is_said_to_be(
    admin: AdminClient, known_provider: UpstreamProvider, explorer: ExplorerClient
) -> None:
    await known_provider.server.close()
    assert (await explorer.open("/explorer/providers/acme")).status == 200
    for path in ("/explorer/providers/acme/shares", "/explorer/providers/acme/shares/acme_share"):
        page = await explorer.open(path)
        assert (page.status, "Ask again" in page.text) == (200, True)


async def test_a_colleague_sees_no_provider_and_changes_none(
    admin: AdminClient, vendor: UpstreamProvider, colleague: ExplorerClient
) -> None:
    page = await colleague.open("/explorer/providers")
    assert "No provider of yours" in page.text
    assert "ana lacks CREATE_PROVIDER" in page.refusal("Add provider")
    for path in ("acme", "acme/shares", "acme/shares/acme_share"):
        assert (await colleague.open(f"/explorer/providers/{path}")).status == 403
    await grant_privileges(admin, "ana", on_catalog(Privilege.USE_CATALOG, "vendor"))
    page = await colleague.open("/explorer/catalogs/vendor")
    assert "OWNERSHIP" in page.refusal("Bring up to date")
    assert "OWNERSHIP" in page.refusal("Fetch files")
    token = str(page.soup.select_one("input[name=csrf_token]")["value"])  # type: ignore[index]
    for path in ("catalogs/vendor/sync", "catalogs/vendor/pulls", "providers/acme/profile"):
        answer = await colleague.post(f"/explorer/{path}", [("csrf_token", token), ("profile", "{}")])
        assert answer.status == 403
