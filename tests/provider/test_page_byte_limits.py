"""A page ends by what is written in its rows, too: what one person writes, nobody's listing breaks under."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import update

from model_sharing_protocol.mlflow_registry import PREFIX as MLFLOW
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.domain.limits import MAX_COMMENT
from model_sharing_provider.domain.securables import MAX_TAGS
from model_sharing_provider.metastore.paging.keyset import MAX_PAGE_CHARACTERS, fit_page
from model_sharing_provider.metastore.tables import (
    catalogs,
    model_versions,
    recipients,
    registered_models,
    schemas,
    shares,
)
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.information_schema import query_table
from support.model_folder import write_model

pytestmark = pytest.mark.each_database

NUMBER = 12
HEAVY = "x" * (MAX_PAGE_CHARACTERS // 4)
"""More than the limits let anybody write: four of them fill a page."""
NAMES = [f"m{number:02}" for number in range(NUMBER)]
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("weights", "kept"),
    [([], 0), ([5], 1), ([10**9], 1), ([10**9, 1], 1), ([1, 10**9], 1), ([1] * 9, 9), ([2**19] * 9, 2)],
)
def test_a_page_has_at_least_one_item_and_no_more_than_fit(weights: list[int], kept: int) -> None:
    page = fit_page(Page(list(range(len(weights)))), weights, str)
    assert len(page.items) == kept
    assert page.last_key == (str(kept - 1) if kept < len(weights) else None)


@pytest.fixture
async def token(admin: AdminClient, endpoint: str, tmp_path: Path) -> str:
    """Of each thing a dozen, described at length."""
    provider, context = admin.provider, admin.context
    folder = write_model(tmp_path / "m")
    for name in NAMES:
        await admin.register(folder, f"prod.ml_team.{name}")
        await provider.catalogs.create(context, name)
        await provider.catalogs.create_schema(context, SchemaName("prod", name))
        await provider.recipients.create(context, name)
        await provider.shares.create(context, name)
    for _ in range(NUMBER - 1):
        await admin.register(folder, "prod.ml_team.m00")
    code = await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    for name in NAMES:
        await provider.share_permissions.grant(context, name, "globex")
    async with provider.database.write() as rows:
        connection = rows.catalogs._connection
        for table in (registered_models, model_versions, catalogs, schemas, shares, recipients):
            await connection.execute(update(table).values(comment=HEAVY))
        await connection.execute(update(model_versions).values(run_id="run"))
    return (await admin.activate(code, endpoint)).bearer_token


async def walk(ask: Callable[[str | None], Awaitable[tuple[int, Json]]], key: str, word: str) -> list[Json]:
    """All items of a listing that takes several pages, none of which is large."""
    found: list[Json] = []
    pages, token = 0, None
    while True:
        size, page = await ask(token)
        assert size < MAX_PAGE_CHARACTERS + 20_000
        found += page[key]
        pages, token = pages + 1, page.get(word)
        if not token:
            assert pages >= NUMBER // 4
            return found


def asking(
    session: aiohttp.ClientSession, url: str, parameter: str
) -> Callable[[str | None], Awaitable[tuple[int, Json]]]:
    async def ask(token: str | None) -> tuple[int, Json]:
        async with session.get(url, params={parameter: token} if token else {}) as answer:
            content = await answer.read()
            assert answer.status == 200, content
            return len(content), json.loads(content)

    return ask


async def test_recipients_listings_end_early_and_go_on(endpoint: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path, key, names in (
            ("/shares", "name", [*NAMES, "acme"]),
            ("/shares/acme/all-models", "name", NAMES),
            ("/shares/acme/schemas/ml_team/models", "name", NAMES),
            ("/shares/acme/schemas/ml_team/models/m00/versions", "version", list(range(1, NUMBER + 1))),
        ):
            found = await walk(asking(session, endpoint + path, "pageToken"), "items", "nextPageToken")
            assert [item[key] for item in found] == sorted(names)


async def test_listings_of_the_registry_end_early_and_go_on(
    server: TestServer, provider_home: Path, token: str
) -> None:
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    versions = f"{PREFIX}/models/prod.ml_team.m00/versions"
    async with aiohttp.ClientSession(headers=headers) as session:
        for path, key, count in (
            (f"{PREFIX}/catalogs", "catalogs", NUMBER + 1),
            (f"{PREFIX}/schemas?catalog_name=prod", "schemas", NUMBER + 1),
            (f"{PREFIX}/models", "registered_models", NUMBER),
            (f"{PREFIX}/models?catalog_name=prod&schema_name=ml_team", "registered_models", NUMBER),
            (versions, "model_versions", NUMBER),
            (f"{PREFIX}/shares", "shares", NUMBER + 1),
            (f"{PREFIX}/recipients", "recipients", NUMBER + 1),
            (f"{MLFLOW}/registered-models/search", "registered_models", NUMBER),
            (f"{MLFLOW}/model-versions/search?filter=run_id='run'", "model_versions", 2 * NUMBER - 1),
        ):
            ask = asking(session, str(server.make_url(path)), "page_token")
            found = await walk(ask, key, "next_page_token")
            assert len({json.dumps(item) for item in found}) == len(found) == count, path


async def test_a_shares_own_tables_are_whole(endpoint: str, token: str) -> None:
    models, _, _ = await query_table(endpoint, token, "models")
    assert [(row["name"], row["comment"]) for row in models] == [(name, HEAVY) for name in NAMES]
    versions, _, _ = await query_table(endpoint, token, "model_versions")
    assert len({(row["model_name"], row["version"]) for row in versions}) == 2 * NUMBER - 1
    assert {row["comment"] for row in versions} == {HEAVY}


async def test_within_the_limits_descriptions_and_tags_count_together(
    admin: AdminClient, tmp_path: Path
) -> None:
    """A model with as much text as it can have is no fault: fewer fit on a page."""
    provider, context = admin.provider, admin.context
    tags = {f"{number:0255}": "é" * 1000 for number in range(MAX_TAGS)}
    await provider.catalogs.create(context, "prod")
    await provider.catalogs.create_schema(context, SchemaName("prod", "ml"))
    for number in range(20):
        name = FullName("prod", "ml", f"m{number:02}")
        await provider.models.create(context, name, "é" * (MAX_COMMENT // 2))
        await provider.models.tag(context, name, TagChange(add=tags))
    request, sizes = PageRequest(), []
    while True:
        page = await provider.models.search(context, request)
        sizes.append(len(page.items))
        if page.last_key is None:
            break
        request = PageRequest(after=page.last_key)
    assert sum(sizes) == 20
    assert max(sizes) == MAX_PAGE_CHARACTERS // (MAX_TAGS * 1255 + MAX_COMMENT // 2)
