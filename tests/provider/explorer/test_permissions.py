"""Permissions of catalogs, schemas and models: seen, granted and revoked on one page for all three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.model_folder import write_model
from support.principals import (
    User,
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
)

NAME = "prod.ml_team.iris_model"
PAGE = f"/explorer/models/{NAME}/permissions"


@pytest.fixture
async def ana(admin: AdminClient, tmp_path: Path) -> User:
    await admin.register(write_model(tmp_path / "m"), NAME)
    return await create_user(admin, "ana")


@pytest.fixture
async def colleague(server: TestServer, ana: User) -> AsyncIterator[ExplorerClient]:
    client = new_browser(server)
    await client.sign_in(ana.token)
    yield client
    await client.session.close()


def _rows(page: ExplorerPage) -> list[list[str]]:
    """First three cells of each row: principal, privilege, from where."""
    rows = page.soup.select("tbody tr")
    return [[cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])[:3]] for row in rows]


async def test_the_owner_grants_and_revokes_on_each_level(
    explorer: ExplorerClient, admin: AdminClient, ana: User
) -> None:
    for path, privileges in (
        ("catalogs/prod", ["USE_CATALOG"]),
        ("schemas/prod.ml_team", ["USE_SCHEMA", "EXECUTE"]),
        (f"models/{NAME}", ["APPLY_TAG"]),
    ):
        page = await explorer.open(f"/explorer/{path}/permissions")
        page = await page.submit("Grant", principal="ana", privilege=privileges)
        assert "Granted." in page.text
    assert _rows(page) == [
        ["ana", "APPLY_TAG", "here"],
        ["ana", "EXECUTE", "schema prod.ml_team"],
    ]
    page = await page.submit("Revoke APPLY_TAG from ana")
    assert ("Revoked." in page.text, _rows(page)) == (True, [["ana", "EXECUTE", "schema prod.ml_team"]])


async def test_whoever_may_not_manage_sees_what_is_granted_to_them(
    colleague: ExplorerClient, admin: AdminClient
) -> None:
    await create_group(admin, "team", "ana")
    await create_user(admin, "bob")
    await grant_privileges(admin, "team", on_catalog(Privilege.EXECUTE, "prod"))
    await grant_privileges(admin, "bob", on_model(Privilege.EXECUTE, NAME))
    page = await colleague.open(PAGE)
    assert _rows(page) == [["team", "EXECUTE", "catalog prod"]]
    assert "ana lacks OWNERSHIP or MANAGE on model" in page.refusal("Grant")
    assert "bob" not in page.text
    (token,) = {str(each["value"]) for each in page.soup.find_all("input", {"name": "csrf_token"})}
    for path, fields in (
        (PAGE, [("principal", "ana"), ("privilege", "MANAGE")]),
        (f"{PAGE}/revoke", [("principal", "bob"), ("privilege", "EXECUTE")]),
    ):
        assert (await colleague.post(path, [("csrf_token", token), *fields])).status == 403
    grants = await admin.provider.permissions.get(admin.context, SecurableType.MODEL, NAME)
    assert [(grant.principal, grant.privilege) for grant in grants] == [("bob", "EXECUTE")]


async def test_a_manager_who_cannot_read_the_model_grants_on_it(
    colleague: ExplorerClient, admin: AdminClient
) -> None:
    await grant_privileges(admin, "ana", on_schema(Privilege.MANAGE, "prod.ml_team"))
    page = await (await colleague.open(PAGE)).submit("Grant", principal="account users", privilege="EXECUTE")
    assert ["account users", "EXECUTE", "here"] in _rows(page)


async def test_a_grant_that_cannot_be_made_says_why(explorer: ExplorerClient, ana: User) -> None:
    page = await explorer.open(PAGE)
    nobody = await page.submit("Grant", principal="nobody", privilege="EXECUTE")
    assert (nobody.status, "'nobody'" in nobody.text) == (404, True)
    nothing = await page.submit("Grant", principal="ana")
    assert (nothing.status, "Choose a privilege" in nothing.text) == (400, True)
    assert (await explorer.open("/explorer/models/prod.ml_team.none/permissions")).status == 404
