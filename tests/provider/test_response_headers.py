"""The head of every answer: nothing to guess at in the body, and no version of what made it."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

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
