"""Federation policies of service principals, made by the account client of `databricks.sdk`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, ResourceConflict, Unauthenticated
from databricks.sdk.service.oauth2 import FederationPolicy, OidcFederationPolicy
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.hostile_issuer import AUDIENCE, SUBJECT, HostileIssuer
from support.processes.provider import LOOPBACK


@pytest.fixture
def settings(provider_home: Path) -> Settings:
    return Settings(provider_home, allowed_issuer_networks=LOOPBACK)


@pytest.fixture
async def issuer(aiohttp_server: AiohttpServer) -> HostileIssuer:
    found = HostileIssuer()
    await found.start(aiohttp_server)
    return found


@pytest.fixture
async def admin_token(admin: AdminClient, provider_home: Path) -> str:
    return (provider_home / "admin.token").read_text()


@pytest.fixture
async def account(server: TestServer, admin_token: str) -> AccountClient:
    host = str(server.make_url("/")).rstrip("/")
    return await ask(lambda: AccountClient(host=host, token=admin_token, account_id="acme"))


@pytest.fixture
async def workspace(server: TestServer, admin_token: str) -> WorkspaceClient:
    return await workspace_client(server, admin_token)


def oidc(of: HostileIssuer, **changed: Any) -> OidcFederationPolicy:
    given = {"issuer": of.url, "subject": SUBJECT, "audiences": [AUDIENCE]} | changed
    return OidcFederationPolicy(**given)


def policy(of: HostileIssuer, **changed: Any) -> FederationPolicy:
    return FederationPolicy(description="nightly", oidc_policy=oidc(of, **changed))


async def test_a_service_principal_from_nothing(
    account: AccountClient, workspace: WorkspaceClient, server: TestServer, issuer: HostileIssuer
) -> None:
    pipeline = await ask(workspace.service_principals.create, display_name="pipeline")
    holder: Any = pipeline.id
    policies = account.service_principal_federation_policy
    made = await ask(policies.create, holder, policy(issuer), policy_id="ci")
    assert (made.policy_id, made.description) == ("ci", "nightly")
    assert made.name == f"accounts/acme/servicePrincipals/{holder}/federationPolicies/ci"
    assert made.oidc_policy == oidc(issuer, subject_claim="sub")
    assert await ask(policies.get, holder, "ci") == made
    assert await ask(lambda: list(policies.list(holder))) == [made]
    named = await ask(policies.create, holder, policy(issuer, subject="others"))
    assert named.policy_id != "ci"

    job = await workspace_client(server, issuer.token())
    assert (await ask(job.current_user.me)).user_name == "pipeline"
    await ask(policies.delete, holder, "ci")
    with pytest.raises(Unauthenticated):
        await ask(job.current_user.me)
    with pytest.raises(NotFound):
        await ask(policies.get, holder, "ci")
    with pytest.raises(NotFound):
        await ask(policies.delete, holder, "ci")


async def test_updates_as_their_masks_say(
    account: AccountClient, workspace: WorkspaceClient, server: TestServer, issuer: HostileIssuer
) -> None:
    holder: Any = (await ask(workspace.service_principals.create, display_name="pipeline")).id
    policies = account.service_principal_federation_policy
    made = await ask(policies.create, holder, policy(issuer), policy_id="ci")

    async def update(given: FederationPolicy, mask: str | None = None) -> FederationPolicy:
        return await ask(policies.update, holder, "ci", given, update_mask=mask)

    told = await update(FederationPolicy(description="hourly"))
    assert (await update(replace(told, description="daily"))).description == "daily", "as it was read"
    told = await update(FederationPolicy(description="hourly"))
    assert (told.description, told.oidc_policy, told.uid) == ("hourly", made.oidc_policy, made.uid)
    assert told.create_time == made.create_time
    only = await update(policy(issuer, audiences=["b"], subject="x"), "oidc_policy.audiences")
    assert only.oidc_policy == oidc(issuer, subject_claim="sub", audiences=["b"])
    assert (only.description, only.uid) == ("hourly", made.uid)
    job = await workspace_client(server, issuer.token(aud="b"))
    assert (await ask(job.current_user.me)).user_name == "pipeline"
    assert (await update(policy(issuer), "*")).oidc_policy == made.oidc_policy
    with pytest.raises(Unauthenticated):
        await ask(job.current_user.me)
    assert (await update(FederationPolicy(), "description")).description in (None, "")
    for given, mask in (
        (FederationPolicy(), "*"),
        (policy(issuer), "name"),
        (policy(issuer), ""),
        (policy(issuer, issuer="http://plain.example"), None),
        (FederationPolicy(name="accounts/acme/federationPolicies/ci", description="x"), None),
        (policy(issuer, jwks_uri="https://issuer.example/keys"), None),
    ):
        with pytest.raises(BadRequest):
            await update(given, mask)
    assert (await ask(policies.get, holder, "ci")).oidc_policy == made.oidc_policy
    twin = await ask(policies.create, holder, policy(issuer, subject="x"), policy_id="twin")
    with pytest.raises(ResourceConflict):
        await update(policy(issuer, subject="x"))
    assert [each.policy_id for each in await ask(lambda: list(policies.list(holder)))] == ["ci", "twin"]
    assert await ask(policies.get, holder, "twin") == twin


async def test_groups_of_tokens_are_an_extension(
    admin: AdminClient, account: AccountClient, workspace: WorkspaceClient, issuer: HostileIssuer
) -> None:
    holder = (await ask(workspace.users.create, user_name="ana")).id
    await ask(workspace.groups.create, display_name="readers")
    body = policy(issuer).as_dict()
    body["oidc_policy"] |= {"groups_claim": "groups", "groups": ["readers"]}
    path = f"/api/2.0/accounts/acme/servicePrincipals/{holder}/federationPolicies"
    do: Callable[..., Any] = account.api_client.do
    made = await ask(do, "POST", path, query={"policy_id": "laptop"}, body=body)
    assert made["oidc_policy"]["groups"] == ["readers"]
    (kept,) = await admin.provider.principal_policies.of_principal(admin.context, "ana")
    assert (kept.groups_claim, kept.groups) == ("groups", ("readers",))
    cleared = {"oidc_policy": {"groups_claim": "", "groups": []}}
    assert "groups" not in (await ask(do, "PATCH", f"{path}/laptop", body=cleared))["oidc_policy"]


async def test_who_may_and_for_whom(
    admin: AdminClient,
    account: AccountClient,
    workspace: WorkspaceClient,
    server: TestServer,
    issuer: HostileIssuer,
) -> None:
    policies = account.service_principal_federation_policy
    group: Any = (await ask(workspace.groups.create, display_name="readers")).id
    nobody: Any = "6a7f1c0e-0000-4000-8000-000000000000"

    def listed(holder: Any) -> list[FederationPolicy]:
        return list(policies.list(holder))

    for holder in (group, nobody, 7):
        with pytest.raises(NotFound):
            await ask(policies.create, holder, policy(issuer))
        with pytest.raises(NotFound):
            await ask(listed, holder)
    pipeline: Any = (await ask(workspace.service_principals.create, display_name="pipeline")).id
    await ask(policies.create, pipeline, policy(issuer))
    host = str(server.make_url("/")).rstrip("/")
    itself = await ask(lambda: AccountClient(host=host, token=issuer.token(), account_id="acme"))
    with pytest.raises(PermissionDenied):
        await ask(lambda: list(itself.service_principal_federation_policy.list(pipeline)))
    with pytest.raises(PermissionDenied):
        await ask(itself.service_principal_federation_policy.create, pipeline, policy(issuer, subject="x"))
