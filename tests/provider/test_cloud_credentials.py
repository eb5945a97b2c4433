"""Requests to each cloud, by its documented interface, and what comes of its answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote
from xml.etree import ElementTree

import google.auth.downscoped
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.layout import direct_root
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.versions import NewVersion
from support.captured_lines import captured_lines
from support.network.certificates import self_signed_certificate
from support.network.stub_cloud import StubCloud, running_stub
from support.object_stores.cloud_provider import (
    CREDENTIALS,
    NAME,
    VERSION,
    Answer,
    CloudProvider,
    running_cloud_provider,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def stubs() -> Iterator[ExitStack]:
    """Stubs that run until the test is over."""
    with ExitStack() as running:
        yield running


Opened = Callable[..., AbstractAsyncContextManager[CloudProvider]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Share a version below `root`, which needs not be there: nobody reads a file."""

    def open_cloud(root: str, cloud: str, **more: Any) -> AbstractAsyncContextManager[CloudProvider]:
        settings = Settings(
            tmp_path / "home",
            artifact_root=root,
            temporary_credentials=cloud,
            credentials_lifetime=HOUR,
            **more,
        )
        return running_cloud_provider(settings, tmp_path / "m", stored=Settings(tmp_path / "home"))

    return open_cloud


async def both_ways(cloud: CloudProvider) -> tuple[dict[str, Any], dict[str, Any]]:
    """Credentials of a recipient, and of a principal."""
    recipient, principal = await cloud.ask(VERSION + CREDENTIALS), await cloud.ask_registry()
    assert (recipient.status, principal.status) == (200, 200), recipient.text + principal.text
    return recipient.json, principal.json


async def asked_to_write(cloud: CloudProvider) -> tuple[str, dict[str, Any]]:
    """Location that the owner of a PENDING version may write to, and the credentials for it."""
    admin = cloud.admin
    pending = await admin.provider.uploads.create(admin.context, FullName.parse(NAME), NewVersion())
    answer = await cloud.ask_registry("READ_WRITE_MODEL_VERSION", pending.version)
    assert answer.status == 200, answer.text
    assert admin.provider.storage_credentials.location(pending)
    return f"root/{direct_root(pending.id)}", answer.json


async def location(cloud: CloudProvider) -> str:
    return str((await cloud.ask(VERSION, "GET")).json["storageLocation"])


def assert_refused(answer: Answer, *words: str) -> None:
    assert (answer.status, answer.json["errorCode"]) == (400, "UNSUPPORTED_OPERATION")
    assert all(word in answer.json["message"] for word in words), answer.json["message"]


# Cloudflare R2: "Create Temporary Access Credentials".


@pytest.fixture
def cloudflare(stubs: ExitStack, monkeypatch: pytest.MonkeyPatch) -> StubCloud:
    cloud = stubs.enter_context(running_stub())
    for name, value in {
        "CLOUDFLARE_API_BASE_URL": cloud.url,
        "CLOUDFLARE_ACCOUNT_ID": "acme",
        "CLOUDFLARE_API_TOKEN": "parent-token",
        "AWS_ACCESS_KEY_ID": "parent-key",
        "AWS_SECRET_ACCESS_KEY": "parent-secret",
    }.items():
        monkeypatch.setenv(name, value)
    return cloud


async def test_r2(cloudflare: StubCloud, opened: Opened) -> None:
    path = "/accounts/acme/r2/temp-access-credentials"
    keys = {"accessKeyId": "id", "secretAccessKey": "secret", "sessionToken": "session"}
    cloudflare.answers[path] = 200, json.dumps({"success": True, "errors": [], "result": keys})
    async with opened("s3://lake/root", "r2") as cloud:
        recipient, principal = await both_ways(cloud)
        folder = f"root/{cloud.version.storage_path}"
        assert await location(cloud) == f"r2://lake@acme.r2.cloudflarestorage.com/{folder}"
    assert recipient.keys() == {"r2Credentials", "expirationTime"}
    assert recipient["r2Credentials"] == keys
    assert principal["r2_temp_credentials"]["session_token"] == "session"
    assert cloudflare.asked[0].authorization == "Bearer parent-token"
    assert json.loads(cloudflare.body(path)) == {
        "bucket": "lake",
        "parentAccessKeyId": "parent-key",
        "permission": "object-read-only",
        "prefixes": [f"{folder}/"],
        "ttlSeconds": 3600,
    }


async def test_r2_to_write(cloudflare: StubCloud, opened: Opened) -> None:
    path = "/accounts/acme/r2/temp-access-credentials"
    keys = {"accessKeyId": "id", "secretAccessKey": "secret", "sessionToken": "session"}
    cloudflare.answers[path] = 200, json.dumps({"success": True, "errors": [], "result": keys})
    async with opened("s3://lake/root", "r2") as cloud:
        folder, given = await asked_to_write(cloud)
    assert given["r2_temp_credentials"]["access_key_id"] == "id"
    asked = json.loads(cloudflare.body(path))
    assert (asked["permission"], asked["prefixes"]) == ("object-read-write", [f"{folder}/"])


async def test_r2_that_refuses_or_is_away(
    cloudflare: StubCloud, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/accounts/acme/r2/temp-access-credentials"
    cloudflare.answers[path] = 403, json.dumps({"errors": [{"message": "no such parent"}]})
    async with opened("s3://lake/root", "r2") as cloud:
        with captured_lines() as logs:
            assert_refused(await cloud.ask(VERSION + CREDENTIALS), "refuses", "'url'")
        assert any("no such parent" in str(line) for line in logs)
        assert "parent-token" not in str(logs)
        monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", "http://127.0.0.1:1")
        assert (await cloud.ask(VERSION + CREDENTIALS)).status == 503
        away = await cloud.ask_registry()
        assert (away.status, away.json["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


# Google: OAuth 2.0 token exchange with a Credential Access Boundary.


@pytest.fixture
def google_cloud(stubs: ExitStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StubCloud:
    cloud = stubs.enter_context(running_stub())
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "provider@acme.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{cloud.url}/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setattr(google.auth.downscoped, "_STS_TOKEN_URL_PATTERN", f"{cloud.url}/v1/token")
    cloud.answers["/token"] = 200, json.dumps({"access_token": "parent", "expires_in": 3600})
    return cloud


async def test_gcp(google_cloud: StubCloud, opened: Opened) -> None:
    google_cloud.answers["/v1/token"] = (
        200,
        json.dumps({"access_token": "scoped", "issued_token_type": "x", "token_type": "Bearer"}),
    )
    async with opened("gs://lake/root", "gcp") as cloud:
        recipient, principal = await both_ways(cloud)
        folder = f"root/{cloud.version.storage_path}"
        assert await location(cloud) == f"gs://lake/{folder}"
    assert recipient.keys() == {"gcpOauthToken", "expirationTime"}
    assert recipient["gcpOauthToken"] == {"oauthToken": "scoped"}
    assert principal["gcp_oauth_token"] == {"oauth_token": "scoped"}
    ends = datetime.fromtimestamp(recipient["expirationTime"] / 1000, UTC)
    assert abs(ends - datetime.now(UTC) - HOUR) < timedelta(minutes=1)
    form = parse_qs(google_cloud.body("/v1/token"))
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:token-exchange"]
    assert form["subject_token"] == ["parent"]
    boundary = json.loads(unquote(form["options"][0]))["accessBoundary"]
    assert boundary == {
        "accessBoundaryRules": [
            {
                "availableResource": "//storage.googleapis.com/projects/_/buckets/lake",
                "availablePermissions": ["inRole:roles/storage.objectViewer"],
                "availabilityCondition": {
                    "expression": f"resource.name.startsWith('projects/_/buckets/lake/objects/{folder}/') || "
                    "api.getAttribute('storage.googleapis.com/objectListPrefix', '')"
                    f".startsWith('{folder}/')"
                },
            }
        ]
    }


async def test_gcp_to_write(google_cloud: StubCloud, opened: Opened) -> None:
    scoped = {"access_token": "scoped", "issued_token_type": "x", "token_type": "Bearer"}
    google_cloud.answers["/v1/token"] = 200, json.dumps(scoped)
    async with opened("gs://lake/root", "gcp") as cloud:
        folder, given = await asked_to_write(cloud)
    assert given["gcp_oauth_token"] == {"oauth_token": "scoped"}
    options = json.loads(unquote(parse_qs(google_cloud.body("/v1/token"))["options"][0]))
    (rule,) = options["accessBoundary"]["accessBoundaryRules"]
    assert rule["availablePermissions"] == ["inRole:roles/storage.objectAdmin"]
    condition = rule["availabilityCondition"]["expression"]
    assert condition.startswith(f"resource.name.startsWith('projects/_/buckets/lake/objects/{folder}/') ||")


async def test_gcp_that_refuses(
    google_cloud: StubCloud, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened("gs://lake/root", "gcp") as cloud:
        google_cloud.answers["/v1/token"] = 400, json.dumps({"error": "invalid_request"})
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "refuses")
        google_cloud.answers["/token"] = (
            400,
            json.dumps(
                {
                    "error": "invalid_grant",
                    "error_description": "Invalid JWT: Token must be a short-lived token and in a reasonable "
                    "timeframe. Check your iat and exp values in the JWT claim.",
                }
            ),
        )
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "clock")


# Azure: Get User Delegation Key, and a SAS that is signed with it.

_DELEGATION_KEY = """<?xml version="1.0" encoding="utf-8"?>
<UserDelegationKey>
  <SignedOid>11111111-1111-1111-1111-111111111111</SignedOid>
  <SignedTid>22222222-2222-2222-2222-222222222222</SignedTid>
  <SignedStart>2026-01-01T00:00:00Z</SignedStart>
  <SignedExpiry>2026-01-01T01:00:00Z</SignedExpiry>
  <SignedService>b</SignedService>
  <SignedVersion>2023-11-03</SignedVersion>
  <Value>c2VjcmV0IGtleQ==</Value>
</UserDelegationKey>
"""


@pytest.fixture
def azure(stubs: ExitStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StubCloud:
    tls = self_signed_certificate(tmp_path)
    cloud = stubs.enter_context(running_stub(tls))
    cloud.headers = {"x-ms-is-hns-enabled": "true", "Content-Type": "application/xml"}
    identity = stubs.enter_context(running_stub())
    expires = int((datetime.now(UTC) + HOUR).timestamp())
    identity.answers["/identity"] = 200, json.dumps({"access_token": "parent", "expires_on": expires})
    for name, value in {
        "REQUESTS_CA_BUNDLE": str(tls),
        "AZURE_STORAGE_ACCOUNT_NAME": "acme",
        "AZURE_STORAGE_ENDPOINT": cloud.url,
        "IDENTITY_ENDPOINT": f"{identity.url}/identity",
        "IDENTITY_HEADER": "x",
    }.items():
        monkeypatch.setenv(name, value)
    cloud.answers["/"] = 200, _DELEGATION_KEY
    return cloud


async def test_azure(azure: StubCloud, opened: Opened) -> None:
    async with opened("az://lake/root", "azure") as cloud:
        recipient, principal = await both_ways(cloud)
        folder = f"root/{cloud.version.storage_path}"
        assert await location(cloud) == f"abfss://lake@acme.dfs.core.windows.net/{folder}"
    assert recipient.keys() == {"azureUserDelegationSas", "expirationTime"}
    assert principal["azure_user_delegation_sas"].keys() == {"sas_token"}
    sas = {
        name: values[0] for name, values in parse_qs(recipient["azureUserDelegationSas"]["sasToken"]).items()
    }
    assert (sas["sr"], sas["sdd"], sas["sp"], sas["spr"]) == ("d", "5", "rl", "https")
    assert sas["skoid"].startswith("1111")
    assert sas["sig"]
    ends = datetime.fromtimestamp(recipient["expirationTime"] / 1000, UTC)
    assert sas["se"] == ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert abs(ends - datetime.now(UTC) - HOUR) < timedelta(minutes=1)
    asked = ElementTree.fromstring(azure.body("/?restype=service&comp=userdelegationkey"))
    assert asked.findtext("Expiry") == sas["se"]
    assert {asked.authorization for asked in azure.asked} == {"Bearer parent"}


async def test_azure_to_write(azure: StubCloud, opened: Opened) -> None:
    async with opened("az://lake/root", "azure") as cloud:
        folder, given = await asked_to_write(cloud)
    sas = dict(parse_qsl(given["azure_user_delegation_sas"]["sas_token"]))
    assert (sas["sr"], sas["sdd"], sas["sp"]) == ("d", str(len(folder.split("/"))), "rcwl")


async def test_azure_cannot_scope_to_a_folder_in_a_flat_account(azure: StubCloud, opened: Opened) -> None:
    azure.headers["x-ms-is-hns-enabled"] = "false"
    async with opened("az://lake/root", "azure") as cloud:
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "hierarchical namespace", "'url'")


async def test_azure_that_refuses(azure: StubCloud, opened: Opened) -> None:
    azure.answers["/"] = 403, ""
    azure.headers["x-ms-error-code"] = "AuthorizationPermissionMismatch"
    async with opened("az://lake/root", "azure") as cloud:
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "refuses")


# AWS refuses: what moto never does.


@pytest.fixture
def sts(stubs: ExitStack, monkeypatch: pytest.MonkeyPatch) -> StubCloud:
    cloud = stubs.enter_context(running_stub())
    for name, value in {
        "AWS_ENDPOINT_URL_STS": cloud.url,
        "AWS_REGION": "cn-north-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    return cloud


def _sts_error(code: str, message: str) -> tuple[int, str]:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return 403, f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{error}</ErrorResponse>'


async def test_aws_without_a_role_is_asked_for_a_federated_user(sts: StubCloud, opened: Opened) -> None:
    sts.answers["/"] = (
        200,
        '<GetFederationTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<GetFederationTokenResult><Credentials><AccessKeyId>id</AccessKeyId>"
        "<SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>"
        "<Expiration>2027-01-01T00:00:00Z</Expiration></Credentials></GetFederationTokenResult>"
        "</GetFederationTokenResponse>",
    )
    async with opened("s3://lake/root", "aws") as cloud:
        recipient, _ = await both_ways(cloud)
        folder = f"root/{cloud.version.storage_path}"
    assert recipient["awsTempCredentials"]["sessionToken"] == "session"
    assert recipient["expirationTime"] == datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000
    form = dict(parse_qsl(sts.body("/")))
    assert (form["Action"], form["DurationSeconds"]) == ("GetFederationToken", "3600")
    assert json.loads(form["Policy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": f"arn:aws-cn:s3:::lake/{folder}/*",
        },
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws-cn:s3:::lake",
            "Condition": {"StringLike": {"s3:prefix": f"{folder}/*"}},
        },
    ]


async def test_aws_that_refuses(sts: StubCloud, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened("s3://lake/root", "aws", aws_role_arn="arn:aws:iam::1:role/models") as cloud:
        sts.answers["/"] = _sts_error("AccessDenied", "not authorized to perform: sts:AssumeRole")
        with captured_lines() as logs:
            assert_refused(await cloud.ask(VERSION + CREDENTIALS), "the cloud refuses")
        assert any("sts:AssumeRole" in str(line) for line in logs)
        sts.answers["/"] = _sts_error("SignatureDoesNotMatch", "Signature not yet current: 2030 is later")
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "clock")
        sts.answers["/"] = _sts_error("ExpiredToken", "The security token is expired")
        assert_refused(await cloud.ask(VERSION + CREDENTIALS), "the cloud refuses")
        events = await cloud.admin.provider.audit.latest(cloud.admin.context, 1)
        assert (events[0].outcome, events[0].target.name) == ("FAILED", "acme.ml_team.scorer/1")


async def test_aws_that_is_away_or_has_no_keys(
    sts: StubCloud, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    async with opened("s3://lake/root", "aws") as cloud:
        assert (await cloud.ask(VERSION + CREDENTIALS)).status == 503
