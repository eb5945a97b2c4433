"""A profile names any address: those of our own network are not called, and nothing is learned of them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.errors import InvalidState, UnsupportedOperation
from model_sharing_protocol.profile import parse_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.governance.addresses import is_within_reach
from model_sharing_provider.remote_providers import remote_shares
from model_sharing_provider.remote_providers.egress import Egress
from model_sharing_provider.remote_providers.remote_shares import RemoteShares
from support.admin_client import AdminClient
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler

FAILURE_SECONDS = 1.5
TOKEN = "dapi-secret-of-the-vendor"
OURS = [
    *["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"],
    *["192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192"],
    *["168.63.129.16", "224.0.0.1", "224.0.1.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"],
    *["198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"],
    *["::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1"],
    *["2001:db8::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1"],
    *["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::808:808"],
    *["2002:7f00:1::1", "2002:a00:1::", "2002:a9fe:a9fe::1", "::ffff:168.63.129.16"],
    "2001:0:808:808:0:0:80ff:fffe",  # Teredo, of 127.0.0.1
]
PUBLIC = [
    *["8.8.8.8", "93.184.216.34", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::200e"],
    *["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
]


@pytest.mark.parametrize("address", OURS)
def test_no_address_of_ours_is_called(address: str) -> None:
    assert not is_within_reach(address, ())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert is_within_reach(address, ())


def test_networks_are_allowed_by_name_in_every_writing_of_an_address() -> None:
    assert is_within_reach("10.1.2.3", ["10.1.0.0/16"])
    assert is_within_reach("::ffff:10.1.2.3", ["10.1.0.0/16"])
    assert is_within_reach("64:ff9b::10.1.2.3", ["10.1.0.0/16"])
    assert is_within_reach("fd00::1", ["10.1.0.0/16", "fd00::/64"])
    assert not is_within_reach("10.2.2.3", ["10.1.0.0/16", "fd00::/64"])
    assert not is_within_reach("::1", ["0.0.0.0/0"])


def profile(endpoint: str) -> str:
    return json.dumps({"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": TOKEN})


class Inside:
    """A server on this machine that is nobody's business; what it was told is kept."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.connections = 0
        self.told = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.told += await reader.read(4096)
        writer.write(self._answer)
        writer.close()


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[bytes], Any]]:
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> tuple[Inside, int]:
        inside = Inside(answer)
        server = await asyncio.start_server(inside, "127.0.0.1", 0)
        servers.append(server)
        return inside, server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    "host",
    [
        *[
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "0.0.0.0",
            "127.1",
            "2130706433",
        ],
        *["0x7f000001", "0177.0.0.1", "inside.example"],
    ],
)
async def test_nothing_is_sent_inside_however_it_is_written(
    host: str, serving: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_like(monkeypatch, "inside.example", "127.0.0.1")
    inside, port = await serving(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items":[]}')
    with pytest.raises(InvalidState, match="cannot be listed"):
        await RemoteShares(Egress()).names(parse_profile(profile(f"http://{host}:{port}/x").encode()))
    assert inside.connections == 0


async def test_a_name_that_changes_is_looked_at_when_it_is_connected_to(
    serving: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer of its name server is public, and so is one of those in the second."""
    inside, port = await serving(b"")
    answers_like(monkeypatch, "rebinding.example", "127.0.0.1", "127.0.0.1")
    shares = RemoteShares(Egress(["192.0.2.0/24"]))
    for _ in range(2):
        with pytest.raises(InvalidState, match="cannot be listed"):
            await shares.names(parse_profile(profile(f"http://rebinding.example:{port}").encode()))
    assert inside.connections == 0


async def test_every_failure_reads_alike_and_takes_as_long(
    serving: Callable[[bytes], Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_shares, "FAILURE_SECONDS", FAILURE_SECONDS)
    _, silent = await serving(b"")
    _, no_http = await serving(b"SSH-2.0-OpenSSH_9.6\r\n")
    _, other = await serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret")
    body = b'{"errorCode":"PERMISSION_DENIED","message":"inner words"}'
    _, denies = await serving(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [silent, no_http, other, denies, closed.getsockname()[1]]
        hosts = [f"127.0.0.1:{port}" for port in ports] + ["10.255.255.1", "no-such-name.invalid"]
        failures = await asyncio.gather(*(failure(f"http://{host}/x") for host in hosts))
    assert len({message for message, _ in failures}) == 1
    assert "10.255.255.1" not in failures[0][0]
    assert min(seconds for _, seconds in failures) >= FAILURE_SECONDS - 0.01
    logged = "".join(capfd.readouterr())
    assert "10.255.255.1 is not in an allowed provider network" in logged
    assert TOKEN not in logged


async def failure(endpoint: str) -> tuple[str, float]:
    """Error message, and the seconds that it took."""
    started = time.monotonic()
    with pytest.raises(InvalidState) as refused:
        await RemoteShares(Egress(["127.0.0.0/8"])).names(parse_profile(profile(endpoint).encode()))
    return refused.value.message, time.monotonic() - started


async def test_redirects_are_not_followed(serving: Callable[[bytes], Any]) -> None:
    inside, port = await serving(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items":[]}')
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n"
    outside, first = await serving(moved.encode())
    with pytest.raises(InvalidState, match="cannot be listed"):
        await RemoteShares(Egress(["127.0.0.0/8"])).names(
            parse_profile(profile(f"http://127.0.0.1:{first}").encode())
        )
    assert (outside.connections, inside.connections) == (1, 0)


async def test_no_proxy_of_the_environment_is_asked_to_go_there(
    serving: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, port = await serving(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items":[]}')
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    with pytest.raises(InvalidState, match="cannot be listed"):
        await RemoteShares(Egress(["127.0.0.0/8"])).names(
            parse_profile(profile("http://10.255.255.1/x").encode())
        )
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "endpoint",
    [
        *["http://acme.example", "https://127.0.0.1", "https://10.0.0.1", "https://[::1]", "https://127.1"],
        *["https://2130706433", "https://0x7f000001", "https://[::ffff:10.0.0.1]", "https://169.254.169.254"],
        *["https://localhost", "https://db", "https://metadata.google.internal", "https://inside.example"],
    ],
)
async def test_no_proxy_is_asked_for_what_is_inside(
    endpoint: str, serving: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_like(monkeypatch, "inside.example", "10.0.0.1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxy, port = await serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(InvalidState, match="cannot be listed"):
        await RemoteShares(Egress()).names(parse_profile(profile(f"{endpoint}/x").encode()))
    assert proxy.connections == 0


async def test_a_proxy_that_is_inside_is_asked_for_what_is_outside(
    serving: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of the world outside need not be known here; and no token is told before TLS begins."""
    proxy, port = await serving(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(InvalidState, match="cannot be listed"):
        await RemoteShares(Egress()).names(
            parse_profile(profile("https://acme.invalid.example:8443/x").encode())
        )
    assert proxy.told.startswith(b"CONNECT acme.invalid.example:8443 HTTP/1.1\r\n")
    assert TOKEN.encode() not in proxy.told


@pytest.mark.parametrize(("networks", "asked"), [((), 0), (("127.0.0.0/8",), 1)])
async def test_an_administrator_allows_networks_by_a_setting(
    networks: tuple[str, ...], asked: int, provider_home: Path, serving: Callable[[bytes], Any]
) -> None:
    inside, port = await serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    async with open_provider(Settings(provider_home, allowed_provider_networks=networks)) as provider:
        admin = AdminClient.of(provider)
        await provider.providers.create(admin.context, "vendor", profile(f"http://127.0.0.1:{port}/x"))
        with pytest.raises(InvalidState, match="cannot be listed"):
            await provider.providers.shares(admin.context, "vendor")
    assert inside.connections == asked


def signing_in(endpoint: str, token_endpoint: str) -> str:
    """Profile of a client with a secret."""
    kind = {"shareCredentialsVersion": 2, "type": "oauth_client_credentials", "endpoint": endpoint}
    return json.dumps(kind | {"tokenEndpoint": token_endpoint, "clientId": "me", "clientSecret": TOKEN})


@pytest.mark.parametrize(("networks", "asked"), [((), 0), (("127.0.0.0/8",), 1)])
async def test_a_token_endpoint_is_called_where_providers_may_be(
    networks: tuple[str, ...], asked: int, provider_home: Path, serving: Callable[[bytes], Any]
) -> None:
    answer = b'{"error": "invalid_client"}'
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: {len(answer)}\r\n\r\n"
    inside, port = await serving(head.encode() + answer)
    text = signing_in("https://vendor.example/delta-sharing", f"http://127.0.0.1:{port}/token")
    async with open_provider(Settings(provider_home, allowed_provider_networks=networks)) as provider:
        admin = AdminClient.of(provider)
        await provider.providers.create(admin.context, "vendor", text)
        with pytest.raises(InvalidState, match="cannot be listed"):
            await provider.providers.shares(admin.context, "vendor")
    assert inside.connections == asked


def issue(handler: Handler) -> bool:
    """Answer of a token endpoint at the provider itself."""
    if handler.path == "/token":
        handler.send_json(200, {"access_token": "issued", "token_type": "Bearer", "expires_in": 3600})
    return handler.path == "/token"


async def test_shares_are_listed_by_a_client_that_signs_in(provider_home: Path) -> None:
    with FakeProvider() as vendor:
        vendor.tokens = {"issued"}
        vendor.answer = issue
        text = signing_in(vendor.endpoint, f"{vendor.origin}/token")
        async with open_provider(
            Settings(provider_home, allowed_provider_networks=("127.0.0.0/8",))
        ) as provider:
            admin = AdminClient.of(provider)
            await provider.providers.create(admin.context, "vendor", text)
            assert await provider.providers.shares(admin.context, "vendor") == [SHARE]


async def test_a_profile_cannot_use_files_or_the_identity_of_this_server(admin: AdminClient) -> None:
    here = {"shareCredentialsVersion": 2, "endpoint": "https://vendor.example", "type": "workload_identity"}
    for source in (
        {"source": "token_file", "tokenFile": "/var/run/secrets/token"},
        {"source": "azure"},
        {"source": "google_cloud", "tokenEndpoint": "https://vendor.example/token"},
    ):
        with pytest.raises(UnsupportedOperation, match="identity of this server"):
            text = json.dumps({**here, "audience": "x", **source})
            await admin.provider.providers.create(admin.context, "vendor", text)


def answers_like(monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str) -> None:
    """Let `name` resolve to these addresses."""
    resolve = socket.getaddrinfo

    def answer(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host != name:
            return resolve(host, port, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
