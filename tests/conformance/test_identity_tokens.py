"""Recipients of a real issuer, Canaille: `databricks-sdk` makes the policies, stock HTTP uses the tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, ResourceConflict
from databricks.sdk.service.sharing import AuthenticationType, FederationPolicy, OidcFederationPolicy

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.updates import NO_CHANGE
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.issuer import AUDIENCE, CLIENT, GROUP, USER, Issuer, running_issuer
from support.model_folder import write_model
from support.processes.provider import LOOPBACK

VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def settings(provider_home: Path) -> Settings:
    return Settings(provider_home, allowed_issuer_networks=LOOPBACK)


@pytest.fixture
async def workspace(server: TestServer, provider_home: Path) -> WorkspaceClient:
    return await workspace_client(server, (provider_home / "admin.token").read_text())


def policy(issuer: Issuer, claim: str = "sub", subject: str = CLIENT, name: str = "jobs") -> FederationPolicy:
    oidc = OidcFederationPolicy(issuer.url, claim, subject, audiences=[AUDIENCE])
    return FederationPolicy(name=name, comment="nightly", oidc_policy=oidc)


async def request(url: str, token: str = "", method: str = "GET") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.text()


async def share_with_hooli(admin: AdminClient, workspace: WorkspaceClient, folder: Path) -> Any:
    """Share a model with a recipient that signs in by tokens of its own issuer."""
    await admin.register(write_model(folder), "prod.ml_team.scorer")
    await admin.share("acme", "globex", "prod.ml_team.scorer")
    created = await ask(workspace.recipients.create, "hooli", AuthenticationType.OIDC_FEDERATION)
    await admin.provider.share_permissions.grant(admin.context, "acme", "hooli")
    return created


async def test_a_recipient_signs_in_by_its_issuer(
    admin: AdminClient, workspace: WorkspaceClient, endpoint: str, issuer: Issuer, tmp_path: Path
) -> None:
    created = await share_with_hooli(admin, workspace, tmp_path / "m")
    assert created.authentication_type is AuthenticationType.OIDC_FEDERATION
    assert (created.tokens, created.activation_url) == ([], None)
    token = await asyncio.to_thread(issuer.client_token)
    assert (await request(f"{endpoint}/shares", token))[0] == 401
    await ask(workspace.recipient_federation_policies.create, "hooli", policy(issuer))
    assert json.loads((await request(f"{endpoint}/shares", token))[1])["items"][0]["name"] == "acme"
    status, lines = await request(f"{endpoint}{VERSION}/query", token, "POST")
    assert status == 200
    url = json.loads(lines.splitlines()[2])["file"]["url"]
    assert (await request(url))[0] == 200
    # The list of networks holds for them, too; and the end of the policy is that of its URLs.
    await admin.provider.recipients.update(admin.context, "hooli", NO_CHANGE, ["192.0.2.0/24"])
    assert {(await request(f"{endpoint}/shares", token))[0], (await request(url))[0]} == {403}
    await admin.provider.recipients.update(admin.context, "hooli", NO_CHANGE, [])
    assert (await request(url))[0] == 200
    await ask(workspace.recipient_federation_policies.delete, "hooli", "jobs")
    assert (await request(f"{endpoint}/shares", token))[0] == 401
    assert (await request(url))[0] == 403


async def test_a_group_of_users_is_a_recipient(
    admin: AdminClient, workspace: WorkspaceClient, endpoint: str, issuer: Issuer, tmp_path: Path
) -> None:
    await share_with_hooli(admin, workspace, tmp_path / "m")
    await ask(workspace.recipient_federation_policies.create, "hooli", policy(issuer, "groups", GROUP))
    token = await asyncio.to_thread(issuer.user_token)
    assert (await request(f"{endpoint}/shares", token))[0] == 200
    assert (await request(f"{endpoint}/shares", await asyncio.to_thread(issuer.client_token)))[0] == 401


async def test_the_groups_of_a_user_of_the_issuer(
    admin: AdminClient, server: TestServer, issuer: Issuer, tmp_path: Path
) -> None:
    """A user's groups at the issuer are groups here, as far as the policy allows them."""
    provider, context = admin.provider, admin.context
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    await provider.principals.create(context, "ana", PrincipalType.USER)
    await provider.principals.create(context, GROUP, PrincipalType.GROUP)
    load = frozenset({Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.EXECUTE})
    changes = [PrivilegeChange(GROUP, load, frozenset())]
    await provider.permissions.update(context, SecurableType.CATALOG, "prod", changes)
    new = NewFederationPolicy(issuer=issuer.url, subject_claim="sub", subject=USER, audiences=(AUDIENCE,))
    await provider.principal_policies.create(context, "ana", new, "laptop")
    ana = await workspace_client(server, await asyncio.to_thread(issuer.user_token))
    with pytest.raises(PermissionDenied):
        await ask(ana.registered_models.get, "prod.ml_team.scorer")
    await provider.principal_policies.delete(context, "ana", "laptop")
    groups = replace(new, groups_claim="groups", groups=(GROUP,))
    await provider.principal_policies.create(context, "ana", groups, "laptop")
    assert (await ask(ana.registered_models.get, "prod.ml_team.scorer")).name == "scorer"
    assert GROUP in [group.display for group in (await ask(ana.current_user.me)).groups or []]


async def test_policies_as_the_sdk_has_them(
    admin: AdminClient, workspace: WorkspaceClient, issuer: Issuer, tmp_path: Path
) -> None:
    await share_with_hooli(admin, workspace, tmp_path / "m")
    policies = workspace.recipient_federation_policies
    made = await ask(policies.create, "hooli", policy(issuer))
    assert await ask(policies.get_federation_policy, "hooli", "jobs") == made
    assert await ask(lambda: list(policies.list("hooli"))) == [made]
    assert made.oidc_policy == policy(issuer).oidc_policy
    with pytest.raises(ResourceConflict):
        await ask(policies.create, "hooli", policy(issuer, name="twin"))
    with pytest.raises(BadRequest, match="tokens of this server"):
        await ask(policies.create, "globex", policy(issuer))
    with pytest.raises(BadRequest, match="federation policies"):
        await ask(workspace.recipients.rotate_token, "hooli", 0)
    with pytest.raises(BadRequest, match="https"):
        insecure = OidcFederationPolicy("http://issuer.example", "sub", "jobs", audiences=["a"])
        await ask(policies.create, "hooli", FederationPolicy(name="plain", oidc_policy=insecure))
    with pytest.raises(BadRequest, match="audience"):
        nobody = OidcFederationPolicy("https://issuer.example", "sub", "jobs")
        await ask(policies.create, "hooli", FederationPolicy(name="open", oidc_policy=nobody))
    await ask(policies.delete, "hooli", "jobs")
    with pytest.raises(NotFound):
        await ask(policies.get_federation_policy, "hooli", "jobs")
