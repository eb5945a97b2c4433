"""Packs of small files: under the same grant as single ones, and one event for all of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.manifest import PACKED_FILE_BYTES, PACKED_FILES
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.securables import ModelVersion
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = "prod.ml_team.scorer"
FILES = {f"{n}.bin": bytes([n]) * (n * 100) for n in range(60)} | {"large.bin": bytes(PACKED_FILE_BYTES + 1)}


@pytest.fixture
async def version(admin: AdminClient, tmp_path: Path) -> ModelVersion:
    return await admin.register(write_model(tmp_path / "m", FILES), NAME)


@pytest.fixture
async def session(
    admin: AdminClient, version: ModelVersion, endpoint: str
) -> AsyncIterator[aiohttp.ClientSession]:
    code = await admin.share("acme", "globex", NAME)
    token = (await admin.activate(code, endpoint)).bearer_token
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def offered(session: aiohttp.ClientSession, endpoint: str) -> tuple[str, dict[str, str]]:
    """The URL of packs, and the digests of files by path."""
    url = f"{endpoint}/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
    async with session.post(url) as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
    return lines[1]["metaData"]["packUrl"], {
        line["file"]["path"]: line["file"]["sha256"] for line in lines[2:]
    }


async def ask(url: str, *digests: str) -> tuple[int, bytes]:
    """Without a token: the URL is the credential."""
    async with aiohttp.ClientSession() as session, session.post(url, json={"files": digests}) as answer:
        return answer.status, await answer.read()


async def test_files_come_in_the_order_they_were_asked_for_and_are_one_event(
    admin: AdminClient, session: aiohttp.ClientSession, endpoint: str
) -> None:
    url, digests = await offered(session, endpoint)
    paths = [path for path in reversed(FILES) if path != "large.bin"]
    status, body = await ask(url, *(digests[path] for path in paths))
    assert (status, body) == (200, b"".join(FILES[path] for path in paths))
    [event] = await admin.provider.audit.latest(admin.context, 10, action=AuditAction.GET_FILES)
    assert (event.target.name, event.target.share, event.target.recipient) == (
        f"{NAME}/1: 60 files",
        "acme",
        "globex",
    )
    assert event.outcome is Outcome.OK


async def test_what_cannot_be_packed_is_refused(session: aiohttp.ClientSession, endpoint: str) -> None:
    url, digests = await offered(session, endpoint)
    assert (await ask(url, digests["large.bin"]))[0] == 400
    assert (await ask(url, *[digests["1.bin"]] * (PACKED_FILES + 1)))[0] == 400
    assert (await ask(url, "0" * 64))[0] == 404
    assert (await ask(url, "../secrets.json"))[0] == 404
    assert await ask(url) == (200, b"")
    async with session.post(url, data=b"{") as answer:
        assert answer.status == 400


async def test_a_pack_ends_with_the_grant_and_is_of_its_own_version(
    admin: AdminClient, session: aiohttp.ClientSession, endpoint: str
) -> None:
    url, digests = await offered(session, endpoint)
    assert (await ask(url.replace("signature=", "signature=0"), digests["1.bin"]))[0] == 403
    async with aiohttp.ClientSession() as stranger, stranger.get(url) as answer:
        assert answer.status in (403, 404, 405)
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    assert (await ask(url, digests["1.bin"]))[0] == 403
    [event, *_] = await admin.provider.audit.latest(admin.context, 10, action=AuditAction.GET_FILES)
    assert event.outcome is Outcome.DENIED


async def test_a_file_that_is_gone_is_never_a_whole_answer(
    version: ModelVersion, session: aiohttp.ClientSession, endpoint: str, settings: Settings
) -> None:
    url, digests = await offered(session, endpoint)
    (settings.home / "artifacts" / version.storage_path / "30.bin").unlink()
    with pytest.raises(aiohttp.ClientError):
        await ask(url, *(digests[f"{n}.bin"] for n in range(60)))
