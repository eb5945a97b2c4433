"""An unmodified `databricks-sdk` keeps providers: here the server is its own, by one of its shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound
from databricks.sdk.service.sharing import AuthenticationType

from support.admin_client import AdminClient
from support.databricks_sdk import ask
from support.model_folder import write_model

T = TypeVar("T")


async def test_a_provider_is_added_asked_renamed_and_forgotten(
    admin: AdminClient, server: TestServer, endpoint: str, provider_home: Path, tmp_path: Path
) -> None:
    host, token = str(server.make_url("/")).rstrip("/"), (provider_home / "admin.token").read_text()
    workspace = await ask(lambda: WorkspaceClient(host=host, token=token))
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    profile = (await admin.activate(code, endpoint)).to_json().decode()

    providers = workspace.providers
    added = await ask(
        lambda: providers.create(
            "vendor", AuthenticationType.TOKEN, recipient_profile_str=profile, comment="scores"
        )
    )
    assert added.recipient_profile is not None
    assert (added.recipient_profile.endpoint, added.recipient_profile.bearer_token) == (endpoint, None)
    assert (await admin.provider.providers.get(admin.context, "vendor")).comment == "scores"
    shares = await ask(lambda: list(providers.list_shares("vendor")))
    assert [share.name for share in shares] == ["acme"]
    await ask(lambda: providers.update("vendor", new_name="seller"))
    assert [each.name for each in await ask(lambda: list(providers.list()))] == ["seller"]
    await ask(lambda: providers.delete("seller"))
    with pytest.raises(NotFound):
        await ask(lambda: providers.get("seller"))
    by_client = {
        "shareCredentialsVersion": 2,
        "type": "oauth_client_credentials",
        "endpoint": endpoint,
        "tokenEndpoint": "https://issuer.example/token",
        "clientId": "me",
        "clientSecret": "s3cret",
    }
    kind = AuthenticationType.OAUTH_CLIENT_CREDENTIALS
    told = await ask(lambda: providers.create("vendor", kind, recipient_profile_str=json.dumps(by_client)))
    assert (told.authentication_type, told.recipient_profile.share_credentials_version) == (kind, 2)  # type: ignore[union-attr]
    await ask(lambda: providers.delete("vendor"))
    with pytest.raises(BadRequest, match="OAUTH_CLIENT_CREDENTIALS"):
        await ask(lambda: providers.create("vendor", AuthenticationType.DATABRICKS))
    with pytest.raises(BadRequest, match="profile"):
        await ask(
            lambda: providers.create("vendor", AuthenticationType.TOKEN, recipient_profile_str="not one")
        )
