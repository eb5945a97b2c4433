"""Each request has an id: the caller's own if it is a sane one, on every answer and in the audit log."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.open_sharing import PREFIX
from support.admin_client import AdminClient
from support.model_folder import write_model

HEADER = "X-Request-Id"
VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"


async def test_one_that_is_sane_is_kept_on_every_kind_of_answer(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m", {"big": os.urandom(3_000_000), "small": b"1"})
    await admin.register(folder, "prod.ml_team.scorer")
    token = (
        await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    ).bearer_token
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        ours = {HEADER: "01HZX-trace.7_b"}
        async with session.post(f"{endpoint}{VERSION}/query", headers=ours) as answer:
            assert answer.headers[HEADER] == ours[HEADER]
            urls = [json.loads(line)["file"]["url"] for line in (await answer.read()).splitlines()[2:]]
        for method, url, status in (
            *(("GET", url, 200) for url in urls),
            ("HEAD", urls[0], 200),
            ("GET", f"{urls[0]}0", 403),
            ("GET", f"{endpoint}/shares/secret", 404),
            ("GET", f"{endpoint}/nothing", 404),
            ("GET", endpoint.removesuffix(PREFIX) + "/ready", 200),
        ):
            async with session.request(method, url, headers=ours) as answer:
                assert (answer.status, answer.headers[HEADER]) == (status, ours[HEADER])
    for event in await admin.provider.audit.latest(admin.context, 5):
        assert event.caller.request_id == ours[HEADER]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ümlaut", 'a"}{"level":"error'])
async def test_any_other_is_replaced(admin: AdminClient, endpoint: str, given: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{endpoint}/shares", headers={HEADER: given}) as answer,
    ):
        assert re.fullmatch("[0-9a-f]{32}", answer.headers[HEADER])
        (event,) = await admin.provider.audit.latest(admin.context, 1)
        assert event.caller.request_id == answer.headers[HEADER]
