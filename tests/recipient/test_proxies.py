"""A recipient whose company lets nothing out but through its proxy, which is a real one here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing import settings
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.errors import (
    InvalidParameter,
    NotASharingServer,
    ServerUnreachable,
    UnsupportedOperation,
)
from support.fake_provider.faults import answer_status, pack_well
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.network.certificates import self_signed_certificate
from support.network.tinyproxy import Tinyproxy, running_tinyproxy
from support.processes.servers import free_port
from support.recipient_cli import RunCli

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
def tls_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A fake provider at https, with a certificate of its own authority."""
    pem = self_signed_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with FakeProvider(pem) as fake_provider:
        yield fake_provider


def whole_way(fake_provider: FakeProvider, folder: Path) -> None:
    """Activate, mount, download: a pack and files, all of it right."""
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    fake_provider.packs = pack_well
    told = json.loads(fake_provider.profile())

    def give_out_profile(handler: Handler) -> bool:
        if handler.path == "/public/code":
            handler.send_json(200, told)
        return handler.path == "/public/code"

    fake_provider.answer = give_out_profile
    profile = model_sharing.activate(f"{fake_provider.origin}/public/code", folder / "activated.share")
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    vendor.download(REF, folder / "iris")
    assert {path.name: path.read_bytes() for path in (folder / "iris").iterdir()} == FILES


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://{}", "http://{}/", "{}"])
def test_all_calls_go_through_the_proxy(
    fake_provider: FakeProvider,
    proxy: Tinyproxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    form: str,
) -> None:
    monkeypatch.setenv(variable, form.format(proxy.address))
    whole_way(fake_provider, tmp_path)
    asked = [line.split(" ", 1)[1] for line in proxy.asked]
    assert len(fake_provider.requests) == len(asked)
    assert {fake_provider.origin + request.path for request in fake_provider.requests} == set(asked)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(
    tls_peer: FakeProvider, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
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
    fake_provider: FakeProvider,
    proxy: Tinyproxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    no_proxy: str,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    profile = tmp_path / "globex.share"
    profile.write_bytes(fake_provider.profile(endpoint=fake_provider.endpoint.replace("127.0.0.1", host)))
    fake_provider.url_base = fake_provider.origin.replace("127.0.0.1", host)
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    model_sharing.mount(profile, share=SHARE, name="vendor").snapshot(REF)
    assert proxy.asked == []


def test_a_cgi_script_does_not_believe_what_a_header_of_its_client_set(
    fake_provider: FakeProvider, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    whole_way(fake_provider, tmp_path)
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_credentials_are_for_the_proxy_alone(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    fake_provider: FakeProvider = request.getfixturevalue(
        "tls_peer" if scheme == "https" else "fake_provider"
    )
    with running_tinyproxy(tmp_path, f"BasicAuth globex {PASSWORD}") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{USER}@{proxy.address}")
        whole_way(fake_provider, tmp_path)
        assert proxy.asked
        assert not any(
            "proxy-authorization" in map(str.lower, each.headers) for each in fake_provider.requests
        )


def test_a_site_that_the_proxy_filters_out_is_no_fault_of_the_profile(
    fake_provider: FakeProvider, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filter").write_text("127")
    with running_tinyproxy(tmp_path, f'Filter "{tmp_path / "filter"}"') as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        with pytest.raises(ServerUnreachable, match=rf"{re.escape(proxy.address)} does not connect.*403"):
            model_sharing.mount(profile, share=SHARE, name="vendor")
    assert fake_provider.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", "globex:s3cret@"])
def test_a_proxy_that_wants_credentials_says_so_once(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_cli_process: RunCli,
    scheme: str,
    user: str,
) -> None:
    fake_provider: FakeProvider = request.getfixturevalue(
        "tls_peer" if scheme == "https" else "fake_provider"
    )
    profile = tmp_path / "globex.share"
    profile.write_bytes(fake_provider.profile())
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.requests.clear()
    with running_tinyproxy(tmp_path, "BasicAuth globex other") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{user}{proxy.address}")
        done = run_cli_process("list", "vendor")
        assert (done.returncode, fake_provider.requests, len(proxy.asked)) == (8, [], 1)
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
    pem = self_signed_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    fake_provider: FakeProvider = request.getfixturevalue("fake_provider")
    with (
        FakeProvider(pem if scheme == "https" else None) as store,
        running_tinyproxy(tmp_path, "BasicAuth globex other") as proxy,
    ):
        for each in (fake_provider, store):
            each.publish("ml_team.iris_model", 1, FILES)
        fake_provider.file_origins, fake_provider.url_base = (store.origin,), store.origin
        profile = tmp_path / "globex.share"
        profile.write_bytes(fake_provider.profile())
        vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
        monkeypatch.setenv("ALL_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", fake_provider.origin.removeprefix("http://"))
        with pytest.raises(ServerUnreachable, match=r"HTTP 407"):
            vendor.snapshot(REF)
        assert store.requests == []


def test_a_proxy_that_refuses_a_port_is_named(
    tls_peer: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "globex.share"
    profile.write_bytes(tls_peer.profile())
    with running_tinyproxy(tmp_path, "ConnectPort 443") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with pytest.raises(ServerUnreachable, match=rf"{re.escape(proxy.address)} does not connect to.*403"):
            model_sharing.mount(profile, share=SHARE, name="vendor")


def test_a_proxy_that_does_not_reach_the_store_is_named_once(
    fake_provider: FakeProvider,
    tls_peer: FakeProvider,
    proxy: Tinyproxy,
    profile: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    fake_provider.file_origins, fake_provider.url_base = (tls_peer.origin,), tls_peer.origin
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "0s")
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    tls_peer.stop()
    with pytest.raises(ServerUnreachable, match=rf"the proxy http://{re.escape(proxy.address)}") as raised:
        vendor.snapshot(REF)
    assert raised.value.message.count("the proxy") == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    fake_provider: FakeProvider = request.getfixturevalue(
        "tls_peer" if scheme == "https" else "fake_provider"
    )
    profile = tmp_path / "globex.share"
    profile.write_bytes(fake_provider.profile())
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://globex:s3cret@{address}")
    with pytest.raises(
        ServerUnreachable, match=rf"through the proxy http://{re.escape(address)}: "
    ) as raised:
        model_sharing.mount(profile, share=SHARE, name="vendor")
    assert "s3cret" not in raised.value.message
    assert fake_provider.requests == []


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
    fake_provider: FakeProvider,
    profile: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    error: type[Exception],
) -> None:
    monkeypatch.setenv("all_proxy", address)
    with pytest.raises(error, match="all_proxy") as raised:
        model_sharing.mount(profile, share=SHARE, name="vendor")
    assert not re.search("s3.?cret", str(raised.value))
    assert fake_provider.requests == []


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
    fake_provider: FakeProvider, proxy: Tinyproxy, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeProvider() as store:
        fake_provider.publish("ml_team.iris_model", 1, FILES)
        fake_provider.file_origins, fake_provider.url_base = (store.origin,), store.origin
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
    pem = self_signed_certificate(tmp_path)
    with FakeProvider(pem) as fake_provider:
        profile = tmp_path / "globex.share"
        profile.write_bytes(fake_provider.profile())
        with pytest.raises(ServerUnreachable, match="name its certificate in SSL_CERT_FILE"):
            model_sharing.mount(profile, share=SHARE, name="vendor")
        monkeypatch.setenv(variable, str(_folder_of(pem) if variable == "SSL_CERT_DIR" else pem))
        whole_way(fake_provider, tmp_path)
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
    fake_provider: FakeProvider, proxy: Tinyproxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.RETRY_FOR_VARIABLE, "30s")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    fake_provider.faults = [answer_status(502), answer_status(500), answer_status(530)]
    whole_way(fake_provider, tmp_path)
