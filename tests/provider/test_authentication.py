"""Every route of every face, asked by people who are nobody: only those listed here answer them.

The routes are read off the application: one that is added is tried too. What a recipient may see of which
share is `test_access_matrix`; who of the metastore's own may do what, `test_privileges`.
"""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.open_sharing import PREFIX as OPEN_SHARING
from model_sharing_protocol.unity_catalog import PREFIX as UNITY_CATALOG
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.http.urls import ACTIVATION_PAGE_PATH, ACTIVATION_PREFIX, FILES_PREFIX
from support.admin_client import AdminClient
from support.principals import create_user
from support.seeded_provider import known, seed

# What may be asked without a token, or with a secret of another kind in the URL.
OPEN = {
    "/",
    "/health",
    "/ready",
    "/.well-known/databricks-config",
    "/explorer/sign-in",
    "/explorer/sign-in/begin",
    "/explorer/sign-in/callback",
    "/explorer/static/{name}",
}
DESCRIPTIONS = "/openapi/"
_PLACE = re.compile(r"{(\w+)[^}]*}")
BY_URL = (ACTIVATION_PAGE_PATH, ACTIVATION_PREFIX, FILES_PREFIX)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No limit on failures: every route is tried by each stranger, all from one address."""
    return replace(settings, max_failures=0)


@pytest.fixture
async def strangers(admin: AdminClient, tmp_path: Path) -> dict[str, str]:
    """Authorization headers of people who may do nothing here, by why."""
    recipient = await seed(admin, tmp_path / "m")
    ana = await create_user(admin, "ana")
    _, brief = await admin.provider.principals.create_token(
        admin.context, "ana", lifetime=timedelta(milliseconds=1)
    )
    token_id = (await ana.context()).caller.principal.token_id
    await admin.provider.principals.delete_token(admin.context, "ana", token_id)
    return {
        "nobody": "",
        "no token": "Bearer",
        "another scheme": "Basic YWRtaW46YWRtaW4=",
        "garbage": "Bearer garbage",
        "unknown": f"Bearer {new_token()}",
        "expired": f"Bearer {brief}",
        "revoked": f"Bearer {ana.token}",
        "a recipient": f"Bearer {recipient}",
    }


def routes(server: TestServer) -> set[tuple[str, str]]:
    assert server.app is not None
    return {
        ("POST" if route.method == "*" else route.method, route.resource.canonical)
        for resource in server.app.router.resources()
        for route in resource
        if route.resource is not None
    }


async def test_who_is_nobody_gets_no_answer_from_any_route(
    server: TestServer, strangers: dict[str, str]
) -> None:
    tried = 0
    async with aiohttp.ClientSession() as session:
        for method, template in sorted(routes(server)):
            if template in OPEN or template.startswith(DESCRIPTIONS):
                continue
            path = _PLACE.sub(lambda place: quote(str([*known(place[1], place.string), 1][0])), template)
            for why, header in strangers.items():
                if template.startswith((OPEN_SHARING, "/hf/{share}")) and why == "a recipient":
                    continue
                headers = {"Authorization": header} if header else {}
                url = URL(str(server.make_url("/")).rstrip("/") + path, encoded=True)
                async with session.request(method, url, headers=headers) as answer:
                    expected = {400, 403, 404, 410} if template.startswith(BY_URL) else {401}
                    assert answer.status in expected, (method, template, why, answer.status)
                    tried += 1
    assert tried > 500


async def test_a_compressed_bomb_is_not_unpacked(server: TestServer, provider_home: Path) -> None:
    """A megabyte on the wire that would be a gigabyte of JSON."""
    bomb = gzip.compress(b'{"comment": "' + b"x" * 2**28 + b'"}', compresslevel=1)
    headers = {
        "Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}",
        "Content-Encoding": "gzip",
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in (f"{UNITY_CATALOG}/catalogs", "/api/2.0/mlflow/unity-catalog/registered-models/create"):
            async with session.post(server.make_url(path), data=io.BytesIO(bomb)) as answer:
                assert answer.status == 415
                assert "Content-Encoding" in (await answer.json())["message"]
