"""Whatever somebody with a session sends to any page or form: never a failure of ours."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from aiohttp.test_utils import TestServer
from yarl import URL

from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.model_folder import write_model

_IN_PATHS = [
    *[
        "..",
        "../..",
        "....//",
        "/etc/passwd",
        "C:\\x",
        "a\0b",
        "\r\nX: y",
        "\u202e",
        "日本",
        "'",
        '"',
        "%",
        "*",
    ],
    *[
        "' OR 1=1 --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "-1",
        "0",
        "1",
        "9" * 30,
        "x" * 300,
        " ",
        "a.b.c",
    ],
    *["a.b", "prod.ml_team.scorer", "acme", "globex", "admin", "\ud7ff\uffff"],
]
_BROKEN = ["%ff", "%ed%a0%80", "%2e%2e", "%252e%252e%252f", "%00"]
_IN_FIELDS = [
    "",
    "x" * 5000,
    "\u202e\x07\x1b[2J",
    "<script>alert(1)</script>",
    "-1",
    "9" * 40,
    "1e9",
    "{}",
    "日本",
]
_PLACE = re.compile(r"{(\w+)[^}]*}")


async def test_no_path_and_no_form_makes_a_page_fail(
    admin: AdminClient, server: TestServer, explorer: ExplorerClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    await admin.share("acme", "globex", "prod.ml_team.scorer")
    page = await explorer.open("/explorer/catalogs")
    csrf = str(page.soup.find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    assert server.app is not None
    routes = {
        (route.method, route.resource.canonical)
        for resource in server.app.router.resources()
        for route in resource
        if route.resource is not None and route.resource.canonical.startswith("/explorer")
    }
    tried = 0
    for method, template in sorted(routes):
        if method == "HEAD" or template.endswith("/sign-out"):
            continue
        places = [quote(each, safe="") for each in _IN_PATHS] + _BROKEN if "{" in template else [""]
        for number, place in enumerate(places):
            path = _PLACE.sub(place, template)
            await send(explorer, method, path, csrf, _IN_FIELDS[number % len(_IN_FIELDS)])
            tried += 1
    assert tried > 300


async def send(explorer: ExplorerClient, method: str, path: str, csrf: str, text: str) -> None:
    query = dict.fromkeys(("page", "q", "base", "with", "path", "since", "action", "done", "next"), text)
    url = URL(f"{str(explorer.base).rstrip('/')}{path}", encoded=True)
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": csrf}
    names = (
        "name",
        "comment",
        "owner",
        "alias",
        "version",
        "key",
        "value",
        "principal",
        "privilege",
        "token",
    )
    fields = dict.fromkeys(names, text) if method == "POST" else None
    async with explorer.session.request(
        method, url.update_query(query) if method == "GET" else url, data=fields, headers=headers,
        allow_redirects=False,
    ) as answer:  # fmt: skip
        assert answer.status < 500, (method, path, text)
        assert b"<script>alert" not in await answer.read()
