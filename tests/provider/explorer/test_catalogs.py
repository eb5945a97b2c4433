"""Pages of catalogs and schemas, and the tree beside them, at any number of children."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.tasks import end_tasks
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.principals import create_user, grant_privileges, on_catalog, on_model, on_schema
from support.regions import Regions, pulled

pytestmark = pytest.mark.each_database

TEAM = SchemaName.parse("prod.ml_team")
MODELS = 120


@pytest.fixture
async def team(admin: AdminClient) -> SchemaName:
    """A schema of many models, beside another one and another catalog."""
    for catalog, schema in (("prod", "ml_team"), ("prod", "secret"), ("staging", "lab")):
        if schema != "secret":
            await admin.provider.catalogs.create(admin.context, catalog)
        await admin.provider.catalogs.create_schema(admin.context, SchemaName(catalog, schema))
    secret = await admin.provider.models.create(admin.context, FullName("prod", "secret", "model_secret"))
    # As rows: a call for each would take most of these tests' time.
    async with admin.provider.database.write() as rows:
        team = await rows.catalogs.find_schema(TEAM)
        assert team is not None
        for number in range(MODELS):
            name = FullName("prod", "ml_team", f"model_{number:03}")
            await rows.models.add(replace(secret, id=str(uuid4()), full_name=name), team.id)
    return TEAM


@pytest.fixture
async def colleague(
    server: TestServer, admin: AdminClient, team: SchemaName
) -> AsyncIterator[ExplorerClient]:
    """Browser of somebody who may use the catalog and one schema, and read one model."""
    ana = await create_user(admin, "ana")
    await grant_privileges(
        admin,
        "ana",
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_schema(Privilege.USE_SCHEMA, str(TEAM)),
        on_model(Privilege.EXECUTE, f"{TEAM}.model_007"),
    )
    client = new_browser(server)
    await client.sign_in(ana.token)
    yield client
    await client.session.close()


def _links(page: ExplorerPage) -> list[str]:
    """Names of the places that the tree shows."""
    return [str(link["data-place"]) for link in page.soup.select("a[data-place]")]


async def test_a_catalog_a_schema_and_a_model_are_created_and_described(explorer: ExplorerClient) -> None:
    page = await (await explorer.open("/explorer/catalogs")).submit("Create", name="Prod", comment="*All*")
    assert (page.title, page.url.path) == ("prod", "/explorer/catalogs/prod")
    page = await page.submit("Save properties", properties="team=ml\n\ncost center = 4711")
    assert "cost center: 4711" in page.text
    page = await page.submit("Create", name="ml_team")
    assert (page.title, page.url.path) == ("ml_team", f"/explorer/schemas/{TEAM}")
    page = await page.submit("Save", comment="Of the *team*")
    assert page.soup.select_one(".markdown em").text == "team"  # type: ignore[union-attr]
    page = await page.submit("Create", name="iris")
    assert (page.title, page.url.path) == ("iris", f"/explorer/models/{TEAM}.iris")
    page = await (await explorer.open(f"/explorer/schemas/{TEAM}")).submit("Rename", name="team")
    page = await (await explorer.open("/explorer/catalogs/prod")).submit("Rename", name="production")
    assert (await explorer.open("/explorer/models/production.team.iris")).status == 200


async def test_an_owner_gives_a_schema_away(
    explorer: ExplorerClient, admin: AdminClient, team: SchemaName
) -> None:
    await create_user(admin, "ana")
    page = await (await explorer.open(f"/explorer/schemas/{TEAM}")).submit("Give", owner="ana")
    assert (await admin.provider.catalogs.get_schema(admin.context, TEAM)).owner == "ana"
    page = await page.submit("Give", owner="nobody")
    assert (page.status, "'nobody'" in page.text) == (404, True)


async def test_a_wrong_property_is_refused_and_nothing_is_lost(
    explorer: ExplorerClient, team: SchemaName
) -> None:
    page = await (await explorer.open("/explorer/catalogs/prod")).submit("Save properties", properties="team")
    assert (page.status, "'team' is not a property" in page.text) == (400, True)


async def test_a_long_listing_is_paged_and_narrowed(explorer: ExplorerClient, team: SchemaName) -> None:
    page = await explorer.open(f"/explorer/schemas/{TEAM}")
    seen = [row.text for row in page.soup.select("tbody th a")]
    while following := page.soup.find("a", rel="next"):
        page = await explorer.open(str(following["href"]))
        seen += [row.text for row in page.soup.select("tbody th a")]
    assert seen == [f"model_{number:03}" for number in range(MODELS)]
    page = await (await explorer.open(f"/explorer/schemas/{TEAM}")).submit("Filter", prefix="Model_11")
    assert [row.text for row in page.soup.select("tbody th a")] == [f"model_11{n}" for n in range(10)]
    page = await page.submit("Filter", prefix="%")
    assert "No model that you may read begins with %" in page.text


async def test_a_colleague_sees_what_is_granted_and_why_not_more(colleague: ExplorerClient) -> None:
    page = await colleague.open("/explorer/catalogs/prod")
    assert [row.text for row in page.soup.select("tbody th a")] == ["ml_team"]
    assert "ana lacks CREATE_SCHEMA on catalog 'prod'" in page.refusal("Create schema")
    for label in ("Rename", "Delete", "✎ Edit description"):
        assert "ana lacks OWNERSHIP on catalog 'prod'" in page.refusal(label)
    assert "OWNERSHIP or MANAGE" in page.refusal("Change owner")
    page = await colleague.open(f"/explorer/schemas/{TEAM}")
    assert [row.text for row in page.soup.select("tbody th a")] == ["model_007"]
    assert "ana lacks CREATE_MODEL on schema 'prod.ml_team'" in page.refusal("Create model")
    assert (await colleague.open("/explorer/schemas/prod.secret")).status == 403


async def test_a_form_of_a_colleague_changes_nothing(colleague: ExplorerClient, admin: AdminClient) -> None:
    token = str((await colleague.open("/explorer")).soup.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    for path, fields in (
        ("/catalogs/prod", {"comment": "mine"}),
        ("/catalogs/prod", {"owner": "ana"}),
        ("/catalogs/prod/schemas", {"name": "mine"}),
        (f"/schemas/{TEAM}", {"name": "mine"}),
        (f"/schemas/{TEAM}/models", {"name": "mine"}),
    ):
        page = await colleague.post(f"/explorer{path}", [("csrf_token", token), *fields.items()])
        assert (page.status, "ana lacks" in page.text) == (403, True), path
    assert (await admin.provider.catalogs.get(admin.context, "prod")).comment == ""


async def test_the_tree_opens_at_the_page_and_loads_the_rest_on_demand(
    explorer: ExplorerClient, team: SchemaName
) -> None:
    page = await explorer.open(f"/explorer/models/{TEAM}.model_119")
    tree = await explorer.open(str(page.soup.find(id="tree")["hx-get"]))  # type: ignore[index]
    shown = _links(tree)
    assert shown[:3] == ["prod", "prod.ml_team", "prod.ml_team.model_000"]
    # Where the reader is comes after the first page of a long list.
    assert shown[51:] == ["prod.ml_team.model_049", "prod.ml_team.model_119", "prod.secret", "staging"]
    assert [link.text for link in tree.soup.find_all("a", {"aria-current": "page"})] == ["model_119"]
    more = await explorer.open(str(tree.soup.select_one("button.more")["hx-get"]))  # type: ignore[index]
    assert _links(more)[0] == "prod.ml_team.model_050"
    closed = tree.soup.find("button", {"aria-label": "What is in staging"})
    assert _links(await explorer.open(str(closed["hx-get"]))) == ["staging.lab"]  # type: ignore[index]


async def test_the_tree_is_filtered_by_the_server(explorer: ExplorerClient, team: SchemaName) -> None:
    for text, found in (
        ("pro", ["prod"]),
        ("LAB", ["staging.lab"]),
        ("prod.m", ["prod.ml_team"]),
        ("prod.ml_team.model_11", [f"prod.ml_team.model_11{n}" for n in range(10)]),
        ("model_00", [f"prod.ml_team.model_00{n}" for n in range(10)]),
        ("nowhere.at.all", []),
        ("a/b.c", []),
        ("....", []),
    ):
        page = await explorer.open(f"/explorer/tree?filter={text}")
        assert (page.status, _links(page)) == (200, found), text


async def test_the_tree_shows_nobody_what_others_may_see(
    colleague: ExplorerClient, admin: AdminClient
) -> None:
    page = await colleague.open(f"/explorer/tree?at={TEAM}.model_119")
    assert _links(page) == ["prod", "prod.ml_team", "prod.ml_team.model_007"]
    for query in ("filter=model", "filter=secret", "filter=prod.secret.", "at=prod.secret.model_secret"):
        page = await colleague.open(f"/explorer/tree?{query}")
        assert not any("secret" in name for name in _links(page)), query
    assert (await colleague.open("/explorer/tree/children?of=prod.secret")).text.startswith("Nothing")
    assert await admin.provider.audit.latest(admin.context, 10, principal="ana", outcome="DENIED") == []


async def test_a_catalog_from_a_share_shows_where_it_comes_from(regions: Regions) -> None:
    client = new_browser(regions.server)  # type: ignore[arg-type]
    async with client.session:
        await client.sign_in(regions.token)
        page = await client.open("/explorer/catalogs/vendor")
        for said in (
            "from a share",
            "read-only",
            "active",
            "confirmed just now",
            "others are fetched",
            "sha256:",
        ):
            assert said in page.text, said
        assert "Create schema" not in page.text
        page = await client.open("/explorer/models/vendor.ml_team.scorer")
        assert (
            page.refusal("Edit tags") == "vendor.ml_team.scorer comes from share acme_share of provider acme"
        )


async def test_the_owner_brings_a_shared_catalog_up_to_date_and_fetches_its_files(regions: Regions) -> None:
    client = new_browser(regions.server)  # type: ignore[arg-type]
    async with client.session:
        await client.sign_in(regions.token)
        page = await client.open("/explorer/catalogs/vendor")
        page = await page.submit("Ask the provider now")
        assert "Brought up to date." in page.text
        page = await page.submit("Fetch", model="no.such")
        assert (page.status, "'no.such'" in page.text) == (404, True)
        page = await (await client.open("/explorer/catalogs/vendor")).submit("Fetch", all_versions="yes")
        assert "Files are being fetched." in page.text
        working = asyncio.create_task(regions.here.provider.job_worker.run())
        assert await pulled(regions, 2)
        await end_tasks([working])
