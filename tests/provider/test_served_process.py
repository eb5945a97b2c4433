"""A real server process: what its log says when things break, and what it has kept when it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from support import Desk, write_model

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.rest.activation import ACTIVATION_PATH

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")


@asynccontextmanager
async def served(home: Path, log: Path) -> AsyncIterator[str]:
    """`model-sharing-provider serve` on a home, writing all it says to `log`; killed at the end. Its URL."""
    (home / "server.url").unlink(missing_ok=True)
    environment = {**os.environ, "MODEL_SHARING_PROVIDER_HOME": str(home), "MODEL_SHARING_LOG": "debug"}
    with log.open("wb") as output:
        server = await asyncio.create_subprocess_exec(
            PROGRAM, "serve", "--port", "0", env=environment, stdout=output, stderr=output
        )
        try:
            while not (home / "server.url").exists():
                assert server.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
            yield (home / "server.url").read_text()
        finally:
            server.kill()
            await server.wait()


async def get(url: str, token: str = "") -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        return answer.status, await answer.read()


async def test_no_secret_is_in_the_log_even_when_the_database_breaks(
    desk: Desk, provider_home: Path, tmp_path: Path
) -> None:
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await desk.share("acme", "globex", "prod.ml_team.scorer")
    log = tmp_path / "log"
    stranger = new_token()
    async with served(provider_home, log) as url:
        status, body = await get(f"{url}{ACTIVATION_PATH}/{code}")
        assert status == 200
        token = json.loads(body)["bearerToken"]
        assert (await get(f"{url}{PREFIX}/shares", token))[0] == 200
        assert (await get(f"{url}{PREFIX}/shares", stranger))[0] == 401
        damaged = sqlite3.connect(provider_home / "metastore.db")
        damaged.execute("ALTER TABLE recipient_tokens RENAME TO lost")
        damaged.close()
        for path in (f"{PREFIX}/shares", f"{ACTIVATION_PATH}/{code}"):
            status, body = await get(url + path, token)
            assert (status, json.loads(body)) == (500, {"errorCode": "INTERNAL_ERROR", "message": ""})
    said = log.read_text()
    assert "Traceback" in said
    assert "no such table" in said
    keys = [word for word in (provider_home / "secrets.json").read_text().split('"') if len(word) == 64]
    administrator = (provider_home / "admin.token").read_text()
    for secret in (token, code, stranger, administrator, *keys):
        assert secret not in said


async def test_what_was_answered_was_recorded_even_if_the_server_dies_that_moment(
    desk: Desk, provider_home: Path, tmp_path: Path
) -> None:
    token = (await desk.activate(await desk.share("acme", "globex"), "http://x")).bearer_token
    answered = 0
    for attempt in range(3):
        async with served(provider_home, tmp_path / f"log{attempt}") as url:
            for _ in range(attempt + 1):
                assert (await get(f"{url}{PREFIX}/shares/acme", token))[0] == 200
                assert (await get(f"{url}{PREFIX}/shares/secret", token))[0] == 404
                answered += 1
    recorded = await desk.provider.audit.latest(desk.context, 1000, recipient="globex")
    outcomes = [event.outcome.value for event in recorded if event.action == "deltaSharingGetShare"]
    assert (outcomes.count("OK"), outcomes.count("DENIED")) == (answered, answered)
