"""Groups that a claim of a principal's token gives: those that its policy allows, in calls with it alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareObjectStatus
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.hostile_issuer import AUDIENCE, SUBJECT, HostileIssuer
from support.model_folder import write_model
from support.processes.provider import LOOPBACK

pytestmark = pytest.mark.each_database

MODEL = "prod.ml_team.scorer"
LOAD = frozenset({Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.EXECUTE})
GROUPS = "groups"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, allowed_issuer_networks=LOOPBACK)


@pytest.fixture
async def issuer(admin: AdminClient, aiohttp_server: AiohttpServer, tmp_path: Path) -> HostileIssuer:
    """An issuer of the tokens of `pipeline`, which may load a model as one of the `readers` alone."""
    found = HostileIssuer()
    await found.start(aiohttp_server)
    await admin.provider.principals.create(admin.context, "pipeline", PrincipalType.SERVICE_PRINCIPAL)
    for group in ("readers", "owners"):
        await admin.provider.principals.create(admin.context, group, PrincipalType.GROUP)
    await admin.register(write_model(tmp_path / "m"), MODEL, "Champion")
    await grant(admin, "readers", LOAD)
    await admin.provider.principal_policies.create(
        admin.context, "pipeline", policy_of(found, ["readers"]), "ci"
    )
    return found


def policy_of(
    issuer: HostileIssuer, groups: Sequence[str], claim: str = GROUPS, subject: str = SUBJECT
) -> NewFederationPolicy:
    return NewFederationPolicy(
        issuer=issuer.url,
        subject_claim="sub",
        subject=subject,
        audiences=(AUDIENCE,),
        groups_claim=claim,
        groups=tuple(groups),
    )


async def grant(admin: AdminClient, principal: str, privileges: frozenset[Privilege]) -> None:
    changes = [PrivilegeChange(principal, privileges, frozenset())]
    await admin.provider.permissions.update(admin.context, SecurableType.CATALOG, "prod", changes)


async def ask(
    server: TestServer, token: str, path: str, method: str = "GET", body: Any = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, server.make_url(path), json=body) as answer,
    ):
        return answer.status, await answer.json()


async def loads(server: TestServer, token: str) -> bool:
    status, _ = await ask(server, token, f"/api/2.1/unity-catalog/models/{MODEL}")
    assert status in (200, 403), status
    return status == 200


async def test_a_token_gives_the_groups_that_it_names_in_calls_with_it(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    reader, nobody = issuer.token(groups=["all-staff", "readers"]), issuer.token()
    assert await loads(server, reader)
    assert not await loads(server, nobody), "the next token has to give them again"
    for path, key in (("/api/2.0/preview/scim/v2/Me", "groups"), ("/hf/api/whoami-v2", "orgs")):
        _, answer = await ask(server, reader, path)
        assert len(answer[key]) == 2, "the group, and everybody's"
        _, answer = await ask(server, nobody, path)
        assert len(answer[key]) == 1
    _, listed = await ask(server, reader, "/api/2.1/unity-catalog/models")
    assert [each["full_name"] for each in listed["registered_models"]] == [MODEL]
    effective = "/api/2.1/unity-catalog/effective-permissions/CATALOG/prod?principal="
    assert (await ask(server, reader, f"{effective}readers"))[0] == 200
    assert (await ask(server, nobody, f"{effective}readers"))[0] == 403
    # The directory knows those that were added here.
    pipeline = await admin.provider.principals.get(admin.context, "pipeline")
    assert pipeline.groups == ()


async def test_the_audit_log_names_them(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    await admin.provider.principals.add_member(admin.context, "owners", "pipeline")
    await loads(server, issuer.token(groups=["readers", "owners"]))
    await loads(server, issuer.token(groups=["owners"]))
    events = await admin.provider.audit.latest(admin.context, 100)
    calls = [event for event in events if event.action is AuditAction.GET_REGISTERED_MODEL]
    assert [event.caller.token_groups for event in calls] == [(), ("readers",)], "but not those of rows"
    (created,) = [event for event in events if event.action is AuditAction.CREATE_FEDERATION_POLICY]
    assert created.target.name == "pipeline: 'groups' of 'ci' gives 'readers'"


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "",
        7,
        True,
        {"readers": True},
        {"values": ["readers"]},
        [["readers"]],
        [{"name": "readers"}],
        [7, None, True, {}, []],
        "Readers",
        "readers ",
        " readers",
        "readers\0",
        "readers\n",
        "/readers",
        "readers,owners",
        "['readers']",
        "r\u0435aders",  # a Cyrillic e
        "\uff52\uff45\uff41\uff44\uff45\uff52\uff53",  # full width, which NFKC makes ASCII
        "read\u200bers",
        "readers\u0301",
        "%",
        "' OR '1'='1",
        "owners",
        "pipeline",
        "admin",
        ALL_USERS,
        ["x" * 3000],
    ],
    ids=lambda claim: json.dumps(claim)[:40],
)
async def test_a_claim_gives_no_other_groups(
    claim: Any, admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    await grant(admin, "owners", LOAD)
    assert not await loads(server, issuer.token(groups=claim, roles=["readers"], group="readers"))


async def test_one_name_many_and_the_same_twice(issuer: HostileIssuer, server: TestServer) -> None:
    for claim in (
        "readers",
        ["readers"] * 100,
        [7, ["readers"], "readers"],
        [*map(str, range(500)), "readers"],
    ):
        token = issuer.token(groups=claim)
        assert await loads(server, token)
        _, me = await ask(server, token, "/api/2.0/preview/scim/v2/Me")
        assert [group["display"] for group in me["groups"]].count("readers") == 1


async def test_a_signed_url_knows_the_groups_of_its_token(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    body = {"path": f"/Models/{MODEL.replace('.', '/')}/1/MLmodel"}
    path = "/api/2.0/fs/create-download-url"
    assert (await ask(server, issuer.token(), path, "POST", body))[0] == 403
    status, signed = await ask(server, issuer.token(groups="readers"), path, "POST", body)
    assert status == 200

    async def fetch(url: str = signed["url"]) -> int:
        async with aiohttp.ClientSession() as anybody, anybody.get(url) as answer:
            return answer.status

    assert await fetch() == 200
    events = await admin.provider.audit.latest(admin.context, 1)
    assert (events[0].action, events[0].caller.token_groups) == (AuditAction.GET_FILE, ("readers",))
    owners = (await admin.provider.principals.get(admin.context, "owners")).principal.id
    query, _, groups = signed["url"].partition("&groups=")
    assert groups
    for changed in (query, f"{query}&groups=", f"{query}&groups={owners}", f"{signed['url']},{owners}"):
        assert await fetch(changed) == 403
    # A group that is gone gives nothing, and another one of its name is another one.
    await admin.provider.principals.delete(admin.context, "readers")
    assert await fetch() == 403
    await admin.provider.principals.create(admin.context, "readers", PrincipalType.GROUP)
    await grant(admin, "readers", LOAD)
    assert await fetch() == 403
    assert not await loads(server, issuer.token(groups="readers"))
    (policy,) = await admin.provider.principal_policies.of_principal(admin.context, "pipeline")
    assert policy.groups == ()


async def test_no_signed_url_outlives_its_token(
    settings: Settings, issuer: HostileIssuer, server: TestServer
) -> None:
    body = {"path": f"/Models/{MODEL.replace('.', '/')}/1/MLmodel"}
    path, skew = "/api/2.0/fs/create-download-url", settings.identity_token_clock_skew
    for ends_in in (100, 3600):
        now = int(time.time())
        token = issuer.token(groups="readers", exp=now + ends_in)
        status, signed = await ask(server, token, path, "POST", body)
        assert status == 200
        expires = int(parse_qs(urlsplit(signed["url"]).query)["expires"][0])
        ends = now + ends_in + skew.total_seconds()
        assert expires == ends if ends_in == 100 else now + 300 <= expires < ends


async def test_an_upload_by_the_groups_of_a_token(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    policies = admin.provider.principal_policies
    await policies.delete(admin.context, "pipeline", "ci")
    await policies.create(admin.context, "pipeline", policy_of(issuer, ["owners"]), "ci")
    await grant(admin, "owners", LOAD)
    owned = SecurableUpdate(owner="owners")
    await admin.provider.models.update(admin.context, FullName.parse(MODEL), owned)
    token = issuer.token(groups=["owners"])
    body = {"catalog_name": "prod", "schema_name": "ml_team", "model_name": "scorer", "source": "s"}
    status, version = await ask(server, token, "/api/2.1/unity-catalog/models/versions", "POST", body)
    assert status == 200, version
    at = {"path": f"/Models/{MODEL.replace('.', '/')}/{version['version']}/weights.bin"}
    status, signed = await ask(server, token, "/api/2.0/fs/create-upload-url", "POST", at)
    assert status == 200, signed
    async with aiohttp.ClientSession() as anybody:
        async with anybody.put(signed["url"], data=b"weights") as answer:
            assert answer.status == 200, await answer.text()
        async with anybody.put(signed["url"].partition("&groups=")[0], data=b"weights") as answer:
            assert answer.status == 403


async def test_a_share_of_a_model_that_only_the_token_could_read(
    admin: AdminClient, issuer: HostileIssuer, server: TestServer
) -> None:
    """What outlives the token goes by memberships of this metastore: recipients see nothing."""
    create = frozenset({Privilege.CREATE_SHARE})
    changes = [PrivilegeChange("pipeline", create, frozenset())]
    await admin.provider.permissions.update(admin.context, SecurableType.METASTORE, "", changes)
    token = issuer.token(groups=["readers"])
    shares = "/api/2.1/unity-catalog/shares"
    assert (await ask(server, token, shares, "POST", {"name": "nightly"}))[0] == 200
    added = {"updates": [{"action": "ADD", "data_object": {"name": MODEL, "data_object_type": "MODEL"}}]}
    assert (await ask(server, token, f"{shares}/nightly", "PATCH", added))[0] == 200
    _, objects, _ = await admin.provider.shares.get(admin.context, "nightly")
    assert [each.status for each in objects] == [ShareObjectStatus.PERMISSION_DENIED]
    await admin.provider.principals.add_member(admin.context, "readers", "pipeline")
    _, objects, _ = await admin.provider.shares.get(admin.context, "nightly")
    assert [each.status for each in objects] == [ShareObjectStatus.ACTIVE]


async def test_policies_that_cannot_give_groups(admin: AdminClient, issuer: HostileIssuer) -> None:
    provider, context = admin.provider, admin.context
    await provider.principals.create(context, "ann", PrincipalType.USER)

    async def create(groups: Sequence[str], claim: str = GROUPS) -> None:
        await provider.principal_policies.create(context, "ann", policy_of(issuer, groups, claim, "ann"))

    for groups, claim in ((["readers"], ""), ([], GROUPS), (["readers"], " groups"), (["readers"], "g\n")):
        with pytest.raises(InvalidParameter):
            await create(groups, claim)
    with pytest.raises(InvalidParameter, match="at most 20 groups"):
        await create(list(map(str, range(21))))
    for name in ("ann", provider.administrator.name, ALL_USERS):
        with pytest.raises(InvalidState, match="is not a group"):
            await create([name])
    with pytest.raises(NotFound, match="'nobody'"):
        await create(["readers", "nobody"])
    assert await provider.principal_policies.of_principal(context, "ann") == []
    await provider.recipients.create_federated(context, "globex")
    with pytest.raises(InvalidParameter, match="in no groups"):
        await provider.federation_policies.create(context, "globex", policy_of(issuer, ["readers"]))


async def test_many_calls_with_different_groups_do_not_mix(issuer: HostileIssuer, server: TestServer) -> None:
    tokens = [issuer.token(groups=["readers"] if number % 2 else ["others"]) for number in range(20)]
    answers = await asyncio.gather(*(loads(server, token) for token in tokens))
    assert answers == [bool(number % 2) for number in range(20)]
