"""MLflow uploads a model to the bucket itself, by the URLs that the registry gives it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.servers import bucket_url
from support.processes.notebook import notebook

NAME = FullName.parse("prod.ml_team.scorer")
FILES = {"data/weights.bin": bytes(range(256)) * 40_000, "code/x.py": b"1"}


@pytest.fixture
def settings(provider_home: Path, azure: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With artifacts in the one kind of bucket whose emulator checks signatures, and wants a header."""
    return Settings(provider_home, artifact_root=bucket_url("azure", azure, monkeypatch))


async def test_no_byte_of_an_upload_comes_through_the_server(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "first"), str(NAME))
    folder = write_model(tmp_path / "second", FILES)
    environment = {
        "DATABRICKS_HOST": str(server.make_url("/")).rstrip("/"),
        "DATABRICKS_TOKEN": (provider_home / "admin.token").read_text(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
    }
    cell = f"import mlflow; print(mlflow.MlflowClient().create_model_version('{NAME}', '{folder}').status)"
    with notebook(tmp_path, environment) as book:
        assert await asyncio.to_thread(book.run, cell) == "READY\n"
    assert await admin.provider.audit.latest(admin.context, 1000, action=AuditAction.UPLOAD_FILE) == []
    for path, content in FILES.items():
        opened = await admin.provider.principal_files.open_path(admin.context, NAME, 2, path)
        pieces = [bytes(piece) async for piece in admin.provider.signed_files.read(opened, 0, opened.size)]
        assert b"".join(pieces) == content
