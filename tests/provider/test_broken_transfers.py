"""Transfers that must not go on: a reader that stands still after a revocation, and damaged storage."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.http import file_responses
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE

STANDS_STILL_SECONDS = file_responses._WRITE_TIMEOUT_SECONDS / 2
"""Much shorter than a reader may stand still."""
BIG = os.urandom(24 * 1024 * 1024)
QUERY = "/shares/acme/schemas/ml_team/models/scorer/versions/1/query"


@pytest.fixture
async def session(admin: AdminClient, endpoint: str, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """globex at work on a share with one model of a big and a small file."""
    folder = write_model(tmp_path / "m", {"big": BIG, "small": b"0123456789"})
    await admin.register(folder, "prod.ml_team.scorer")
    code = await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    profile = await admin.activate(code, endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as opened:
        yield opened


async def urls(session: aiohttp.ClientSession, endpoint: str) -> dict[str, str]:
    async with session.post(endpoint + QUERY) as answer:
        lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    return {line["file"]["path"]: line["file"]["url"] for line in lines[2:]}


async def test_a_reader_that_stands_still_is_cut_within_seconds_of_a_revocation(
    admin: AdminClient, endpoint: str, session: aiohttp.ClientSession
) -> None:
    """The server sees no byte go out, so that it cannot wait for the next one to look at the grant."""
    url = URL((await urls(session, endpoint))["big"])
    loop = asyncio.get_running_loop()
    with socket.socket() as reader:
        reader.setblocking(False)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        await loop.sock_connect(reader, (url.host, url.port))
        await loop.sock_sendall(reader, f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = len(await loop.sock_recv(reader, 1000))
        await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
        revoked = time.monotonic()
        while not (cut := await admin.provider.audit.latest(admin.context, 1, outcome="DENIED")):
            assert time.monotonic() - revoked < STANDS_STILL_SECONDS
            await asyncio.sleep(0.1)
        while piece := await asyncio.wait_for(_receive(reader), STANDS_STILL_SECONDS):
            received += len(piece)
    assert received < len(BIG) / 2
    assert (cut[0].target.share, cut[0].target.recipient) == ("acme", "globex")
    assert cut[0].target.name == "prod.ml_team.scorer/1:big"


async def _receive(reader: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(reader, 1 << 20)
    except ConnectionError:
        return b""


async def test_a_stored_file_that_is_too_short_ends_the_transfer_at_once(
    endpoint: str, session: aiohttp.ClientSession, provider_home: Path
) -> None:
    """The answer breaks off: no second status line in the middle of the bytes, and nobody left waiting."""
    url = (await urls(session, endpoint))["big"]
    (stored,) = (path for path in (provider_home / "artifacts").rglob("big"))
    os.truncate(stored, 9_000_000)
    received = b""
    async with session.get(url) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            async for piece in answer.content.iter_any():
                received += piece
    assert received == BIG[: len(received)]


async def test_a_stored_file_that_is_gone_is_never_a_whole_answer(
    endpoint: str, session: aiohttp.ClientSession, provider_home: Path
) -> None:
    known = await urls(session, endpoint)
    for path in (provider_home / "artifacts").rglob("*l"):
        if path.name in ("big", "small"):
            path.unlink()
    (big,) = (provider_home / "artifacts").rglob("big")
    big.unlink()
    async with session.get(known["small"]) as answer:
        assert (answer.status, (await answer.json())["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    with pytest.raises(aiohttp.ClientError):
        async with session.get(known["big"]) as answer:
            await answer.read()


async def test_a_denied_url_is_recorded_with_the_recipient_it_was_given_to(
    admin: AdminClient, endpoint: str, session: aiohttp.ClientSession
) -> None:
    known = await urls(session, endpoint)
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    async with session.get(known["small"]) as answer:
        assert answer.status == 403
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert (event.action, event.outcome, event.target.recipient) == (
        AuditAction.GET_FILE,
        Outcome.DENIED,
        "globex",
    )


async def test_urls_of_a_model_end_when_another_takes_its_place_in_the_share(
    admin: AdminClient, endpoint: str, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    known = await urls(session, endpoint)
    await admin.register(write_model(tmp_path / "other"), "prod.other.scorer")
    shares = admin.provider.shares
    await shares.add_model(admin.context, "acme", FullName.parse("prod.other.scorer"))
    async with session.get(known["small"]) as answer:
        assert answer.status == 200, "an addition beside it changes nothing"
    await shares.remove(admin.context, "acme", "other.scorer")
    known = await urls(session, endpoint)
    shown_as = SharedName.parse("ml_team.scorer")
    await shares.add_model(admin.context, "acme", FullName.parse("prod.other.scorer"), shown_as)
    async with session.get(known["small"]) as answer:
        assert answer.status == 403
