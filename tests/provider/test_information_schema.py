"""A share's own tables hold what its recipient may see, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

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
