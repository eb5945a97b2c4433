"""Registration of a model from a run of the tracking server, as the guide does it by the UI."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from model_sharing_protocol.names import SchemaName
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.principals import create_user
from support.processes.mlflow_server import MLFLOW
from support.processes.virtual_environments import virtual_environment

NAME = "prod.ml_team.iris_model"
LOG_A_MODEL = """
import sys, mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input * 2

mlflow.set_tracking_uri(sys.argv[1])
signature = ModelSignature(Schema([ColSpec("double", "x")]), Schema([ColSpec("double")]))
with mlflow.start_run() as run:
    mlflow.pyfunc.log_model(name="model", python_model=Doubled(), signature=signature, pip_requirements=[])
print(run.info.run_id)
"""


async def create_schema(admin: AdminClient) -> None:
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, SchemaName.parse("prod.ml_team"))


@pytest.fixture
def settings(settings: Settings, mlflow_server: str) -> Settings:
    return replace(settings, tracking_uri=mlflow_server)


@pytest.fixture(scope="module")
def run_id(mlflow_server: str) -> str:
    """A run with a model."""
    command = [str(virtual_environment(MLFLOW)), "-c", LOG_A_MODEL, mlflow_server]
    logged = subprocess.run(command, check=True, capture_output=True, text=True)
    return str(logged.stdout.split()[-1])


async def test_a_run_is_registered_and_remembered(
    explorer: ExplorerClient, admin: AdminClient, run_id: str
) -> None:
    await create_schema(admin)
    page = await explorer.open(f"/explorer/register?model={NAME}")
    page = await page.submit("Register run", run=run_id, alias="Challenger", comment="By hand.")
    assert (page.status, page.title) == (200, "iris_model version 1 ready")
    assert run_id in page.text
    assert "@Challenger" in page.text
    lineage = await explorer.open(f"/explorer/models/{NAME}/versions/1/lineage")
    assert f"runs:/{run_id}/model" in lineage.text


async def test_what_is_no_run_is_told(explorer: ExplorerClient, admin: AdminClient, run_id: str) -> None:
    await create_schema(admin)
    for run, path, status in (
        (f"{'0' * 32}", "model", 404),
        ("../x", "model", 400),
        (run_id, "nothing", 400),
    ):
        page = await (await explorer.open(f"/explorer/register?model={NAME}")).submit(
            "Register run", run=run, path=path
        )
        assert page.status == status, page.text
    page = await (await explorer.open(f"/explorer/register?model={NAME}")).submit(
        "Register run", run=run_id, path="../../secrets"
    )
    assert page.status == 400


async def test_who_may_not_register_makes_nobody_fetch(
    admin: AdminClient, stranger: ExplorerClient, run_id: str, provider_home: Path
) -> None:
    await create_schema(admin)
    await stranger.sign_in((await create_user(admin, "ana")).token)
    page = await stranger.open(f"/explorer/register?model={NAME}")
    page = await page.submit("Register run", run=run_id)
    assert (page.status, "lacks USE_CATALOG" in page.text) == (403, True)
    assert not list(provider_home.glob("run-*"))
