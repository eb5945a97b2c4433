"""A recipient that signs in by tokens of its issuer, over both databases: what its policies open, and end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import AlreadyExists, InvalidState
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.federation import MAX_POLICIES, NewFederationPolicy
from support.admin_client import AdminClient
from support.hostile_issuer import AUDIENCE, SUBJECT, HostileIssuer
from support.model_folder import write_model
from support.processes.provider import LOOPBACK

pytestmark = pytest.mark.each_database

VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, allowed_issuer_networks=LOOPBACK)


def policy_for(issuer: str, subject: str = SUBJECT) -> NewFederationPolicy:
    return NewFederationPolicy(issuer=issuer, subject_claim="sub", subject=subject, audiences=(AUDIENCE,))


async def test_the_end_of_a_policy_is_that_of_its_urls(
    admin: AdminClient, endpoint: str, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    issuer = HostileIssuer()
    await issuer.start(aiohttp_server)
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    await admin.share("acme", "globex", "prod.ml_team.scorer")
    policies = admin.provider.federation_policies
    await admin.provider.recipients.create_federated(admin.context, "hooli")
    await admin.provider.share_permissions.grant(admin.context, "acme", "hooli")
    await policies.create(admin.context, "hooli", policy_for(issuer.url), "jobs")
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{endpoint}{VERSION}/query", headers=headers) as answer:
            url = json.loads((await answer.text()).splitlines()[2])["file"]["url"]
        async with session.get(url) as file:
            assert file.status == 200
        async with session.get(f"{endpoint}/shares/acme/changes", headers=headers) as changes:
            assert changes.status == 200
        await policies.delete(admin.context, "hooli", "jobs")
        async with session.get(url) as file, session.get(f"{endpoint}/shares", headers=headers) as shares:
            assert (file.status, shares.status) == (403, 401)
    (newest, *_) = await admin.provider.audit.latest(admin.context, 1)
    assert newest.action is AuditAction.AUTHENTICATE


async def test_a_subject_belongs_to_one_recipient_and_policies_have_a_limit(admin: AdminClient) -> None:
    policies, issuer = admin.provider.federation_policies, "https://issuer.example"
    for name in ("hooli", "initech"):
        await admin.provider.recipients.create_federated(admin.context, name)
    await policies.create(admin.context, "hooli", policy_for(issuer), "jobs")
    with pytest.raises(AlreadyExists, match="one of them only"):
        await policies.create(admin.context, "initech", policy_for(issuer))
    for number in range(1, MAX_POLICIES):
        await policies.create(admin.context, "hooli", policy_for(issuer, f"job-{number}"))
    with pytest.raises(InvalidState, match="delete one first"):
        await policies.create(admin.context, "hooli", policy_for(issuer, "one more"))
    # The policies of a recipient that is deleted are nobody's: another one may have the subject.
    await admin.provider.recipients.delete(admin.context, "hooli")
    await policies.create(admin.context, "initech", policy_for(issuer), "jobs")
    assert [each.name for each in await policies.of_recipient(admin.context, "initech")] == ["jobs"]
