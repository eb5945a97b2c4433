"""Forwarded headers are believed of trusted proxies, and of nobody else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.forwarded_headers import TRUSTED_PROXIES, client_address, is_host, origin
from model_sharing_provider.http.urls import ACTIVATION_PATH
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.updates import NO_CHANGE
from support.admin_client import AdminClient

TOLD = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "models.acme.example",
}


@pytest.fixture
async def trusting(provider: ProviderServices, aiohttp_server: AiohttpServer) -> TestServer:
    """A server that believes this machine, which all tests come from."""
    return await aiohttp_server(make_app(provider, trusted_proxies=["127.0.0.0/8"]))


@asynccontextmanager
async def asked(server: TestServer, path: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.make_url(path), headers=headers) as answer,
    ):
        yield answer


async def test_links_access_lists_and_the_audit_log_go_by_the_client(
    admin: AdminClient, trusting: TestServer
) -> None:
    code = await admin.share("acme", "globex")
    await admin.provider.recipients.update(admin.context, "globex", NO_CHANGE, ["192.0.2.0/24"])
    elsewhere = TOLD | {"X-Forwarded-For": "198.51.100.9"}
    async with asked(trusting, f"{ACTIVATION_PATH}/{code}", **elsewhere) as answer:
        assert answer.status == 403
    async with asked(trusting, f"{ACTIVATION_PATH}/{code}", **TOLD) as answer:
        profile = json.loads(await answer.read())
    assert profile["endpoint"] == f"https://models.acme.example{PREFIX}"
    bearer = {"Authorization": f"Bearer {profile['bearerToken']}"}
    for told, status in ((TOLD, 200), (elsewhere, 403)):
        async with asked(trusting, f"{PREFIX}/shares", **told, **bearer) as answer:
            assert answer.status == status
    events = await admin.provider.audit.latest(admin.context, 10)
    addresses = [event.caller.address for event in events if event.caller.face != "cli"]
    assert addresses == ["198.51.100.9", "192.0.2.7", "192.0.2.7", "198.51.100.9"]


async def test_a_stranger_who_says_so_is_who_he_is(admin: AdminClient, server: TestServer) -> None:
    """Forwarded headers without a trusted proxy are ignored: this machine does not come from there."""
    code = await admin.share("acme", "globex")
    await admin.provider.recipients.update(admin.context, "globex", NO_CHANGE, ["192.0.2.0/24"])
    async with asked(server, f"{ACTIVATION_PATH}/{code}", **TOLD) as answer:
        assert answer.status == 403
    await admin.provider.recipients.update(admin.context, "globex", NO_CHANGE, ["127.0.0.1"])
    async with asked(server, f"{ACTIVATION_PATH}/{code}", **TOLD) as answer:
        profile = json.loads(await answer.read())
    assert profile["endpoint"] == str(server.make_url(PREFIX))
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert event.caller.address == "127.0.0.1"


def request_from(peer: str, headers: Mapping[str, str], *proxies: str) -> web.Request:
    app = web.Application()
    app[TRUSTED_PROXIES] = proxies
    request = make_mocked_request("GET", "/", {"Host": "here", **headers}, app=app)
    return request.clone(remote=peer)


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "," * 1000, "10.0.0.1"),
        ("198.51.100.9", "10.0.0.1", "198.51.100.9"),
    ],
)
def test_the_client_is_who_the_last_trusted_proxy_was_asked_by(peer: str, said: str, client: str) -> None:
    assert client_address(request_from(peer, {"X-Forwarded-For": said}, "10.0.0.0/8")) == client
    assert client_address(request_from(peer, {"X-Forwarded-For": said})) == peer


@pytest.mark.parametrize(
    ("headers", "link"),
    [
        ({"X-Forwarded-Proto": "HTTPS"}, "http://here"),
        ({"X-Forwarded-Proto": "javascript"}, "http://here"),
        (
            {"X-Forwarded-Proto": "http, https", "X-Forwarded-Host": "evil, acme.example:444"},
            "https://acme.example:444",
        ),
        ({"X-Forwarded-Host": "acme.example/@evil"}, "http://here"),
        ({"X-Forwarded-Host": "[2001:db8::7]:8642"}, "http://[2001:db8::7]:8642"),
        ({"Forwarded": "for=192.0.2.7;host=evil;proto=https"}, "http://here"),
    ],
)
def test_links_lead_to_where_the_nearest_proxy_was_asked(headers: dict[str, str], link: str) -> None:
    assert origin(request_from("10.0.0.1", headers, "10.0.0.1/32")) == link
    assert origin(request_from("10.0.0.2", headers, "10.0.0.1/32")) == "http://here"


def test_a_host_that_no_url_can_have_is_none() -> None:
    """Strangers can send it; what reads our own URL would fail."""
    for host in ("acme.example", "127.0.0.1:8642", "[::1]", "[::1]:65535", "a_b-c:0", "[::ffff:1.2.3.4]:1"):
        assert is_host(host), host
    for host in (
        "",
        "[::::]",
        "[1.2.3]:80",
        "[:.:]",
        "[::1]:65536",
        "a:99999",
        "a b",
        "a@b",
        "[::1",
        "[::1%lo]",
    ):
        assert not is_host(host), host
