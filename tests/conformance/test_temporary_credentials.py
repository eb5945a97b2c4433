"""Clients of others use temporary credentials: Databricks' SDK, and MLflow for Unity Catalog."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import GenerateTemporaryTableCredentialResponse

from model_sharing_protocol.mlflow_registry import PREFIX as MLFLOW_PREFIX
from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.cloud_provider import CREDENTIALS, FILES, NAME, CloudProvider
from support.processes.notebook import notebook


def host(cloud: CloudProvider) -> str:
    return str(cloud.server.make_url("/")).rstrip("/")


async def test_the_sdk_reads_them_as_it_reads_those_of_tables(cloud: CloudProvider) -> None:
    """It has no call for those of models, so this asks as its calls do."""
    catalog, schema, model = NAME.split(".")
    body = {"catalog_name": catalog, "schema_name": schema, "model_name": model, "version": 1}

    def ask() -> GenerateTemporaryTableCredentialResponse:
        workspace = WorkspaceClient(host=host(cloud), token=cloud.admin_token)
        answer = workspace.api_client.do("POST", PREFIX + CREDENTIALS, body=body)
        assert isinstance(answer, dict)
        return GenerateTemporaryTableCredentialResponse.from_dict(answer)

    read = await asyncio.to_thread(ask)
    keys = read.aws_temp_credentials
    assert keys is not None and keys.access_key_id and keys.secret_access_key and keys.session_token
    assert (read.expiration_time or 0) > 1_700_000_000_000
    assert [read.azure_user_delegation_sas, read.gcp_oauth_token, read.r2_temp_credentials] == [None] * 3


async def test_mlflow_reads_and_writes_in_the_bucket_itself(
    cloud: CloudProvider, s3: str, tmp_path: Path
) -> None:
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "MLFLOW_REGISTRY_URI": f"uc:{host(cloud)}",
        "MLFLOW_UC_OSS_TOKEN": cloud.admin_token,
        "MLFLOW_S3_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    download = 'mlflow.artifacts.download_artifacts("models:/{}/{}", dst_path="{}")'
    with notebook(tmp_path, environment) as book:
        await asyncio.to_thread(book.run, "import mlflow")
        await asyncio.to_thread(book.run, download.format(NAME, 1, "got"))
        await asyncio.to_thread(
            book.run, f'mlflow.MlflowClient().create_model_version("{NAME}", source="{tmp_path / "got"}")'
        )
        await asyncio.to_thread(book.run, download.format(NAME, 2, "again"))
    for folder in ("got", "again"):
        assert {path: (tmp_path / folder / path).read_bytes() for path in FILES} == FILES
    # No byte went through the server.
    events = await cloud.admin.provider.audit.latest(cloud.admin.context, 100)
    assert {AuditAction.GET_FILE, AuditAction.UPLOAD_FILE}.isdisjoint(event.action for event in events)


async def test_an_mlflow_that_knows_no_signed_urls_gets_the_buckets_credentials(cloud: CloudProvider) -> None:
    old, new = "mlflow-python-client/2.8.1", "mlflow-python-client/2.13.0"
    for path, body in (("get", None), ("generate-temporary-credentials", {"name": NAME, "version": "1"})):
        for client in (old, new):
            answer = await ask_mlflow(host(cloud), cloud.admin_token, path, client, body)
            if body is None:
                assert answer["model_version"]["storage_location"].startswith("s3://")
                continue
            given = answer["credentials"]
            assert given["storage_mode"] == "DEFAULT_STORAGE"
            assert ("aws_temp_credentials" in given) is (client == old)


async def test_over_a_disk_it_is_told_to_be_newer(
    server: TestServer, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    at, token = str(server.make_url("/")).rstrip("/"), (provider_home / "admin.token").read_text()
    asked = (at, token, "generate-temporary-credentials")
    body = {"name": NAME, "version": "1"}
    refused = await ask_mlflow(*asked, "mlflow-python-client/2.12.2", body)
    assert "install MLflow 2.13" in refused["message"]
    assert "credentials" in await ask_mlflow(*asked, "mlflow-python-client/3.17.2", body)


async def ask_mlflow(
    at: str, token: str, path: str, client: str, body: dict[str, str] | None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": client}
    url = f"{at}{MLFLOW_PREFIX}/model-versions/{path}"
    async with aiohttp.ClientSession(headers=headers) as session:
        if body is None:
            asking = session.get(url, params={"name": NAME, "version": "1"})
        else:
            asking = session.post(url, json=body)
        async with asking as answer:
            said: dict[str, Any] = await answer.json(content_type=None)
            return said
