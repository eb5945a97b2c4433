"""A share's own tables hold what its recipient may see, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from model_sharing_provider.artifacts.layout import SHARE_TABLES
from support.admin_client import AdminClient
from support.information_schema import query_table
from support.model_folder import write_model


@pytest.fixture
async def token(admin: AdminClient, endpoint: str, tmp_path: Path) -> str:
    folder = write_model(tmp_path / "m")
    for name, alias in (("prod.ml_team.scorer", "Champion"), ("prod.ml_team.scorer", None)):
        await admin.register(folder, name, alias)
    await admin.register(folder, "prod.hidden.secret")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    return (await admin.activate(code, endpoint)).bearer_token


async def test_models_versions_and_aliases(endpoint: str, token: str) -> None:
    models, metadata, _ = await query_table(endpoint, token, "models")
    assert [(row["schema"], row["name"], row["latest_version"]) for row in models] == [
        ("ml_team", "scorer", 2)
    ]
    fields = json.loads(metadata["schemaString"])["fields"]
    assert [field["name"] for field in fields] == list(models[0])
    versions, _, _ = await query_table(endpoint, token, "model_versions")
    assert [(row["model_name"], row["version"], row["status"]) for row in versions] == [
        ("scorer", 1, "READY"),
        ("scorer", 2, "READY"),
    ]
    aliases, _, _ = await query_table(endpoint, token, "model_aliases")
    assert aliases == [{"schema": "ml_team", "model_name": "scorer", "alias": "Champion", "version": 1}]


async def test_the_version_grows_with_changes_only(
    admin: AdminClient, endpoint: str, token: str, tmp_path: Path
) -> None:
    _, _, first = await query_table(endpoint, token, "models")
    _, _, again = await query_table(endpoint, token, "models")
    await admin.register(write_model(tmp_path / "m2"), "prod.ml_team.scorer")
    _, _, later = await query_table(endpoint, token, "models")
    assert int(first) == int(again) < int(later)


async def test_answers_that_are_the_same_are_stored_once(
    endpoint: str, token: str, provider_home: Path
) -> None:
    for _ in range(3):
        await query_table(endpoint, token, "models")
    stored = [path for path in (provider_home / "artifacts" / SHARE_TABLES).iterdir() if path.is_file()]
    assert len(stored) == 1


@pytest.fixture
async def client(token: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def code_of(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["errorCode"]


async def test_a_client_that_walks_finds_the_tables_and_one_for_models_is_not_bothered(
    client: aiohttp.ClientSession, endpoint: str
) -> None:
    async def names(path: str, size: int | None = None) -> list[str]:
        found: list[str] = []
        query = {} if size is None else {"maxResults": str(size)}
        while True:
            async with client.get(f"{endpoint}/shares/acme/{path}", params=query) as answer:
                page = await answer.json()
            found += [each["name"] for each in page.get("items", ())]
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    for size in (None, 1, 2, 3):
        assert await names("schemas", size) == ["information_schema", "ml_team"]
    assert await names("schemas/Information_Schema/models") == []
    tables = await names("schemas/information_schema/tables")
    assert tables == ["model_aliases", "model_versions", "models"] == await names("all-tables")
    for path in ("all-tables", "schemas/information_schema/tables"):
        async with client.get(f"{endpoint}/shares/acme/{path}") as answer:
            listed = {each["name"]: each for each in (await answer.json())["items"]}
        for name in tables:
            url = f"{endpoint}/shares/acme/schemas/information_schema/tables/{name}"
            async with client.get(url) as answer:
                one = await answer.json()
            assert one.pop("format") == "delta"
            assert one == listed[name]
            assert str(UUID(one["id"])) == one["id"]
            async with client.get(f"{endpoint}/shares/acme") as answer:
                assert (await answer.json())["share"]["id"] == one["shareId"]


@pytest.mark.parametrize("name", ["aaa", "zzz", "information_schemas", "information"])
async def test_its_schema_stands_in_its_place_whatever_the_others_are_called(
    admin: AdminClient, endpoint: str, tmp_path: Path, name: str
) -> None:
    model = await admin.register(write_model(tmp_path / "m"), f"prod.{name}.scorer")
    code = await admin.share("acme", "globex", str(model.full_name))
    token = (await admin.activate(code, endpoint)).bearer_token
    found: list[str] = []
    query = {"maxResults": "1"}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        while True:
            async with session.get(f"{endpoint}/shares/acme/schemas", params=query) as answer:
                page = await answer.json()
            found += [each["name"] for each in page["items"]]
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
    assert found == sorted(["information_schema", name])


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"version": 3}, "UNSUPPORTED_OPERATION"),
        ({"version": 0}, "UNSUPPORTED_OPERATION"),
        ({"timestamp": "2026-01-01T00:00:00Z"}, "UNSUPPORTED_OPERATION"),
        ({"startingVersion": 1, "endingVersion": 2}, "UNSUPPORTED_OPERATION"),
        ({"endingTimestamp": "2026-01-01"}, "UNSUPPORTED_OPERATION"),
        ({"timestamp": "yesterday"}, "INVALID_PARAMETER_VALUE"),
        ({"timestamp": ""}, "INVALID_PARAMETER_VALUE"),
        ({"version": -1}, "MALFORMED_REQUEST"),
        ({"version": "3"}, "MALFORMED_REQUEST"),
        ({"limitHint": "x"}, "MALFORMED_REQUEST"),
        ({"predicateHints": "a = 1"}, "MALFORMED_REQUEST"),
        ({"pageToken": "x"}, "INVALID_PARAMETER_VALUE"),
        ([], "MALFORMED_REQUEST"),
        ("{", "MALFORMED_REQUEST"),
        (None, "MALFORMED_REQUEST"),
    ],
)
async def test_no_other_state_is_answered_by_the_current_rows(
    client: aiohttp.ClientSession, endpoint: str, state: object, code: str
) -> None:
    table = f"{endpoint}/shares/acme/schemas/information_schema/tables/models"
    body = state if isinstance(state, str) else json.dumps(state)
    headers = {"Content-Type": "application/json"}
    async with client.post(f"{table}/query", data=body, headers=headers) as answer:
        assert await code_of(answer) == (400, code)
    if isinstance(state, dict) and code != "MALFORMED_REQUEST" and "pageToken" not in state:
        for path in ("version", "metadata"):
            async with client.get(f"{table}/{path}", params=state) as answer:
                assert await code_of(answer) == (400, code)


async def test_hints_may_be_given_and_a_body_left_out(client: aiohttp.ClientSession, endpoint: str) -> None:
    query = f"{endpoint}/shares/acme/schemas/information_schema/tables/models/query"
    hints = {"predicateHints": ["name = 'x'"], "jsonPredicateHints": "{}", "limitHint": 0, "maxFiles": 5}
    for body in (b"", b"{}", json.dumps(hints).encode(), b'{"somethingNew": 1}'):
        async with client.post(query, data=body) as answer:
            assert (answer.status, len((await answer.read()).splitlines())) == (200, 3)


async def test_a_client_is_told_which_format_it_gets(client: aiohttp.ClientSession, endpoint: str) -> None:
    table = f"{endpoint}/shares/acme/schemas/information_schema/tables/models"

    async def ask(**headers: str) -> tuple[int, str]:
        async with client.get(f"{table}/metadata", headers=headers) as got:
            metadata = got.status, got.headers.get("delta-sharing-capabilities", "")
        async with client.post(f"{table}/query", headers=headers) as got:
            assert (got.status, got.headers.get("delta-sharing-capabilities", "")) == metadata
        return metadata

    capabilities = "delta-sharing-capabilities"
    assert await ask() == (200, "")
    for offered in (
        "responseformat=parquet",
        "ResponseFormat=DELTA,Parquet;readerFeatures=deletionVectors",
        "responseformat=delta,parquet;includeEndStreamAction=true;",
        "readerfeatures=columnmapping",
    ):
        assert await ask(**{capabilities: offered}) == (200, "responseformat=parquet")
    for refused in ("responseformat=delta", "responseformat=iceberg", "responseformat", "fileidhash=sha256"):
        assert await ask(**{capabilities: refused}) == (400, "")
    assert await ask(fileidhash="delta") == (400, "")


async def test_changes_and_credentials_are_refused_and_absent_tables_absent(
    client: aiohttp.ClientSession, endpoint: str
) -> None:
    tables = f"{endpoint}/shares/acme/schemas/information_schema/tables"
    for method, path in (("GET", "changes"), ("POST", "temporary-table-credentials")):
        async with client.request(method, f"{tables}/models/{path}") as answer:
            assert await code_of(answer) == (400, "UNSUPPORTED_OPERATION")
        async with client.request(method, f"{tables}/secrets/{path}") as answer:
            assert await code_of(answer) == (404, "RESOURCE_DOES_NOT_EXIST")
    async with client.get(f"{tables}/secrets") as answer:
        assert await code_of(answer) == (404, "RESOURCE_DOES_NOT_EXIST")
