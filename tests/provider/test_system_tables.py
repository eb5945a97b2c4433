"""A share's own tables hold what its recipient may see, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow.parquet as pq
import pytest
from support import Desk, write_model

from model_sharing_provider.artifacts.locations import SYSTEM_TABLES


async def query(endpoint: str, token: str, table: str) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """The rows of a table, its `metaData`, and its version header."""
    url = f"{endpoint}/shares/acme/schemas/information_schema/tables/{table}/query"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
            version = answer.headers["delta-table-version"]
            protocol, head, file = (json.loads(line) for line in (await answer.read()).splitlines())
        assert protocol == {"protocol": {"minReaderVersion": 1}}
        async with session.get(file["file"]["url"]) as answer:
            content = await answer.read()
    assert len(content) == file["file"]["size"]
    return pq.read_table(io.BytesIO(content)).to_pylist(), head["metaData"], version


@pytest.fixture
async def token(desk: Desk, endpoint: str, tmp_path: Path) -> str:
    folder = write_model(tmp_path / "m")
    for name, alias in (("prod.ml_team.scorer", "Champion"), ("prod.ml_team.scorer", None)):
        await desk.register(folder, name, alias)
    await desk.register(folder, "prod.hidden.secret")
    code = await desk.share("acme", "globex", "prod.ml_team.scorer")
    return (await desk.activate(code, endpoint)).bearer_token


async def test_models_versions_and_aliases(endpoint: str, token: str) -> None:
    models, metadata, _ = await query(endpoint, token, "models")
    assert [(row["schema"], row["name"], row["latest_version"]) for row in models] == [
        ("ml_team", "scorer", 2)
    ]
    fields = json.loads(metadata["schemaString"])["fields"]
    assert [field["name"] for field in fields] == list(models[0])
    versions, _, _ = await query(endpoint, token, "model_versions")
    assert [(row["model_name"], row["version"], row["status"]) for row in versions] == [
        ("scorer", 1, "READY"),
        ("scorer", 2, "READY"),
    ]
    aliases, _, _ = await query(endpoint, token, "model_aliases")
    assert aliases == [{"schema": "ml_team", "model_name": "scorer", "alias": "Champion", "version": 1}]


async def test_the_version_grows_with_changes_only(
    desk: Desk, endpoint: str, token: str, tmp_path: Path
) -> None:
    _, _, first = await query(endpoint, token, "models")
    _, _, again = await query(endpoint, token, "models")
    await desk.register(write_model(tmp_path / "m2"), "prod.ml_team.scorer")
    _, _, later = await query(endpoint, token, "models")
    assert int(first) == int(again) < int(later)


async def test_answers_that_are_the_same_are_stored_once(
    endpoint: str, token: str, provider_home: Path
) -> None:
    for _ in range(3):
        await query(endpoint, token, "models")
    stored = [path for path in (provider_home / "artifacts" / SYSTEM_TABLES).iterdir() if path.is_file()]
    assert len(stored) == 1
