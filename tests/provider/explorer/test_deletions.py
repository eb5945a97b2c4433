"""Deletion of catalogs, schemas and models: the page says first what goes with it, and whom that hits."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, new_browser
from support.model_folder import write_model
from support.principals import (
    change_owner,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
    recipient_context,
)

NAME = "prod.ml_team.scorer"
SCORER = FullName.parse(NAME)


@pytest.fixture
async def scorer(admin: AdminClient, tmp_path: Path) -> FullName:
    """A model of two versions in a share of the administrator's, which globex pulled, and another model."""
    for number in (1, 2):
        await admin.register(write_model(tmp_path / f"m{number}", {"x": b"x" * 1000 * number}), NAME)
    await admin.register(tmp_path / "m1", "prod.ml_team.other")
    await admin.share("acme", "globex", NAME)
    await admin.provider.shares.create(admin.context, "whole")
    await admin.add_schema("whole", "prod.ml_team")
    globex = await recipient_context(admin, "globex")
    await admin.provider.recipient_files.version_files(
        globex, "acme", SharedName("ml_team", "scorer"), number=1
    )
    return SCORER


async def test_a_model_is_deleted_by_typing_its_name(
    explorer: ExplorerClient, admin: AdminClient, scorer: FullName
) -> None:
    page = await explorer.open(f"/explorer/models/{scorer}")
    page = await explorer.open(str(page.soup.find("a", string="Delete")["href"]))  # type: ignore[index]
    for said in ("2 versions", "share acme , as ml_team.scorer: globex", "globex: version 1", "whole"):
        assert said in page.text, said
    refused = await page.submit("Delete for good", confirmation="prod.ml_team.other")
    assert (refused.status, "Nothing was deleted" in refused.text) == (400, True)
    await admin.provider.models.get(admin.context, scorer)
    page = await page.submit("Delete for good", confirmation=NAME)
    assert (page.title, "Deleted." in page.text) == ("ml_team", True)
    with pytest.raises(NotFound):
        await admin.provider.models.get(admin.context, scorer)


async def test_a_schema_and_a_catalog_go_with_all_that_is_in_them(
    explorer: ExplorerClient, admin: AdminClient, scorer: FullName, tmp_path: Path
) -> None:
    await admin.register(tmp_path / "m1", "prod.lab.third")
    page = await explorer.open("/explorer/schemas/prod.ml_team/delete")
    for said in (
        "2 models with 3 versions",
        "share acme , as ml_team.scorer: globex",
        "ml_team: no recip",
    ):
        assert said in page.text, said
    page = await page.submit("Delete for good", confirmation="prod.ml_team")
    assert (page.title, page.url.path) == ("prod", "/explorer/catalogs/prod")
    page = await explorer.open("/explorer/catalogs/prod/delete")
    assert "1 model with 1 version, " in page.text
    assert "Nothing of it is in a share" in page.text
    page = await page.submit("Delete for good", confirmation="prod")
    assert (page.title, page.soup.find("a", string="prod")) == ("Catalogs", None)


async def test_shares_of_others_are_counted_and_not_named(
    server: TestServer, admin: AdminClient, scorer: FullName
) -> None:
    ana = await create_user(admin, "ana")
    above = on_catalog(Privilege.USE_CATALOG, "prod"), on_schema(Privilege.USE_SCHEMA, "prod.ml_team")
    await grant_privileges(admin, "ana", *above, on_model(Privilege.OWN, NAME))
    client = new_browser(server)
    async with client.session:
        await client.sign_in(ana.token)
        page = await client.open(f"/explorer/models/{NAME}/delete")
        assert "It is also in 2 shares of others." in page.text
        assert "acme" not in page.text
        await change_owner(admin, admin.context, SecurableType.SHARE, "acme", "ana")
        page = await client.open(f"/explorer/models/{NAME}/delete")
        assert "share acme , as ml_team.scorer: globex" in page.text
        assert "It is also in 1 share of others." in page.text


async def test_only_the_owner_sees_it_and_deletes(
    server: TestServer, admin: AdminClient, scorer: FullName
) -> None:
    ana = await create_user(admin, "ana")
    above = on_catalog(Privilege.USE_CATALOG, "prod"), on_schema(Privilege.USE_SCHEMA, "prod.ml_team")
    await grant_privileges(admin, "ana", *above, on_model(Privilege.EXECUTE, NAME))
    client = new_browser(server)
    async with client.session:
        await client.sign_in(ana.token)
        token = str((await client.open("/explorer")).soup.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
        for path, name in (
            ("catalogs/prod", "prod"),
            ("schemas/prod.ml_team", "prod.ml_team"),
            (f"models/{NAME}", NAME),
        ):
            assert (await client.open(f"/explorer/{path}/delete")).status == 403
            fields = [("csrf_token", token), ("confirmation", name)]
            assert (await client.post(f"/explorer/{path}/delete", fields)).status == 403
    await admin.provider.models.get(admin.context, scorer)
