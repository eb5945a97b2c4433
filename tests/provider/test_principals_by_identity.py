"""Principals call the APIs with tokens of their own issuers, under federation policies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import AlreadyExists, InvalidState, NotFound, Unauthenticated
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.hostile_issuer import AUDIENCE, SUBJECT, HostileIssuer
from support.model_folder import write_model
from support.processes.provider import LOOPBACK

MODEL = "prod.ml_team.scorer"


@pytest.fixture
def settings(provider_home: Any) -> Settings:
    return Settings(provider_home, allowed_issuer_networks=LOOPBACK)


def policy_of(issuer: HostileIssuer, subject: str = SUBJECT) -> NewFederationPolicy:
    return NewFederationPolicy(issuer=issuer.url, subject_claim="sub", subject=subject, audiences=(AUDIENCE,))


@pytest.fixture
async def issuer(admin: AdminClient, aiohttp_server: AiohttpServer, tmp_path: Path) -> HostileIssuer:
    """An issuer whose jobs are `pipeline`, which may load a model by its group."""
    found = HostileIssuer()
    await found.start(aiohttp_server)
    principals = admin.provider.principals
    await principals.create(admin.context, "pipeline", PrincipalType.SERVICE_PRINCIPAL)
    await principals.create(admin.context, "jobs", PrincipalType.GROUP)
    await principals.add_member(admin.context, "jobs", "pipeline")
    await admin.register(write_model(tmp_path / "m"), MODEL, "Champion")
    load = frozenset({Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.EXECUTE})
    changes = [PrivilegeChange("jobs", load, frozenset())]
    await admin.provider.permissions.update(admin.context, SecurableType.CATALOG, "prod", changes)
    await admin.provider.principal_policies.create(admin.context, "pipeline", policy_of(found), "ci")
    return found


class Job:
    """A caller with a token."""

    def __init__(self, server: TestServer, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        url = self._server.make_url(path)
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, url, json=body) as answer,
        ):
            return answer.status, await answer.json()

    async def status(self, path: str = f"/api/2.1/unity-catalog/models/{MODEL}") -> int:
        return (await self.ask(path))[0]


async def test_an_address_that_was_not_verified_is_nobodys(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    by_address = replace(policy_of(issuer, "ana@acme.example"), subject_claim="email")
    await admin.provider.principal_policies.create(admin.context, "pipeline", by_address, "address")
    claims: dict[str, Any] = {"sub": "somebody", "email": "ana@acme.example"}
    for verified, status in (
        (True, 200),
        ("true", 200),
        (None, 200),
        (False, 401),
        ("false", 401),
        ([], 401),
    ):
        assert await Job(server, issuer.token({}, **claims, email_verified=verified)).status() == status, (
            verified
        )


async def test_a_token_of_its_issuer_opens_every_api_with_its_groups(
    issuer: HostileIssuer, server: TestServer
) -> None:
    job = Job(server, issuer.token())
    status, me = await job.ask("/api/2.0/preview/scim/v2/Me")
    assert (status, me["userName"]) == (200, "pipeline")
    assert "jobs" in [group["display"] for group in me["groups"]]
    assert await job.status() == 200
    alias = f"/api/2.0/mlflow/unity-catalog/registered-models/alias?name={MODEL}&alias=Champion"
    assert await job.status(alias) == 200
    assert await job.status("/hf/api/whoami-v2") == 200
    assert await job.status("/api/2.0/preview/scim/v2/Users") == 403
    # It is nobody among recipients.
    assert await job.status("/delta-sharing/shares") == 401


@pytest.mark.parametrize(
    "changed",
    [{"aud": "https://other.example"}, {"sub": "somebody"}, {"exp": 1}, {"iss": "https://other.example"}],
    ids=lambda changed: next(iter(changed)),
)
async def test_other_tokens_are_refused_and_audited(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer, changed: dict[str, Any]
) -> None:
    assert await Job(server, issuer.token(**changed)).status() == 401
    events = await admin.provider.audit.latest(admin.context, 100)
    denied = [event for event in events if event.outcome is Outcome.DENIED]
    assert [event.action for event in denied] == [AuditAction.AUTHENTICATE]


async def test_access_ends_with_the_policy_the_principal_and_its_activity(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    job = Job(server, issuer.token())
    body = {"path": f"/Models/{MODEL.replace('.', '/')}/1/MLmodel"}
    status, signed = await job.ask("/api/2.0/fs/create-download-url", "POST", body)
    assert status == 200

    async def fetch() -> int:
        async with aiohttp.ClientSession() as anybody, anybody.get(signed["url"]) as answer:
            return answer.status

    assert await fetch() == 200
    pipeline = await admin.provider.principals.get(admin.context, "pipeline")
    directory, policies = admin.provider.directory, admin.provider.principal_policies
    await directory.set_active(admin.context, pipeline.principal.id, active=False)
    assert (await job.status(), await fetch()) == (401, 403)
    await directory.set_active(admin.context, pipeline.principal.id, active=True)
    assert (await job.status(), await fetch()) == (200, 200)
    await policies.delete(admin.context, "pipeline", "ci")
    assert (await job.status(), await fetch()) == (401, 403)
    await policies.create(admin.context, "pipeline", policy_of(issuer), "ci")
    assert (await job.status(), await fetch()) == (200, 403)
    await admin.provider.principals.delete(admin.context, "pipeline")
    assert await job.status() == 401
    await admin.provider.principals.create(admin.context, "pipeline", PrincipalType.USER)
    assert await job.status() == 401, "a namesake does not inherit the policy"
    await policies.create(admin.context, "pipeline", policy_of(issuer), "ci")
    assert await job.status() == 403, "nor does the policy of the one before it stand in its way"


async def test_what_a_policy_let_in_ends_when_it_lets_in_others(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    job = Job(server, issuer.token())
    body = {"path": f"/Models/{MODEL.replace('.', '/')}/1/MLmodel"}
    _, signed = await job.ask("/api/2.0/fs/create-download-url", "POST", body)

    async def fetch() -> int:
        async with aiohttp.ClientSession() as anybody, anybody.get(signed["url"]) as answer:
            return answer.status

    async def update(*changed: str, **new: Any) -> None:
        wanted = replace(policy_of(issuer), **new)
        policies = admin.provider.principal_policies
        await policies.update(admin.context, "pipeline", "ci", wanted, changed)

    assert await fetch() == 200
    await update("comment", comment="the nightly jobs", subject="not looked at")
    assert (await job.status(), await fetch()) == (200, 200)
    await update("audiences", audiences=("b", AUDIENCE))
    assert (await job.status(), await fetch()) == (200, 403), "signed by what the policy was"
    await update("subject", subject="others")
    assert await job.status() == 401
    with pytest.raises(NotFound, match="'cd'"):
        await admin.provider.principal_policies.update(admin.context, "pipeline", "cd", policy_of(issuer), ())


async def test_it_makes_nothing_that_lasts_longer(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    status, answer = await Job(server, issuer.token()).ask("/api/2.0/token/create", "POST", {})
    assert (status, answer["error_code"]) == (400, "INVALID_STATE")
    with pytest.raises(Unauthenticated, match="another issuer's"):
        await admin.provider.sessions.begin(admin.context, issuer.token())


async def test_one_subject_is_one_principal_or_recipient(admin: AdminClient, issuer: HostileIssuer) -> None:
    policies = admin.provider.principal_policies
    await admin.provider.principals.create(admin.context, "ann", PrincipalType.USER)
    with pytest.raises(AlreadyExists, match="one of them only"):
        await policies.create(admin.context, "ann", policy_of(issuer))
    await admin.provider.recipients.create_federated(admin.context, "globex")
    with pytest.raises(AlreadyExists, match="one of them only"):
        await admin.provider.federation_policies.create(admin.context, "globex", policy_of(issuer))
    with pytest.raises(InvalidState, match="is a group"):
        await policies.create(admin.context, "jobs", policy_of(issuer, "others"))
    assert [each.name for each in await policies.of_principal(admin.context, "pipeline")] == ["ci"]
