"""Identity providers that answer as hostile or broken ones do, while people sign in there: a plain page."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.identity_providers import issuer_documents
from support.admin_client import AdminClient
from support.code_flow import (
    BEGIN,
    CLIENT,
    TOKEN,
    CodeFlow,
    check_refused,
    let_in,
    settings_with,
)
from support.explorer_client import ExplorerClient
from support.hostile_issuer import CONFIGURATION, HostileIssuer

Answer = list[tuple[str, str]]


@pytest.fixture
async def flow(aiohttp_server: AiohttpServer) -> CodeFlow:
    found = CodeFlow(HostileIssuer())
    await found.start(aiohttp_server)
    return found


@pytest.fixture
def settings(provider_home: Path, flow: CodeFlow, tmp_path: Path) -> Settings:
    return settings_with(flow, Settings(provider_home), tmp_path)


@pytest.fixture
async def ana(admin: AdminClient, flow: CodeFlow, stranger: ExplorerClient) -> ExplorerClient:
    """Browser of ana, whom a policy lets in."""
    await let_in(admin, flow)
    return stranger


async def say(status: int, body: bytes, **headers: str) -> web.Response:
    given = {"Content-Type": "application/json"} | {
        key.replace("_", "-"): value for key, value in headers.items()
    }
    return web.Response(status=status, body=body, headers=given)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


ENDPOINTS: dict[str, tuple[Any, int]] = {
    "an error of ours": (lambda r: say(401, b'{"error": "invalid_client"}'), 401),
    "an error": (lambda r: say(400, b'{"error": "invalid_request"}'), 401),
    "an error that is a text": (lambda r: say(400, b'{"error": "<script>alert(1)</script>"}'), 401),
    "an error that is no text": (lambda r: say(400, b'{"error": {"a": 1}}'), 401),
    "a failure": (lambda r: say(500, b"{}"), 401),
    "a redirect": (lambda r: say(307, b"", Location="/token2"), 401),
    "a list": (lambda r: say(200, b"[]"), 401),
    "what is not JSON": (lambda r: say(200, b"<html>"), 401),
    "an answer without an end": (endless, 401),
    "a bomb": (lambda r: say(200, gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"), 401),
    "nothing in time": (silent, 503),
}


@pytest.mark.parametrize(("answer", "status"), ENDPOINTS.values(), ids=ENDPOINTS)
async def test_a_token_endpoint_is_not_believed(
    answer: Any,
    status: int,
    flow: CodeFlow,
    ana: ExplorerClient,
    admin: AdminClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way = await flow.begin(ana)
    flow.issuer.answers[TOKEN] = answer
    if answer is silent:
        monkeypatch.setattr(issuer_documents, "_SECONDS", 0.2)
    page = await way.come_back()
    await check_refused(page, admin, status)
    assert "script" not in page.text
    assert "/token2" not in flow.issuer.asked


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "no endpoint": {"authorization_endpoint": None},
    "a list": {"authorization_endpoint": ["https://issuer.example/"]},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "plain http elsewhere": {"authorization_endpoint": "http://issuer.example/authorize"},
    "a path": {"authorization_endpoint": "/authorize"},
    "a line end": {"authorization_endpoint": "https://issuer.example/\r\nSet-Cookie: a=b"},
    "a password": {"authorization_endpoint": "https://ana:word@issuer.example/"},
    "another issuer": {"issuer": "https://evil.example"},
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
async def test_a_configuration_leads_nobody_elsewhere(
    configuration: dict[str, Any], flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    flow.configuration = configuration
    await check_refused(await ana.open(BEGIN), admin)
    assert (await ana.open("/explorer/sign-in")).form("Sign in"), "a token is taken as before"


async def test_parameters_of_an_endpoint_are_kept(flow: CodeFlow, ana: ExplorerClient) -> None:
    flow.configuration = {"authorization_endpoint": f"{flow.issuer.url}/authorize?tenant=a#part"}
    there = (await flow.begin(ana)).there
    assert (there.query["tenant"], there.query["client_id"], there.fragment) == ("a", CLIENT, "")


async def test_an_issuer_that_cannot_be_asked(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_documents, "_SECONDS", 0.2)
    flow.issuer.answers[CONFIGURATION] = silent
    page = await ana.open(BEGIN)
    await check_refused(page, admin, 503)
    assert "did not answer in time" in page.text
