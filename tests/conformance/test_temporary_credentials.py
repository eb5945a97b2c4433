"""Clients of others use temporary credentials: Databricks' SDK, and MLflow for Unity Catalog."""

from __future__ import annotations

import asyncio
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import GenerateTemporaryTableCredentialResponse
from notebook import notebook
from shared_in_cloud import CREDENTIALS, FILES, NAME, Story

from model_sharing_protocol.unity_catalog import PREFIX


def host(cloud: Story) -> str:
    return str(cloud.server.make_url("/")).rstrip("/")


async def test_the_sdk_reads_them_as_it_reads_those_of_tables(cloud: Story) -> None:
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


async def test_mlflow_reads_and_writes_in_the_bucket_itself(cloud: Story, s3: str, tmp_path: Path) -> None:
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
    events = await cloud.desk.provider.audit.latest(cloud.desk.context, 100)
    assert {"getFile", "uploadFile"}.isdisjoint(event.action for event in events)
