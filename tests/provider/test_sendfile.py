"""Large files on the local disk, which the kernel sends."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.http_writer import StreamWriter
from aiohttp.test_utils import TestServer

from model_sharing_provider.http import sendfile
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE

BIG = os.urandom(5 * sendfile.SLICE_BYTES + 123)
SMALL = b"0123456789"
QUERY = "/shares/acme/schemas/ml_team/models/scorer/versions/1/query"


@pytest.fixture
async def urls(admin: AdminClient, endpoint: str, tmp_path: Path) -> dict[str, str]:
    """Signed URLs of globex for a big and a small file, by path."""
    folder = write_model(tmp_path / "m", {"big": BIG, "small": SMALL})
    await admin.register(folder, "prod.ml_team.scorer")
    code = await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    profile = await admin.activate(code, endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(endpoint + QUERY) as answer:
        lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    return {line["file"]["path"]: line["file"]["url"] for line in lines[2:]}


async def test_the_kernel_sends_large_files_and_ranges_and_the_connection_goes_on(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []

    def watched(out: int, file: int, position: int, count: int) -> int:
        moved.append(sent := real(out, file, position, count))
        return sent

    real = os.sendfile
    monkeypatch.setattr(os, "sendfile", watched)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    one_connection = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(timeout=timeout, connector=one_connection) as session:
        for _ in range(2):
            async with session.get(urls["big"]) as answer:
                assert await answer.read() == BIG
            async with session.get(urls["small"]) as answer:
                assert await answer.read() == SMALL
        async with session.get(urls["big"], headers={"Range": "bytes=7-2000006"}) as answer:
            assert (answer.status, await answer.read()) == (206, BIG[7:2_000_007])
    assert sum(moved) == 2 * len(BIG) + 2_000_000


async def test_nothing_leaves_after_a_revocation_though_a_slow_disk_still_answers(
    admin: AdminClient, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call to the kernel cannot be taken back: its socket is shut down, whatever it reads by then."""
    asked, answers = threading.Event(), threading.Event()
    moved: list[int] = []

    def slow(out: int, file: int, position: int, count: int) -> int:
        asked.set()
        answers.wait(PATIENCE)
        moved.append(real(out, file, position, count))
        return moved[-1]

    real = os.sendfile
    monkeypatch.setattr(os, "sendfile", slow)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session,
        session.get(urls["big"]) as answer,
    ):
        await asyncio.to_thread(asked.wait, PATIENCE)
        await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        assert not answers.is_set(), "the reader heard of it while the disk was still being waited for"
        answers.set()
    assert not moved or sum(moved) == 0


async def test_the_file_follows_all_that_was_written_before_it(tmp_path: Path) -> None:
    """Though the connection takes little at once, so that most of it is not in the kernel yet."""
    before, content = os.urandom(2 * 1024 * 1024), os.urandom(1024 * 1024)
    (tmp_path / "file").write_bytes(content)

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        response = web.StreamResponse(headers={"Content-Length": str(len(before) + len(content))})
        head = await response.prepare(request)
        assert isinstance(head, StreamWriter)
        await head.write(before, drain=False)
        with (tmp_path / "file").open("rb", buffering=0) as file:
            span = (0, len(content))
            await sendfile.send_range(request, head, file, span, sent=lambda _: None, seconds=PATIENCE)
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        received = await asyncio.to_thread(_get, server.port)
    assert received.partition(b"\r\n\r\n")[2] == before + content


def _get(port: int | None) -> bytes:
    with socket.create_connection(("127.0.0.1", port or 0), PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = bytearray()
        while data := client.recv(65536):
            received += data
    return bytes(received)
