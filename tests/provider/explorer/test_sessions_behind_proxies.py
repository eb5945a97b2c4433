"""Sessions behind proxies, under a path prefix, and under names that somebody made up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.pytest_plugin import AiohttpServer
from bs4 import BeautifulSoup
from yarl import URL

from model_sharing_protocol.profile import parse_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient

PUBLIC = "https://models.acme.example/ml/sharing"
_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "models.acme.example"}


@dataclass(frozen=True, slots=True)
class Gate:
    """A server as a proxy reaches it. Cookies are sent as given: the proxy's URL is not the browser's."""

    admin: AdminClient
    session: aiohttp.ClientSession
    base: URL
    token: str

    async def send(
        self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> tuple[aiohttp.ClientResponse, BeautifulSoup]:
        sent = _BROWSER | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.session.request(
            method, self.base.join(URL(path, encoded=True)), data=fields, headers=sent, allow_redirects=False
        )
        return answer, BeautifulSoup(await answer.text(), "html.parser")

    async def sign_in(self, wanted: str = "", **headers: str) -> aiohttp.ClientResponse:
        fields = {"token": self.token, "next": wanted}
        return (await self.send("POST", "/explorer/sign-in", fields, **headers))[0]


@pytest.fixture
async def gate(
    settings: Settings, started_home: Path, aiohttp_server: AiohttpServer, request: Any
) -> AsyncIterator[Gate]:
    """A server with a public URL, or with trusted proxies, as the test says."""
    public_url, proxies = request.param
    async with (
        open_provider(Settings(settings.home, public_url=public_url)) as provider,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        server = await aiohttp_server(make_app(provider, proxies))
        token = (settings.home / "admin.token").read_text()
        yield Gate(AdminClient.of(provider), session, server.make_url("/"), token)


prefixed = pytest.mark.parametrize("gate", [(PUBLIC, ())], indirect=True)
proxied = pytest.mark.parametrize("gate", [("", ("127.0.0.0/8",))], indirect=True)
alone = pytest.mark.parametrize("gate", [("", ())], indirect=True)


def check_secure(answer: aiohttp.ClientResponse) -> str:
    """Check the cookie of a session over https; its value."""
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    value, *flags = rest.split("; ")
    assert name == "__Host-model-sharing"
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Strict"} <= set(flags)
    assert not any(flag.startswith("Domain") for flag in flags)
    return value


@prefixed
async def test_all_paths_have_the_prefix_and_cookies_are_secure(gate: Gate) -> None:
    answer, page = await gate.send("GET", "/explorer/catalogs?page=")
    assert answer.headers["Location"] == (
        "/ml/sharing/explorer/sign-in?next=%2Fml%2Fsharing%2Fexplorer%2Fcatalogs%3Fpage%3D"
    )
    _, page = await gate.send("GET", "/explorer/sign-in")
    paths = [
        str(each.get("href") or each.get("src") or each.get("action"))
        for each in page.select("[href], [src], [action]")
    ]
    assert all(path.startswith(("/ml/sharing/explorer", "#content")) for path in paths), paths
    answer = await gate.sign_in("/ml/sharing/explorer/catalogs")
    assert (answer.status, answer.headers["Location"]) == (303, "/ml/sharing/explorer/catalogs")
    secret = check_secure(answer)
    for wanted in (
        "/explorer/catalogs", "/ml/sharing/explorers", "//models.acme.example/ml/sharing/explorer",
        "/ml/sharing/../explorer", "https:/ml/sharing/explorer", "\\\\evil.example\\ml",
        "/\\evil.example/ml/sharing/explorer", "/ml/sharing/explorer\\\n@evil",
    ):  # fmt: skip
        assert (await gate.sign_in(wanted)).headers["Location"] == "/ml/sharing/explorer", wanted
    answer, page = await gate.send("GET", "/explorer", Cookie=f"__Host-model-sharing={secret}")
    assert answer.status == 200
    csrf = str(page.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    answer, _ = await gate.send(
        "POST", "/explorer/sign-out", {"csrf_token": csrf}, Cookie=f"__Host-model-sharing={secret}"
    )
    assert answer.headers["Location"].startswith("/ml/sharing/explorer/sign-in?")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "Secure" in answer.headers["Set-Cookie"]


@prefixed
async def test_a_cookie_that_a_listener_could_plant_is_not_taken(gate: Gate) -> None:
    """Over https only the name is read that browsers take from https alone."""
    secret = check_secure(await gate.sign_in())
    for cookie, status in (
        (f"model-sharing={secret}", 303),
        (f"__host-model-sharing={secret}", 303),
        (f"__Host-model-sharing={secret}x", 303),
        (f"__Host-model-sharing={secret}", 200),
    ):
        assert (await gate.send("GET", "/explorer", Cookie=cookie))[0].status == status


@prefixed
async def test_an_activation_behind_a_prefix(gate: Gate) -> None:
    code = await gate.admin.share("acme", "globex")
    answer, _ = await gate.send("GET", f"/api/2.1/unity-catalog/public/data_sharing_activation/{code}")
    assert answer.headers["Location"] == f"{PUBLIC}/explorer/activate/{code}"
    _, page = await gate.send("GET", f"/explorer/activate/{code}")
    assert page.find("form")["action"] == f"/ml/sharing/explorer/activate/{code}"  # type: ignore[index]
    assert PUBLIC in page.get_text()
    answer, _ = await gate.send("POST", f"/explorer/activate/{code}")
    assert parse_profile(await answer.read()).endpoint == f"{PUBLIC}/delta-sharing"


@proxied
async def test_a_trusted_proxy_says_that_it_is_https(gate: Gate) -> None:
    check_secure(await gate.sign_in(**_FORWARDED))
    answer, page = await gate.send(
        "GET", "/explorer/sign-in", X_Forwarded_Proto="http", X_Forwarded_Host="models.acme.example"
    )
    assert (answer.status, "plain http" in page.get_text()) == (403, True)
    # A form without Sec-Fetch-Site, of an older browser, is known by its origin.
    for origin, status in (
        ("https://models.acme.example", 303),
        ("http://models.acme.example", 403),
        ("https://models.acme.example:8443", 403),
        ("https://models.acme.example.evil.example", 403),
        ("null", 403),
        ("", 403),
    ):
        answer = await gate.sign_in(**_FORWARDED, **{"Sec-Fetch-Site": ""}, Origin=origin)
        assert answer.status == 403, "an empty Sec-Fetch-Site is none of ours"
        headers = {"Accept": "text/html", "Origin": origin, **_FORWARDED}
        async with gate.session.post(
            gate.base.with_path("/explorer/sign-in"),
            data={"token": gate.token}, headers=headers, allow_redirects=False,
        ) as answer:  # fmt: skip
            assert answer.status == status, origin


@pytest.mark.parametrize("gate", [("HTTPS://Models.Acme.example:443", ())], indirect=True)
async def test_a_public_url_may_be_written_in_any_case(gate: Gate) -> None:
    check_secure(await gate.sign_in())
    headers = {"Origin": "https://models.acme.example"}
    async with gate.session.post(
        gate.base.with_path("/explorer/sign-in"), data={"token": gate.token}, headers=headers
    ) as answer:
        assert answer.status != 403


@alone
async def test_a_stranger_who_says_so_is_not_believed(gate: Gate) -> None:
    """Nor does a made-up host get a token, or a place in a redirect."""
    answer = await gate.sign_in(**_FORWARDED)
    assert (answer.status, answer.headers["Set-Cookie"].partition("=")[0]) == (303, "model-sharing")
    for host in ("evil.example", "evil.example:8642", "127.0.0.1.evil.example", "localhost.evil.example"):
        answer = await gate.sign_in(Host=host)
        assert (answer.status, "Set-Cookie" in answer.headers) == (403, False), host
        answer, _ = await gate.send("GET", "/explorer/catalogs", Host=host)
        assert answer.headers["Location"].startswith("/explorer/sign-in?")
    for host in ("localhost:1", "127.8.8.8", "[::1]:8642"):
        assert (await gate.sign_in(Host=host)).status == 303, host


@alone
async def test_methods_and_headers_change_nothing(gate: Gate) -> None:
    secret = (await gate.sign_in()).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    cookie = f"model-sharing={secret}"
    _, page = await gate.send("GET", "/explorer/catalogs", Cookie=cookie)
    csrf = str(page.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    other = (await gate.sign_in()).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    _, page = await gate.send("GET", "/explorer/catalogs", Cookie=f"model-sharing={other}")
    of_another = str(page.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    assert csrf != of_another
    attempts: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
        ("POST", "/explorer/catalogs", {"name": "a", "csrf_token": of_another}, {}),
        ("POST", f"/explorer/catalogs?csrf_token={csrf}", {"name": "a"}, {}),
        ("POST", "/explorer/catalogs", {"name": "a"}, {"HX_Request": "true"}),
        ("POST", "/explorer/catalogs", {"name": "a"}, {"HX_Request": "true", "X_CSRF_Token": of_another}),
        ("POST", "/explorer/catalogs", {"name": "a", "csrf_token": csrf}, {"Sec_Fetch_Site": "cross-site"}),
        ("GET", f"/explorer/catalogs?name=a&csrf_token={csrf}", {}, {"X_HTTP_Method_Override": "POST"}),
        ("HEAD", f"/explorer/catalogs?name=a&csrf_token={csrf}", {}, {}),
        ("OPTIONS", "/explorer/catalogs", {"name": "a", "csrf_token": csrf}, {}),
        ("GET", f"/explorer/sign-out?csrf_token={csrf}", {}, {}),
        ("HEAD", "/explorer/sign-out", {}, {}),
    ]
    for method, path, fields, headers in attempts:
        answer, _ = await gate.send(method, path, fields or None, Cookie=cookie, **headers)
        assert answer.status in (200, 403, 405), (method, path)
        assert (answer.status == 200) == (method in {"GET", "HEAD"} and "sign-out" not in path)
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
        if method != "HEAD":
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    async with gate.admin.provider.database.read() as rows:
        assert await rows.catalogs.find("a") is None
    assert (await gate.send("GET", "/explorer", Cookie=cookie))[0].status == 200, "nobody was signed out"


@alone
async def test_a_forged_htmx_header_without_a_session_leads_to_the_sign_in(gate: Gate) -> None:
    for method in ("GET", "POST"):
        answer, page = await gate.send(method, "/explorer/catalogs", HX_Request="true", HX_Boosted="true")
        assert (answer.status, page.get_text()) == (200, "")
        assert answer.headers["HX-Redirect"].startswith("/explorer/sign-in")


@alone
async def test_the_way_back_from_another_site_stays_here(gate: Gate) -> None:
    for path in (
        "/explorer/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/explorer/x?a=';url=https://evil.example",
        "/explorer/x?0;url=//evil.example", "/explorer//evil.example", "/explorer/..//evil.example",
    ):  # fmt: skip
        answer, page = await gate.send("GET", path, Sec_Fetch_Site="cross-site")
        assert answer.status in (200, 404), path
        refresh = page.find("meta", {"http-equiv": "refresh"})
        if refresh is not None:
            assert str(refresh["content"]).startswith("0; url=/explorer/")
            assert not page.find("script")
