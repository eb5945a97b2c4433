"""A recipient whose company lets nothing out but through its proxy, which is a real one here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import certificate
from recipient.conftest import RunCli
from recipient.faults import answer_status, pack_well
from recipient.peer import Handler, Peer
from recipient.shared_models import SHARE
from servers import free_port
from tinyproxy import Tinyproxy, running_tinyproxy

import model_sharing
from model_sharing import settings
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.errors import (
    InvalidParameter,
    NotASharingServer,
    ServerUnreachable,
    UnsupportedOperation,
)

REF = "ml_team.iris_model/1"
FILES = {
    "MLmodel": b"flavors: {}\n",
    "weights.bin": b"w" * 300_000,
    "a": b"a",
    "b": b"b",
    "c": b"c",
    "d": b"d",
}
PASSWORD = "pass.w0rd-_"
USER = "globex:%70ass.w0rd%2D_"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    folder = tmp_path / "proxy"
    folder.mkdir()
    with running_tinyproxy(folder) as proxy:
        yield proxy


@pytest.fixture
def tls_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """A peer at https, with a certificate of its own authority."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with Peer(pem) as peer:
        yield peer


def whole_way(peer: Peer, folder: Path) -> None:
    """Activate, mount, download: a pack and files, all of it right."""
    peer.publish("ml_team.iris_model", 1, FILES)
    peer.packs = pack_well
    told = json.loads(peer.profile())

    def give_out_profile(handler: Handler) -> bool:
        if handler.path == "/public/code":
            handler.send_json(200, told)
        return handler.path == "/public/code"

    peer.answer = give_out_profile
    profile = model_sharing.activate(f"{peer.origin}/public/code", folder / "activated.share")
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    vendor.download(REF, folder / "iris")
    assert {path.name: path.read_bytes() for path in (folder / "iris").iterdir()} == FILES


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://{}", "http://{}/", "{}"])
def test_all_calls_go_through_the_proxy(
    peer: Peer, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, form: str
) -> None:
    monkeypatch.setenv(variable, form.format(proxy.address))
    whole_way(peer, tmp_path)
    asked = [line.split(" ", 1)[1] for line in proxy.asked]
    assert len(peer.requests) == len(asked)
    assert {peer.origin + request.path for request in peer.requests} == set(asked)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(
    tls_peer: Peer, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://{proxy.address}")
    whole_way(tls_peer, tmp_path)
    assert {line.partition(" ")[0] for line in proxy.asked} == {"CONNECT"}
    assert len(proxy.asked) <= len(tls_peer.requests)


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "example.com, 127.0.0.0/8"),
        ("127.0.0.1", "*"),
        ("localhost", "localhost"),
        ("localhost", ".localhost"),
    ],
)
def test_no_proxy_is_believed(
    peer: Peer, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, no_proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    profile = tmp_path / "globex.share"
    profile.write_bytes(peer.profile(endpoint=peer.endpoint.replace("127.0.0.1", host)))
    peer.url_base = peer.origin.replace("127.0.0.1", host)
    peer.publish("ml_team.iris_model", 1, FILES)
    model_sharing.mount(profile, share=SHARE, name="vendor").snapshot(REF)
    assert proxy.asked == []


def test_a_cgi_script_does_not_believe_what_a_header_of_its_client_set(
    peer: Peer, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    whole_way(peer, tmp_path)
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_credentials_are_for_the_proxy_alone(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    peer: Peer = request.getfixturevalue("tls_peer" if scheme == "https" else "peer")
    with running_tinyproxy(tmp_path, f"BasicAuth globex {PASSWORD}") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{USER}@{proxy.address}")
        whole_way(peer, tmp_path)
        assert proxy.asked
        assert not any("proxy-authorization" in map(str.lower, each.headers) for each in peer.requests)


def test_a_site_that_the_proxy_filters_out_is_no_fault_of_the_profile(
    peer: Peer, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filter").write_text("127")
    with running_tinyproxy(tmp_path, f'Filter "{tmp_path / "filter"}"') as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        with pytest.raises(ServerUnreachable, match=rf"{re.escape(proxy.address)} does not connect.*403"):
            model_sharing.mount(profile, share=SHARE, name="vendor")
    assert peer.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", "globex:s3cret@"])
def test_a_proxy_that_wants_credentials_says_so_once(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_cli: RunCli,
    scheme: str,
    user: str,
) -> None:
    peer: Peer = request.getfixturevalue("tls_peer" if scheme == "https" else "peer")
    profile = tmp_path / "globex.share"
    profile.write_bytes(peer.profile())
    peer.publish("ml_team.iris_model", 1, FILES)
    model_sharing.mount(profile, share=SHARE, name="vendor")
    peer.requests.clear()
    with running_tinyproxy(tmp_path, "BasicAuth globex other") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{user}{proxy.address}")
        done = run_cli("list", "vendor")
        assert (done.returncode, peer.requests, len(proxy.asked)) == (8, [], 1)
        assert (
            f"The proxy http://{proxy.address} wants to know who asks (HTTP {401 if user else 407})"
            in done.stderr
        )
        assert ("does not accept" if user else "was not given") in done.stderr
        assert "s3cret" not in done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_files_meet_the_same_refusal(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """The API is reached without, by NO_PROXY, and the store by the proxy alone."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    peer: Peer = request.getfixturevalue("peer")
    with (
        Peer(pem if scheme == "https" else None) as store,
        running_tinyproxy(tmp_path, "BasicAuth globex other") as proxy,
    ):
        for each in (peer, store):
            each.publish("ml_team.iris_model", 1, FILES)
        peer.file_origins, peer.url_base = (store.origin,), store.origin
        profile = tmp_path / "globex.share"
        profile.write_bytes(peer.profile())
        vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
        monkeypatch.setenv("ALL_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", peer.origin.removeprefix("http://"))
        with pytest.raises(ServerUnreachable, match=r"HTTP 407"):
            vendor.snapshot(REF)
        assert store.requests == []


def test_a_proxy_that_refuses_a_port_is_named(
    tls_peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "globex.share"
    profile.write_bytes(tls_peer.profile())
    with running_tinyproxy(tmp_path, "ConnectPort 443") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with pytest.raises(ServerUnreachable, match=rf"{re.escape(proxy.address)} does not connect to.*403"):
            model_sharing.mount(profile, share=SHARE, name="vendor")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    peer: Peer = request.getfixturevalue("tls_peer" if scheme == "https" else "peer")
    profile = tmp_path / "globex.share"
    profile.write_bytes(peer.profile())
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://globex:s3cret@{address}")
    with pytest.raises(
        ServerUnreachable, match=rf"through the proxy http://{re.escape(address)}: "
    ) as raised:
        model_sharing.mount(profile, share=SHARE, name="vendor")
    assert "s3cret" not in raised.value.message
    assert peer.requests == []


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("socks5://u:s3cret@127.0.0.1:1080", UnsupportedOperation),
        ("socks5h://127.0.0.1:1080", UnsupportedOperation),
        ("socks4://127.0.0.1", UnsupportedOperation),
        ("https://u:s3cret@127.0.0.1:3129", UnsupportedOperation),
        ("http://u:s3#cret@127.0.0.1:3128", InvalidParameter),
        ("http://u:s3/cret@127.0.0.1:3128", InvalidParameter),
        ("http://127.0.0.1:99999", InvalidParameter),
        ("http://u:s3cret@", InvalidParameter),
        ("http://[::1:3128", InvalidParameter),
    ],
)
def test_what_is_no_http_proxy_is_one_clear_error(
    peer: Peer, profile: Path, monkeypatch: pytest.MonkeyPatch, address: str, error: type[Exception]
) -> None:
    monkeypatch.setenv("all_proxy", address)
    with pytest.raises(error, match="all_proxy") as raised:
        model_sharing.mount(profile, share=SHARE, name="vendor")
    assert not re.search("s3.?cret", str(raised.value))
    assert peer.requests == []


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("s3.example.com", True),
        ("52.218.0.1", True),
        ("10.0.0.5", False),
        ("127.1", False),
        ("0x7f000001", False),
        ("2130706433", False),
        ("169.254.169.254", False),
        ("[::1]", False),
        ("[::ffff:10.0.0.5]", False),
        ("localhost", False),
        ("metadata.google.internal", False),
        ("metadata", False),
        ("db.localhost.", False),
    ],
)
def test_a_provider_out_in_the_world_names_no_place_inside_to_the_proxy(host: str, allowed: bool) -> None:
    """Only the proxy knows what a name stands for: what it is called has to do."""
    origins = FileOrigins("https://8.8.8.8/x", [f"https://{host}"])
    origin, _ = origins.check(f"https://{host}/bucket")
    if allowed:
        origins.check_name(origin)
    else:
        with pytest.raises(NotASharingServer, match="no business"):
            origins.check_name(origin)
    FileOrigins("https://models.internal/x", ["https://minio"]).check_name(("https", "minio", 443))


def test_a_store_inside_is_not_called_through_the_proxy(
    peer: Peer, proxy: Tinyproxy, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer() as store:
        peer.publish("ml_team.iris_model", 1, FILES)
        peer.file_origins, peer.url_base = (store.origin,), store.origin
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
        monkeypatch.setattr(FileOrigins, "_is_inside", False)
        with pytest.raises(NotASharingServer, match="no business"):
            vendor.snapshot(REF)
        assert store.requests == []
        assert not any(store.origin in line for line in proxy.asked)


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_a_private_authority_is_named_as_for_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    pem = certificate(tmp_path)
    with Peer(pem) as peer:
        profile = tmp_path / "globex.share"
        profile.write_bytes(peer.profile())
        with pytest.raises(ServerUnreachable, match="name its certificate in SSL_CERT_FILE"):
            model_sharing.mount(profile, share=SHARE, name="vendor")
        monkeypatch.setenv(variable, str(_folder_of(pem) if variable == "SSL_CERT_DIR" else pem))
        whole_way(peer, tmp_path)
        for bad in (tmp_path / "missing.pem", profile):
            monkeypatch.setenv(variable, str(bad))
            with pytest.raises(InvalidParameter, match=rf"{variable} is '{bad}'"):
                model_sharing.catalog("vendor").list_models()


def _folder_of(pem: Path) -> Path:
    """A folder of certificates as OpenSSL looks through them: by names that it hashes."""
    folder = pem.parent / "authorities"
    folder.mkdir()
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", pem], capture_output=True, text=True, check=True
    )
    (folder / f"{hashed.stdout.strip()}.0").write_bytes(pem.read_bytes())
    return folder


def test_a_gateway_in_trouble_behind_the_proxy_is_waited_for(
    peer: Peer, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.RETRY_FOR_VARIABLE, "30s")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    peer.faults = [answer_status(502), answer_status(500), answer_status(530)]
    whole_way(peer, tmp_path)
