"""Workload identity: what runs this program says who it is, and that goes where it was meant to go."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import jwt
import pytest
from aiohttp import web

from model_sharing.transport.network_errors import TransientError
from model_sharing.transport.sign_in import workload_identity
from model_sharing.transport.sign_in.access_tokens import AccessTokens
from model_sharing_protocol.errors import InvalidProfile, NotASharingServer, SignInRefused
from model_sharing_protocol.profile_sign_in import WORKLOAD_SOURCES, WorkloadIdentity
from support.token_endpoint import TokenEndpoint, serving, serving_tokens

AUDIENCE = "https://acme.example"


def identity(**changes: object) -> str:
    """Identity token; its signature is for others to verify."""
    claims: dict[str, object] = {"iss": "https://cluster.example", "sub": "training", "aud": AUDIENCE}
    claims |= {"exp": int(time.time()) + 600, **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, "k" * 32, "HS256")


@pytest.fixture
async def tokens() -> AsyncIterator[AccessTokens]:
    opened = AccessTokens()
    yield opened
    await opened.close()


@pytest.fixture
async def issuer() -> AsyncIterator[TokenEndpoint]:
    async with serving_tokens() as endpoint:
        yield endpoint


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(identity() + "\n")
    return path


def test_each_source_has_a_module() -> None:
    assert set(workload_identity.SOURCES) == set(WORKLOAD_SOURCES)


async def test_a_token_file_is_read_again_as_it_changes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = 0.0
    tokens = AccessTokens(clock=lambda: time.monotonic() + late)
    settings = WorkloadIdentity("token_file", AUDIENCE, file)
    first = await tokens.get(settings)
    assert first.value == file.read_text().strip()
    file.write_text(identity(jti="2"))
    late = 61
    assert (await tokens.get(settings)).value == file.read_text()


def make_unreadable(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (make_unreadable, "does not exist"),
        (lambda path: path.write_text("PRIVATE-KEY-OF-SOMEBODY"), "not a JWT"),
        (lambda path: path.write_bytes(b"\xff" * 100), "does not hold a token"),
        (lambda path: path.write_text("x" * 100_000), "does not hold a token"),
        (lambda path: path.write_text(identity(exp=None)), "not a JWT that says when it ends"),
        (lambda path: path.write_text(identity(exp=int(time.time()) - 60)), "has ended"),
        (lambda path: path.write_text(identity(aud="https://kubernetes.default.svc")), "is not sent"),
        (lambda path: path.write_text(identity(aud=None)), "is not sent"),
        (lambda path: path.write_text(identity(aud=[f"{AUDIENCE}.evil.example"])), "is not sent"),
    ],
)
async def test_a_token_that_is_not_meant_for_this_provider_is_not_sent(
    file: Path, spoil: Callable[[Path], object], words: str, tokens: AccessTokens
) -> None:
    spoil(file)
    with pytest.raises(InvalidProfile, match=words) as raised:
        await tokens.get(WorkloadIdentity("token_file", AUDIENCE, file))
    assert "PRIVATE-KEY" not in str(raised.value)
    assert "eyJ" not in str(raised.value)


async def test_a_job_of_github_actions_asks_for_its_token(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.query["audience"], request.headers["Authorization"]))
        return web.json_response({"value": identity(), "count": 1})

    async with serving(answer, "/token") as url:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{url}?api-version=2")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
        token = await tokens.get(WorkloadIdentity("github_actions", AUDIENCE))
    assert jwt.decode(token.value, options={"verify_signature": False})["sub"] == "training"
    assert asked == [(AUDIENCE, "Bearer of-the-job")]


async def test_outside_of_a_job_the_permission_is_named(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    with pytest.raises(InvalidProfile, match="id-token: write"):
        await tokens.get(WorkloadIdentity("github_actions", AUDIENCE))


async def test_a_machine_at_google_cloud_asks_its_metadata_service(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Metadata-Flavor"] == "Google"
        return web.Response(text=identity(aud=request.query["audience"]))

    path = "/computeMetadata/v1/instance/service-accounts/default/identity"
    async with serving(answer, path) as url:
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://").partition("/")[0])
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert (await tokens.get(WorkloadIdentity("google_cloud", AUDIENCE))).value.startswith("eyJ")


async def test_a_machine_at_azure_asks_for_its_managed_identity(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.query.get("client_id") != "mine":
            return web.json_response({"error": "invalid_request"}, status=400)
        assert request.headers["Metadata"] == "true"
        return web.json_response({"access_token": identity(aud=request.query["resource"])})

    async with serving(answer, "/metadata/identity/oauth2/token") as url:
        monkeypatch.setenv(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST", url.removesuffix("/metadata/identity/oauth2/token")
        )
        assert await tokens.get(WorkloadIdentity("azure", "api://acme", identity="mine"))
        with pytest.raises(SignInRefused, match="no identity token"):
            await tokens.get(WorkloadIdentity("azure", "api://acme"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: web.Response(text="<html>"), NotASharingServer),
        (lambda: web.json_response({"value": 7}), NotASharingServer),
        (lambda: web.Response(status=403), SignInRefused),
        (lambda: web.Response(status=503), TransientError),
        (lambda: web.Response(status=302, headers={"Location": "/x"}), NotASharingServer),
    ],
)
async def test_a_service_that_gives_no_token_is_named(
    answer: Callable[[], web.Response],
    error: type[Exception],
    tokens: AccessTokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play(_: web.Request) -> web.Response:
        return answer()

    async with serving(play) as url:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
        with pytest.raises(error):
            await tokens.get(WorkloadIdentity("github_actions", AUDIENCE))


async def test_elsewhere_than_in_the_cloud_the_profile_is_at_fault(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    with pytest.raises(InvalidProfile, match="on a machine there"):
        await tokens.get(WorkloadIdentity("google_cloud", AUDIENCE))


async def test_a_token_is_exchanged_where_the_profile_says_so(
    file: Path, issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    own = file.read_text().strip()
    settings = WorkloadIdentity("token_file", AUDIENCE, file, token_endpoint=issuer.url, scope="read")
    assert (await tokens.get(settings)).value == "access-token-1"
    client = WorkloadIdentity("token_file", AUDIENCE, file, token_endpoint=issuer.url, client_id="globex")
    assert (await tokens.get(client)).value == "access-token-2"
    assert issuer.forms == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": own,
            "scope": "read",
        },
        {
            "grant_type": "client_credentials",
            "client_id": "globex",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": own,
        },
    ]


async def test_a_refused_exchange_does_not_show_the_token(
    file: Path, issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    own = file.read_text().strip()

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_grant", "error_description": f"bad {own}"}, status=400)

    issuer.answer = refuse
    with pytest.raises(SignInRefused, match="invalid_grant: bad …") as raised:
        await tokens.get(WorkloadIdentity("token_file", AUDIENCE, file, token_endpoint=issuer.url))
    assert own not in str(raised.value)
