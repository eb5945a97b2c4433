"""Limits in "Manage model lifecycle in Unity Catalog" are errors, which the client shows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.notebook import CellFailed, notebook

CALLS = (
    'client.search_registered_models(order_by=["name DESC"])',
    "client.search_registered_models(filter_string=\"name='prod.ml_team.iris_model'\")",
    "client.search_model_versions(\"name LIKE 'prod.%'\")",
    "client.search_model_versions(\"tags.mykey = 'myvalue'\")",
    'client.search_model_versions("name=\'prod.ml_team.iris_model\'", order_by=["version DESC"])',
    'client.transition_model_version_stage("prod.ml_team.iris_model", 1, "Staging")',
)


@pytest.mark.parametrize("native", ["false", "true"], ids=["registry protocol", "native store"])
async def test_what_is_not_supported_is_refused_clearly(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path, native: str
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.iris_model")
    environment = {
        "DATABRICKS_HOST": str(server.make_url("/")).rstrip("/"),
        "DATABRICKS_TOKEN": (provider_home / "admin.token").read_text(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
        "MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": native,
    }
    with notebook(tmp_path, environment) as book:
        await asyncio.to_thread(book.run, "import mlflow; client = mlflow.MlflowClient()")
        assert await asyncio.to_thread(book.run, "print(len(client.search_registered_models()))") == "1\n"
        for call in CALLS:
            with pytest.raises(CellFailed, match=r"(?i)support"):
                await asyncio.to_thread(book.run, call)
