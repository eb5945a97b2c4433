"""A real server process: what its log says when things break, and what it has kept when it is killed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.http.urls import ACTIVATION_PATH
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.provider import ProviderProcess


async def get(url: str, token: str = "", method: str = "GET") -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        return answer.status, await answer.read()


async def test_no_secret_is_in_the_log_even_when_the_database_breaks(
    admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    log = tmp_path / "log"
    stranger = new_token()
    with ProviderProcess(provider_home, log=log) as server:
        status, body = await get(f"{server.url}{ACTIVATION_PATH}/{code}")
        assert status == 200
        token = json.loads(body)["bearerToken"]
        assert (await get(f"{server.url}{PREFIX}/shares", token))[0] == 200
        assert (await get(f"{server.url}{PREFIX}/shares", stranger))[0] == 401
        query = f"{PREFIX}/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
        status, body = await get(server.url + query, token, "POST")
        urls = [json.loads(line)["file"]["url"] for line in body.splitlines()[2:]]
        signatures = [parse_qs(urlsplit(url).query)["signature"][0] for url in urls]
        assert [(await get(url))[0] for url in urls] == [200] * len(urls)
        assert (await get(urls[0].replace("expires=", "expires=1")))[0] == 403
        damaged = sqlite3.connect(provider_home / "metastore.db")
        for table in ("recipient_tokens", "shares"):
            damaged.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")
        damaged.close()
        for path in (f"{PREFIX}/shares", f"{ACTIVATION_PATH}/{code}"):
            status, body = await get(server.url + path, token)
            assert (status, json.loads(body)) == (500, {"errorCode": "INTERNAL_ERROR", "message": ""})
    said = log.read_text()
    assert "Traceback" in said
    assert "no such table" in said
    keys = [word for word in (provider_home / "secrets.json").read_text().split('"') if len(word) == 64]
    administrator = (provider_home / "admin.token").read_text()
    for secret in (token, code, stranger, administrator, *keys, *signatures):
        assert secret not in said


async def test_what_was_answered_was_recorded_even_if_the_server_dies_that_moment(
    admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    token = (await admin.activate(await admin.share("acme", "globex"), "http://x")).bearer_token
    answered = 0
    for attempt in range(3):
        with ProviderProcess(provider_home) as server:
            for _ in range(attempt + 1):
                assert (await get(f"{server.url}{PREFIX}/shares/acme", token))[0] == 200
                assert (await get(f"{server.url}{PREFIX}/shares/secret", token))[0] == 404
                answered += 1
    recorded = await admin.provider.audit.latest(admin.context, 1000, recipient="globex")
    outcomes = [
        event.outcome.value for event in recorded if event.action == AuditAction.DELTA_SHARING_GET_SHARE
    ]
    assert (outcomes.count("OK"), outcomes.count("DENIED")) == (answered, answered)
