"""Privileges in MLflow: a call without one is refused immediately, naming the missing privilege."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import (
    change_owner,
    create_group,
    create_user,
    on_catalog,
    on_model,
    on_schema,
)
from support.processes.notebook import CellFailed, Notebook, notebook

NAME = "prod.ml_team.scorer"
LOOK_UP = f'client.get_model_version_by_alias("{NAME}", "Champion").version'
DOWNLOAD = f'mlflow.artifacts.download_artifacts("models:/{NAME}@Champion", dst_path="downloaded")'
MOVE_ALIAS = f'client.set_registered_model_alias("{NAME}", "Challenger", 1)'
TAG = f'client.set_registered_model_tag("{NAME}", "task", "scoring")'


async def run(book: Notebook, cell: str) -> str:
    """The notebook blocks; the server it talks to runs in this test's loop."""
    return await asyncio.to_thread(book.run, cell)


async def refused(book: Notebook, cell: str) -> str:
    with pytest.raises(CellFailed) as failure:
        await run(book, cell)
    return str(failure.value)


async def test_a_colleague_gets_what_was_granted_and_is_told_what_was_not(
    admin: AdminClient, server: TestServer, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME, "Champion")
    ana = await create_user(admin, "ana")
    environment = {
        "DATABRICKS_HOST": str(server.make_url("/")).rstrip("/"),
        "DATABRICKS_TOKEN": ana.token,
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
    }
    with notebook(tmp_path, environment) as book:
        await run(book, "import mlflow; client = mlflow.MlflowClient()")
        for privilege, missing in (
            (on_catalog(Privilege.USE_CATALOG, "prod"), "USE_CATALOG"),
            (on_schema(Privilege.USE_SCHEMA, "prod.ml_team"), "USE_SCHEMA"),
            (on_model(Privilege.EXECUTE, NAME), "EXECUTE"),
        ):
            for cell in (LOOK_UP, DOWNLOAD):
                assert f"ana lacks {missing}" in await refused(book, cell)
            assert await run(book, "print(client.search_registered_models())") == "[]\n"
            await privilege.grant(admin, "ana")
        assert await run(book, f"print({LOOK_UP})") == "1\n"
        await run(book, DOWNLOAD)
        assert (tmp_path / "downloaded" / "model.pkl").read_bytes() == b"weights"
        assert await run(book, "print(len(client.search_registered_models()))") == "1\n"

        assert "ana lacks OWNERSHIP" in await refused(book, MOVE_ALIAS)
        assert "ana lacks OWNERSHIP or APPLY_TAG" in await refused(book, TAG)
        await on_model(Privilege.APPLY_TAG, NAME).grant(admin, "ana")
        await run(book, TAG)

        await create_group(admin, "scientists", "ana")
        await change_owner(admin, admin.context, SecurableType.MODEL, NAME, "scientists")
        await run(book, MOVE_ALIAS)
        aliases = (await admin.provider.models.get(admin.context, FullName.parse(NAME))).aliases
        assert aliases == {"Challenger": 1, "Champion": 1}
