"""MLflow's prompt registry is not served, and MLflow says so rather than that there is no such prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from mlflow.exceptions import MlflowException
from mlflow.store._unity_catalog.registry.rest_store import UcModelRegistryStore
from mlflow.utils import rest_utils

NAME = "prod.ml_team.greeting"
CALLS: list[Callable[[UcModelRegistryStore], object]] = [
    lambda store: store.create_prompt(NAME),
    lambda store: store.get_prompt(NAME),
    lambda store: store.search_prompts(filter_string="catalog = 'prod' AND schema = 'ml_team'"),
    lambda store: store.delete_prompt(NAME),
    lambda store: store.create_prompt_version(NAME, template="Hello {{name}}"),
    lambda store: store.get_prompt_version(NAME, "1"),
    lambda store: store.get_prompt_version_by_alias(NAME, "production"),
    lambda store: store.set_prompt_alias(NAME, "production", "1"),
    lambda store: store.set_prompt_tag(NAME, "key", "value"),
    lambda store: store.delete_prompt_tag(NAME, "key"),
]


@pytest.fixture
def store(
    server: TestServer, provider_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UcModelRegistryStore]:
    monkeypatch.setenv("DATABRICKS_HOST", str(server.make_url("/")).rstrip("/"))
    monkeypatch.setenv("DATABRICKS_TOKEN", (provider_home / "admin.token").read_text())
    yield UcModelRegistryStore("databricks-uc", "databricks-uc")
    rest_utils.get_workspace_client.cache_clear()


@pytest.mark.parametrize("call", CALLS)
async def test_mlflow_is_told_that_there_are_no_prompts_here(
    store: UcModelRegistryStore, call: Callable[[UcModelRegistryStore], object]
) -> None:
    with pytest.raises(MlflowException, match="keeps models, not prompts"):
        await asyncio.to_thread(call, store)
