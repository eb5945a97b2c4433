"""Calls about runs are passed on to a tracking server, and nothing else goes there or comes back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp.plugin import AiohttpServer
from yarl import URL

from model_sharing_protocol.errors import NotFound, UnsafePath
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.faces.files_api.artifact_paths import artifact_path, artifact_url_path
from model_sharing_provider.faces.tracking.paths import api_path
from support.network.tinyproxy import running_tinyproxy

API = "/api/2.0/mlflow"
FILES = "/api/2.0/fs/files/WorkspaceInternal/Mlflow/Artifacts"
FOLDERS = "/api/2.0/fs/directories/WorkspaceInternal/Mlflow/Artifacts"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Upstream:
    """A tracking server that writes down what it is asked."""

    uri: str

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Answer = self.plain
        self.bodies: list[bytes] = []

    async def plain(self, _request: web.Request) -> web.StreamResponse:
        headers = {"Set-Cookie": "a=b", "X-Evil": "1", "WWW-Authenticate": "Basic"}
        return web.json_response({"ok": 1}, headers=headers)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        self.seen.append((request.method, request.raw_path, dict(request.headers)))
        self.bodies.append(await request.read())
        return await self.answer(request)


class Client:
    """Somebody with a token, whose paths are sent as they are."""

    def __init__(self, server: TestServer, token: str) -> None:
        self._origin = str(server.make_url("/")).rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(headers=self._headers, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method,
                URL(self._origin + path, encoded=True),
                data=body,
                headers=named,
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.read()


@pytest.fixture
async def upstream(aiohttp_server: AiohttpServer) -> AsyncIterator[Upstream]:
    told = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told.handle)
    told.uri = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    yield told


@pytest.fixture
async def client(
    upstream: Upstream, provider_home: Path, aiohttp_server: AiohttpServer
) -> AsyncIterator[Client]:
    async with open_provider(Settings(provider_home, tracking_uri=upstream.uri)) as provider:
        server = await aiohttp_server(make_app(provider))
        yield Client(server, (provider_home / "admin.token").read_text())


# What MLflow's client asks for, and what it does not.
ASKED = (
    "/experiments/search",
    "/runs/log-batch",
    "/metrics/get-history",
    "/logged-models",
    "/logged-models/m-0123456789abcdef/artifacts/directories",
    "/logged-models/m-0123/tags/my%20tag",
    "/traces/tr-01/tags",
    "/artifacts/list",
)
STRAY = (
    "",
    "/",
    "//",
    "/experiments/",
    "/experiments//search",
    "//experiments/search",
    "/..%2f..%2f..%2fgraphql",
    "/experiments/..%2f..%2f..%2f..%2fgraphql",
    "/%2e%2e/%2e%2e/ajax-api/2.0/mlflow/users/create",
    "/experiments/%2e%2e/users/create",
    "/experiments/../users/create",
    "/experiments/./search",
    "/experiments/%252e%252e/%252e%252e/graphql",
    "/experiments/..;/..;/graphql",
    "/experiments;x=1/search",
    "/experiments/search;x=1",
    "/experiments%5c..%5cgraphql",
    "/experiments\\..\\graphql",
    "/experiments/search%3Fx=1",
    "/experiments/search%23x",
    "/experiments/search%2F",
    "/experiments%2Fsearch",
    "/experiments/%EF%BC%8E%EF%BC%8E/x",
    "/experiments/%c0%ae%c0%ae/x",
    "/EXPERIMENTS/search",
    "/Experiments/search",
    "/%65xperiments/search",
    "/@evil.example/x",
    "/a%0d%0aX-Injected:%201",
    "/experiments/search%0d%0aX:%201",
    "/experiments/search%00",
    "/experiments/search%09",
    "/users/create",
    "/gateway/secrets/list",
    "/workspaces",
    "/registered-models/search",
    "/unity-catalog/..%2f..%2f..%2fgraphql",
    "/unity-catalog/../experiments/search",
    "/artifacts/presigned-upload-url",
    "-artifacts/artifacts/x",
)
STRAY_ARTIFACTS = (
    "1/Runs/..%2f..%2f..%2fgraphql",
    "1/Runs/%2e%2e/%2e%2e/x",
    "1/Runs/abc/artifacts/../../../x",
    "1/Runs/abc/artifacts/..%5c..%5cx",
    "1/Runs/abc/%252e%252e/%252e%252e/x",
    "1/Runs/abc/a%252fb",
    "1/Runs/abc/a%253Fb",
    "1/Runs/abc//x",
    "1/Runs/abc/x%3Fy=1",
    "1/Runs/abc/x%00",
    "1/Runs/a%23b/x",
    "1/Runs/a;b/x",
    "1/LoggedModels/m.x/y",
    "..%2f1/Runs/abc/x",
    "%2e%2e/Runs/abc/x",
    "1%3Fa/Runs/abc/x",
    "1/runs/abc/x",
    "1/Runs",
    "1/Runs/%EF%BC%8E%EF%BC%8E%2Fx",
    "/1/Runs/abc/x",
)


async def test_what_mlflow_asks_for_is_passed_on_as_it_was_sent(client: Client, upstream: Upstream) -> None:
    for path in (f"{prefix}{path}" for prefix in (API, "/api/3.0/mlflow") for path in ASKED):
        status, headers, _ = await client.ask(f"{path}?a=b%26c&a=%23", Cookie="c=1", X_Forwarded_For="9")
        assert status == 200
        _, asked, sent = upstream.seen[-1]
        assert asked == f"{path}?a=b%26c&a=%23"
        assert not {"Cookie", "X-Forwarded-For", "Authorization"} & set(sent)
        assert not any("msh_" in value for value in sent.values())
        assert not {"Set-Cookie", "X-Evil", "WWW-Authenticate"} & set(headers)


async def test_the_tracking_server_is_asked_through_the_proxy_of_the_environment(
    client: Client, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_tinyproxy(tmp_path, "BasicAuth acme s3cret") as proxy:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("http_proxy", f"http://acme:s3cret@{proxy.address}")
        status, _, _ = await client.ask(API + ASKED[0])
        assert (status, len(proxy.asked)) == (200, 1)
    _, _, sent = upstream.seen[-1]
    assert "Proxy-Authorization" not in sent


async def test_nothing_else_is_passed_on(client: Client, upstream: Upstream) -> None:
    for path in STRAY:
        status, _, _ = await client.ask(API + path)
        assert status == 404, path
    assert upstream.seen == []


async def test_a_method_of_another_kind_is_not_passed_on_whatever_a_header_says(
    client: Client, upstream: Upstream
) -> None:
    for method in ("PUT", "HEAD", "OPTIONS", "TRACE", "PURGE"):
        assert (await client.ask(f"{API}/experiments/search", method))[0] == 400
    assert upstream.seen == []
    await client.ask(f"{API}/experiments/search", X_HTTP_Method_Override="DELETE", X_Method_Override="PUT")
    method, _, sent = upstream.seen[0]
    assert method == "GET"
    assert not [name for name in sent if "override" in name.lower()]


async def test_no_path_of_an_artifact_leads_elsewhere(client: Client, upstream: Upstream) -> None:
    for artifact in STRAY_ARTIFACTS:
        for method, root in (("GET", FILES), ("PUT", FILES), ("POST", FILES), ("GET", FOLDERS)):
            status, _, _ = await client.ask(f"{root}/{artifact}", method)
            assert status in (400, 404), (method, root, artifact)
    assert upstream.seen == []


async def test_an_artifact_keeps_its_name_and_is_no_page_of_ours(client: Client, upstream: Upstream) -> None:
    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"<script>", content_type="text/html", headers={"Set-Cookie": "a=b"})

    upstream.answer = page
    status, headers, body = await client.ask(f"{FILES}/1/Runs/abc/artifacts/50%25%20%23%C3%A9.png")
    assert (status, body) == (200, b"<script>")
    assert headers["Content-Type"] == "application/octet-stream"
    assert "Set-Cookie" not in headers
    path = "/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/50%25%20%23%C3%A9.png"
    assert upstream.seen[0][1] == path
    assert (await client.ask(f"{FILES}/1/LoggedModels/m-1/MLmodel", "PUT", b"weights"))[0] == 200
    assert upstream.seen[1][:2] == ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/MLmodel")
    assert upstream.bodies[1] == b"weights"


async def test_a_packed_answer_is_not_unpacked(client: Client, upstream: Upstream) -> None:
    async def bomb(_request: web.Request) -> web.StreamResponse:
        packed = gzip.compress(b" " * (1 << 24))
        return web.Response(
            body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"}
        )

    upstream.answer = bomb
    for path in (f"{API}/experiments/search", f"{FILES}/1/Runs/a/x", f"{FOLDERS}/1/Runs/a/x"):
        status, _, body = await client.ask(path)
        assert status == 400
        assert b"compressed" in body
    assert {sent["Accept-Encoding"] for _, _, sent in upstream.seen} == {"identity"}


async def test_a_redirect_is_neither_followed_nor_handed_on(client: Client, upstream: Upstream) -> None:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        status = 301 + len(upstream.seen) % 8
        return web.Response(status=status, headers={"Location": "/api/2.0/mlflow/users/create"})

    upstream.answer = elsewhere
    paths = 3 * (f"{API}/experiments/search", f"{FILES}/1/Runs/a/x", f"{FOLDERS}/1/Runs/a/x")
    for path in paths:
        answered, headers, _ = await client.ask(path)
        assert answered == 400
        assert "Location" not in headers
    assert len(upstream.seen) == len(paths)


async def test_an_answer_that_is_no_json_is_not_shown(client: Client, upstream: Upstream) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        status = 404 if "runs" in request.path else 200
        return web.Response(text="<script>", content_type="text/html", status=status)

    upstream.answer = page
    for path, expected in ((f"{API}/experiments/search", 400), (f"{API}/runs/get", 404)):
        status, _, body = await client.ask(path)
        assert status == expected
        assert b"script" not in body


async def test_a_cookie_of_the_tracking_server_stays_with_nobody(client: Client, upstream: Upstream) -> None:
    for _ in range(2):
        await client.ask(f"{API}/experiments/search")
    assert "Cookie" not in upstream.seen[1][2]


async def test_a_file_that_ends_early_ends_the_connection(client: Client, upstream: Upstream) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.answer = half
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.ask(f"{FILES}/1/Runs/a/x")


@given(st.text(alphabet=st.sampled_from("ab/.%2fF5eE;\\?#@:~ -_\n"), max_size=40))
def test_whatever_is_let_through_stays_below_the_prefix(tail: str) -> None:
    """Also if a server in between unquotes once more."""
    try:
        path = api_path(f"{API}/experiments/{tail}")
    except NotFound:
        return
    for seen in (path, unquote(path)):
        segments = urlsplit(seen).path.split("/")
        assert seen.startswith(f"{API}/experiments/")
        assert not {"", ".", ".."} & set(segments[1:])
        assert urlsplit(seen).path == seen


@given(st.text(alphabet=st.sampled_from("ab/.%2fF5eE;\\?#@:~ -_é"), max_size=40))
def test_whatever_artifact_is_let_through_stays_below_the_artifacts(tail: str) -> None:
    try:
        path = artifact_url_path(artifact_path(f"1/Runs/abc/{tail}"))
    except (NotFound, UnsafePath):
        return
    root = "/api/2.0/mlflow-artifacts/artifacts/1/abc/"
    for seen in (path, unquote(path), unquote(unquote(path))):
        assert seen.startswith(root)
        assert not {"", ".", ".."} & set(seen.split("/")[1:])
    assert unquote(path) == f"{root}{tail}"
    assert urlsplit(path).path == path
