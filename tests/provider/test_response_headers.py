"""The head of every answer: nothing to guess at in the body, and no version of what made it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request

from model_sharing_provider.http.compression import compressed_page
from support.admin_client import AdminClient
from support.model_folder import write_model

STRAY = ("/", "/nothing", "/health/x", "/api/2.0/mlflow", "/api/9.9/x", "/delta-sharing", "/artifacts/x")


async def heads(server: TestServer, token: str) -> dict[tuple[str, str], aiohttp.ClientResponse]:
    """Heads of responses on every route that the application has, and on some that it has not."""
    routes = [
        (method, re.sub(r"\{[^}]*\}", "1", route.resource.canonical))
        for resource in server.app.router.resources()
        for route in resource
        if route.resource is not None
        for method in (("GET", "POST", "PUT") if route.method == "*" else (route.method,))
    ]
    routes += [(method, path) for path in STRAY for method in ("GET", "POST", "HEAD", "OPTIONS", "TRACE")]
    answers = {}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as client:
        for method, path in routes:
            async with client.request(method, server.make_url(path)) as answer:
                answers[method, path] = answer
    return answers


def check(answer: aiohttp.ClientResponse) -> None:
    assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.getall("Server") == ["model-sharing"]


async def test_every_route_answers_with_the_same_head(server: TestServer, provider_home: Path) -> None:
    for token in ("", (provider_home / "admin.token").read_text()):
        answers = await heads(server, token)
        assert len(answers) > 100
        for asked, answer in answers.items():
            assert answer.status != 500, asked
            check(answer)


async def test_so_do_files_whole_and_in_ranges(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m", {"weights.bin": b"x" * 600_000}), "prod.ml_team.scorer")
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    file = "/Models/prod/ml_team/scorer/1/weights.bin"
    async with aiohttp.ClientSession(server.make_url(""), headers=headers) as client:
        signed = await client.post("/api/2.0/fs/create-download-url", json={"path": file})
        for url in ((await signed.json())["url"], f"/api/2.0/fs/files{file}"):
            for asked, status in (("bytes=0-", 200), ("bytes=5-9", 206), ("bytes=9999999-", 416)):
                async with client.get(url, headers={"Range": asked}) as got:
                    assert got.status == status
                    check(got)


async def test_a_401_says_how_to_authenticate_and_a_405_which_methods_there_are(
    server: TestServer, provider_home: Path
) -> None:
    token = (provider_home / "admin.token").read_text()
    async with aiohttp.ClientSession(server.make_url("")) as client:
        for path in (
            "/delta-sharing/shares",
            "/api/2.1/unity-catalog/catalogs",
            "/api/2.0/fs/files/Models/a",
        ):
            async with client.get(path) as refused:
                assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), path
        async with client.get("/explorer/catalogs") as page:
            assert (
                page.status == 401 and "WWW-Authenticate" not in page.headers
            )  # a browser signs in by a form
        headers = {"Authorization": f"Bearer {token}"}
        async with client.delete("/api/2.1/unity-catalog/catalogs", headers=headers) as refused:
            assert (refused.status, refused.headers["Allow"]) == (400, "GET, HEAD, POST")


async def test_recipients_get_a_405_and_pages_as_small_as_they_like(
    admin: AdminClient, server: TestServer, endpoint: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    for number in range(12):
        await admin.register(folder, f"prod.ml_team.scorer{number}")
    names = [f"prod.ml_team.scorer{number}" for number in range(12)]
    profile = await admin.activate(await admin.share("acme", "globex", *names), endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    listing, version = f"{endpoint}/shares/acme/all-models", "schemas/ml_team/models/scorer1/versions/1"
    async with aiohttp.ClientSession(headers=headers, auto_decompress=False) as client:
        async with client.delete(f"{endpoint}/shares") as refused:
            assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
            assert (await refused.json())["errorCode"] == "UNSUPPORTED_OPERATION"

        async def body(url: str, accepted: str, method: str = "GET") -> tuple[str, bytes]:
            sent = {"Accept-Encoding": accepted}
            async with client.request(method, url, headers=sent) as answer:
                assert answer.status == 200
                return answer.headers.get("Content-Encoding", ""), await answer.read()

        _, plain = await body(listing, "identity")
        for accepted in ("gzip", "br;q=1, GZIP;q=0.5", "deflate, gzip"):
            encoding, packed = await body(listing, accepted)
            assert (encoding, gzip.decompress(packed)) == ("gzip", plain), accepted
            assert len(packed) < len(plain) / 3
        for accepted in ("", "deflate", "gzip;q=0", "gzip; q=0.000", "gzipped", "*;q=0"):
            assert await body(listing, accepted) == ("", plain), accepted
        # Signed URLs are secrets.
        assert (await body(f"{endpoint}/shares/acme/{version}/query", "gzip", "POST"))[0] == ""


PAGE = b'{"items": ["' + b"x" * 2000 + b'"]}'


@pytest.mark.parametrize(
    ("method", "status", "headers", "compressed"),
    [
        ("GET", 200, {}, True),
        ("POST", 200, {}, False),
        ("GET", 404, {}, False),
        ("GET", 200, {"ETag": '"of the plain bytes"'}, False),
        ("GET", 200, {"Cache-Control": "no-store"}, False),
        ("GET", 200, {"Content-Disposition": "attachment"}, False),
        ("GET", 200, {"Content-Type": "text/html"}, False),
    ],
)
def test_only_pages_of_a_listing_are_compressed(
    method: str, status: int, headers: dict[str, str], *, compressed: bool
) -> None:
    request = make_mocked_request(method, "/", headers={"Accept-Encoding": "gzip"})
    plain = {"Content-Type": "application/json; charset=utf-8"} | headers
    answer = compressed_page(request, web.Response(body=PAGE, status=status, headers=plain))
    assert (answer.compression, "Vary" in answer.headers) == (compressed, compressed)
    small = compressed_page(request, web.Response(body=b"{}", headers=plain))
    assert not small.compression
