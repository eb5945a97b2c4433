"""Every listing pages the same way: complete, without repeats, and deaf to tokens that are not its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = pytest.mark.each_database

MODEL = "/shares/acme/schemas/ml_team/models/scorer"
LISTINGS = {
    "/shares": "shares",
    "/shares/acme/schemas": "schemas of acme",
    "/shares/acme/all-models": "models of acme.*",
    "/shares/acme/schemas/ml_team/models": "models of acme.ml_team",
    f"{MODEL}/versions": "versions of acme.ml_team.scorer",
    f"{MODEL}/aliases": "aliases of acme.ml_team.scorer",
    "/shares/acme/all-tables": "tables of acme.*",
    "/shares/acme/schemas/information_schema/tables": "tables of acme.information_schema",
}


@pytest.fixture
async def token(admin: AdminClient, endpoint: str, tmp_path: Path) -> str:
    """globex may read two shares; `acme` has two schemas, two models, two versions and three aliases."""
    names = ["prod.ml_team.scorer", "prod.ml_team.Other", "prod.vision.cat"]
    for name in [*names, names[0]]:
        await admin.register(write_model(tmp_path / name / str(len(list(tmp_path.rglob("MLmodel"))))), name)
    for alias in ("Zeta", "alpha", "Mid"):
        await admin.provider.models.set_alias(admin.context, FullName.parse(names[0]), alias, 2)
    code = await admin.share("acme", "globex", *names)
    await admin.provider.shares.create(admin.context, "second")
    await admin.provider.share_permissions.grant(admin.context, "second", "globex")
    return (await admin.activate(code, endpoint)).bearer_token


async def ask(endpoint: str, token: str, path: str, **query: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(endpoint + path, params=query) as answer,
    ):
        return answer.status, await answer.json()


async def test_pages_of_one_add_up_to_the_whole(endpoint: str, token: str) -> None:
    for path in LISTINGS:
        _, whole = await ask(endpoint, token, path)
        assert len(whole["items"]) >= 2, path
        assert "nextPageToken" not in whole
        gathered: list[Any] = []
        query = {"maxResults": "1"}
        while True:
            _, page = await ask(endpoint, token, path, **query)
            assert len(page["items"]) == 1, path
            gathered += page["items"]
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        assert gathered == whole["items"], path


async def test_a_page_of_nothing_is_legal_and_empty(endpoint: str, token: str) -> None:
    for path in LISTINGS:
        assert await ask(endpoint, token, path, maxResults="0") == (200, {}), path


async def test_sizes_and_tokens_that_cannot_be_are_refused_everywhere(endpoint: str, token: str) -> None:
    for path in LISTINGS:
        for query in ({"maxResults": "-1"}, {"maxResults": "x"}, {"pageToken": "x"}):
            status, body = await ask(endpoint, token, path, **query)
            assert (status, body["errorCode"]) == (400, "INVALID_PARAMETER_VALUE"), (path, query)


async def test_a_token_of_another_listing_is_refused_everywhere(endpoint: str, token: str) -> None:
    given = {path: await ask(endpoint, token, path, maxResults="1") for path in LISTINGS}
    for path in LISTINGS:
        for other, (_, page) in given.items():
            status, _ = await ask(endpoint, token, path, pageToken=page["nextPageToken"])
            assert status == (200 if other == path else 400), (path, other)


async def test_a_token_that_somebody_made_up_is_a_clients_error(endpoint: str, token: str) -> None:
    """The form of tokens is no secret: what is inside is read with the same care as any other input."""
    for path, listing in LISTINGS.items():
        for key in ("", "abc", "-1", "a.b.c", "a\0b", "\u202e", "9" * 40, "9" * 5000, "x" * 5000):
            forged = Page(["x"], key).token(listing)
            status, _ = await ask(endpoint, token, path, pageToken=forged or "")
            assert status in (200, 400), (path, key[:10])
    for key in ("", "abc", "-1", "9" * 40):
        forged = Page(["x"], key).token(LISTINGS[f"{MODEL}/versions"])
        status, _ = await ask(endpoint, token, f"{MODEL}/versions", pageToken=forged or "")
        assert status == 400


async def test_tables_are_listed_where_there_is_a_schema(endpoint: str, token: str) -> None:
    tables = "/shares/acme/schemas/{}/tables"
    assert await ask(endpoint, token, tables.format("ml_team")) == (200, {})
    for schema in ("INFORMATION_SCHEMA", "information_schema"):
        _, page = await ask(endpoint, token, tables.format(schema))
        assert [item["name"] for item in page["items"]] == ["model_aliases", "model_versions", "models"]
    status, body = await ask(endpoint, token, tables.format("nope"))
    assert (status, body["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_listing_goes_on_while_models_come_and_none_is_seen_twice(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    """Those that were there from the start are all seen, whatever is registered between two pages."""
    folder = write_model(tmp_path / "m")
    for number in range(0, 20, 2):
        await admin.register(folder, f"prod.ml_team.m{number:02}")
    code = await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    token = (await admin.activate(code, endpoint)).bearer_token
    seen: list[str] = []
    query = {"maxResults": "2"}
    added = iter(range(1, 20, 2))
    while True:
        _, page = await ask(endpoint, token, "/shares/acme/all-models", **query)
        seen += [item["name"] for item in page["items"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
        await admin.register(folder, f"prod.ml_team.m{next(added):02}")
    assert seen == sorted(set(seen))
    assert {f"m{number:02}" for number in range(0, 20, 2)} <= set(seen)
