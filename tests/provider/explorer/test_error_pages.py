"""Error pages: what was wrong, what to do, and the id of the request; nothing that a page should not tell."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.pytest_plugin import AiohttpServer
from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup

from model_sharing_protocol.errors import MetastoreUnavailable
from model_sharing_protocol.unity_catalog import PREFIX as UNITY_CATALOG
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.services.registry.catalogs import Catalogs
from support.admin_client import AdminClient
from support.captured_lines import written_lines
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.model_folder import write_model
from support.principals import create_user

_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def colleague(admin: AdminClient, server: TestServer) -> AsyncIterator[ExplorerClient]:
    """Browser of a colleague who has signed in, and holds nothing."""
    ana = await create_user(admin, "ana")
    client = new_browser(server)
    await client.sign_in(ana.token)
    yield client
    await client.session.close()


def soup_of(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def csrf_of(page: ExplorerPage) -> str:
    return str(page.soup.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]


def check(page: ExplorerPage, status: int, title: str, *said: str) -> None:
    """One heading, the reason, the request's id, and a way on."""
    assert (page.status, page.title) == (status, title)
    assert len(page.soup.find_all("h1")) == 1
    alert = page.soup.find(role="alert")
    assert alert is not None
    assert alert.get_text(strip=True)
    assert re.search(r"request [0-9a-f]{32}: the provider's administrator finds it", page.text), page.text
    assert page.soup.select(".actions a.button")
    for text in said:
        assert text in page.text


async def test_unknown_paths_are_not_found_and_need_a_session(
    explorer: ExplorerClient, stranger: ExplorerClient
) -> None:
    for path in (
        "/explorer/nonsense",
        "/explorer/catalogs/x/y/z",
        "/explorer/%3Cscript%3E",
        "/explorer/.env",
    ):
        check(await explorer.open(path), 404, "Not found", "RESOURCE_DOES_NOT_EXIST")
        page = await stranger.open(path)
        assert (page.status, page.title, page.url.path) == (200, "Sign in", "/explorer/sign-in")
        page = await stranger.post(path, [("a", "b")])
        assert (page.status, page.title) == (200, "Sign in")
        assert "next" not in page.url.query, "a form is not sent again"


async def test_without_html_a_stranger_is_told_401(stranger: ExplorerClient) -> None:
    page = await stranger.open("/explorer/catalogs", Accept="*/*")
    check(page, 401, "Sign in", "Sign in to see this page.")


async def test_a_privilege_that_is_missing_is_named(admin: AdminClient, colleague: ExplorerClient) -> None:
    page = await colleague.open("/explorer/catalogs")
    fields = [("name", "prod"), ("csrf_token", csrf_of(page))]
    page = await colleague.post("/explorer/catalogs", fields)
    check(page, 403, "You may not do this", "CREATE_CATALOG", "PERMISSION_DENIED")
    page = await colleague.post("/explorer/catalogs", fields, **{"HX-Request": "true"})
    assert (page.status, page.soup.find("html")) == (403, None), "a message for the page that has the form"
    assert "CREATE_CATALOG" in page.text


async def test_what_is_not_granted_looks_as_rest_has_it(
    admin: AdminClient, server: TestServer, tmp_path: Path
) -> None:
    """A colleague without USE CATALOG: a page tells nothing that the API does not."""
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    await admin.share("acme", "globex", "prod.ml_team.scorer")
    ana = await create_user(admin, "ana")
    browser = new_browser(server)
    await browser.sign_in(ana.token)
    headers = {"Authorization": f"Bearer {ana.token}"}
    seen = set()
    pairs = {
        "shares/{}": ("shares/{}", ["acme", "none"]),
        "recipients/{}": ("recipients/{}", ["globex", "none"]),
        "catalogs/{}": ("catalogs/{}", ["prod", "none"]),
        "schemas/{}": ("schemas/{}", ["prod.ml_team", "prod.none", "none.none"]),
        "models/{}": (
            "models/{}",
            ["prod.ml_team.scorer", "prod.ml_team.none", "prod.none.none", "none.none.none"],
        ),
        "models/{}/versions/1": (
            "models/{}/versions/1",
            ["prod.ml_team.scorer", "prod.ml_team.none", "none.none.none"],
        ),
    }
    for page_path, (api_path, names) in pairs.items():
        for name in names:
            url = server.make_url(f"{UNITY_CATALOG}/{api_path.format(name)}")
            async with browser.session.get(url, headers=headers) as answer:
                status, message = answer.status, (await answer.json())["message"]
            page = await browser.open(f"/explorer/{page_path.format(name)}")
            if page.status == 404 and "There is nothing at this path" in page.text:
                continue  # not a page yet
            assert page.status == status, (page_path, name)
            assert " ".join(message.split()) in page.text, (page_path, name)
            seen.add(page_path)
    assert seen
    await browser.session.close()


async def test_a_method_that_a_path_does_not_have(explorer: ExplorerClient) -> None:
    token = csrf_of(await explorer.open("/explorer/catalogs"))
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        async with explorer.session.request(
            method,
            explorer.base.join(explorer.base.with_path("/explorer/catalogs")),
            headers={**_BROWSER, "X-CSRF-Token": token},
        ) as answer:
            assert answer.status == 405, method
            assert answer.headers["Allow"] == "GET, HEAD, POST"
            assert "That cannot be done here" in await answer.text()


async def test_what_exists_already(explorer: ExplorerClient) -> None:
    page = await (await explorer.open("/explorer/catalogs")).submit("Create", name="prod")
    page = await (await explorer.open("/explorer/catalogs")).submit("Create", name="prod")
    check(page, 409, "That cannot be done now", "'prod'", "RESOURCE_ALREADY_EXISTS")


async def test_a_form_that_is_too_large(explorer: ExplorerClient) -> None:
    token = csrf_of(await explorer.open("/explorer/catalogs"))
    for path in ("/explorer/catalogs", "/explorer/sign-in"):
        body = io.BytesIO(f"csrf_token={token}&name=".encode() + b"x" * 2**20)
        headers = {**_BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
        async with explorer.session.post(explorer.base.with_path(path), data=body, headers=headers) as answer:
            page = ExplorerPage(explorer, answer.status, answer.url, soup_of(await answer.text()))
        check(page, 413, "That is too large", "The form is too large.")
    check(await explorer.open("/explorer/nonsense"), 404, "Not found")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"name": "a"}'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--',
        ),
        ("text/plain", b"name=a"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"name=a"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"name=a"),
        ("application/x-www-form-urlencoded", b"name=%ff%fe"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=\x00"),
        ("application/x-www-form-urlencoded", b"name=a%00b"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=b" % number for number in range(5000))),
        ("", b""),
        ("%", b"x"),
    ],
)
async def test_a_form_that_is_none(
    explorer: ExplorerClient, admin: AdminClient, kind: str, body: bytes
) -> None:
    token = csrf_of(await explorer.open("/explorer/catalogs"))
    for path in ("/explorer/catalogs", "/explorer/sign-in", "/explorer/sign-out"):
        headers = {**_BROWSER, "Content-Type": kind}
        if path != "/explorer/sign-in":
            headers["X-CSRF-Token"] = token
        async with explorer.session.post(
            explorer.base.with_path(path), data=io.BytesIO(body), headers=headers, allow_redirects=False
        ) as answer:
            assert answer.status in (400, 401, 413, 303), (path, await answer.text())
            if path == "/explorer/catalogs":
                assert answer.status in (400, 413)


async def test_cookies_and_headers_that_are_broken(server: TestServer) -> None:
    broken = [
        "model-sharing", "model-sharing=", "model-sharing==", 'model-sharing="', "model-sharing=\xff\xfe",
        "model-sharing=a; model-sharing=b", f"model-sharing={'x' * 6000}", "=;=;", "model-sharing=%00",
        "__Host-model-sharing=a", "\x01=\x02",
    ]  # fmt: skip
    for cookie in broken:
        status, body = await raw(server, f"GET /explorer/catalogs HTTP/1.1\r\nCookie: {cookie}\r\n")
        assert status in (303, 400), (cookie, body)


async def test_a_csrf_token_that_is_no_text(explorer: ExplorerClient, server: TestServer) -> None:
    cookie = explorer.session.cookie_jar.filter_cookies(explorer.base)["model-sharing"].value
    head = f"POST /explorer/catalogs HTTP/1.1\r\nCookie: model-sharing={cookie}\r\nContent-Length: 0\r\n"
    status, body = await raw(server, f"{head}Sec-Fetch-Site: same-origin\r\nX-CSRF-Token: \xff\xfe\r\n")
    assert status == 403, body


async def raw(server: TestServer, head: str) -> tuple[int, str]:
    """Answer to a request with exactly this head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    more = "Host: 127.0.0.1\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    writer.write(f"{head}{more}".encode("latin-1"))
    answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1]), answer


async def test_hostile_queries(explorer: ExplorerClient) -> None:
    for query in (
        "page=x", "page=%00", "page=%ff", "page=" + "x" * 6000, "done=<script>alert(1)</script>", "done=%00",
        "next=javascript:alert(1)", "q=%F0%9F%98%80", "&&&===", "a[]=1&a[0][b]=2", "%",
    ):  # fmt: skip
        for path in ("/explorer/catalogs", "/explorer", "/explorer/sign-in", "/explorer/nonsense"):
            page = await explorer.open(f"{path}?{query}")
            assert page.status in (200, 400, 404), (path, query)
            assert "alert(1)" not in str(page.soup) or path == "/explorer/sign-in"
            assert not [each for each in page.soup.find_all("script") if each.string]


@pytest.fixture
async def limited(
    settings: Settings, started_home: Path, aiohttp_server: AiohttpServer
) -> AsyncIterator[Any]:
    """A server that allows three failures and twenty calls a minute, and a browser."""
    async with open_provider(replace(settings, max_failures=3, max_calls=20)) as provider:
        client = new_browser(await aiohttp_server(make_app(provider)))
        yield client
        await client.session.close()


async def test_too_many_requests_say_when_to_come_back(limited: ExplorerClient) -> None:
    for _ in range(4):
        page = await (await limited.open("/explorer/sign-in")).submit("Sign in", token=new_token())
    assert page.status == 429
    assert "try again in" in page.text
    page = await limited.open("/explorer/activate/" + "x" * 43)
    check(page, 429, "Too many requests", "Try again in")
    async with limited.session.get(page.url, headers=_BROWSER) as answer:
        assert int(answer.headers["Retry-After"]) >= 1
    assert page.soup.find("a", string="Try again")["href"] == page.url.path  # type: ignore[index]


async def test_a_principal_with_too_many_calls(limited: ExplorerClient, provider_home: Path) -> None:
    await limited.sign_in((provider_home / "admin.token").read_text())
    for _ in range(25):
        page = await limited.open("/explorer/catalogs?page=")
    check(page, 429, "Too many requests", "made more than 20 requests", "Try again in")


async def test_a_database_that_is_away(explorer: ExplorerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise MetastoreUnavailable("The database cannot be reached at the moment.")

    monkeypatch.setattr(Catalogs, "page", away)
    page = await explorer.open("/explorer/catalogs")
    check(page, 503, "Not available now", "Try again in 5 seconds.")
    async with explorer.session.get(page.url, headers=_BROWSER) as answer:
        assert answer.headers["Retry-After"] == "5"


async def test_a_mistake_of_ours_is_in_the_log_alone(
    explorer: ExplorerClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("of the innards")

    monkeypatch.setattr(Catalogs, "page", fail)
    with written_lines():
        page = await explorer.open("/explorer/catalogs")
    check(page, 500, "Something failed here", "the reason is in its log")
    assert "innards" not in page.text
    found = re.search(r"request ([0-9a-f]{32})", page.text)
    assert found is not None
    said = capsys.readouterr().err
    assert "innards" in said
    assert found[1] in said
