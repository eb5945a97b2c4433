"""Whatever stands in a place of a path, on every route of every face: never served, never a fault of ours."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.open_sharing import PREFIX
from support.admin_client import AdminClient
from support.model_folder import write_model

PAYLOADS = [
    *["..", ".", "../..", "../../../../etc/passwd", "..\\..\\windows", "....//", "..;/", "/etc/passwd"],
    *["C:\\x", "\\\\host\\share", "file:///etc/passwd", "~root", "a\0b", "\0", "\r\nX: y", "\u202e", "日本"],
    *["'", '"', "' OR 1=1 --", "%", "*", "?", "#", "1;x", "${x}", "-1", "1e9", "9" * 30, "x" * 256, " "],
]
BROKEN = ["%ff", "%ed%a0%80", "%2e%2e", "%252e%252e%252f", "..%c0%af", "%00"]
GOOD = {
    "share": "acme",
    "schema": "ml_team",
    "model": "scorer",
    "version": "1",
    "alias": "champion",
    "table": "models",
    "namespace": "ml_team",
    "name": "scorer",
    "revision": "1",
    "path": "MLmodel",
}
OF_RECIPIENTS = (PREFIX, "/hf/{share}")
FOLDER = "/tree/{revision}/{path}"
REFUSED = ("/create", "/move", "/delete", "/preupload/{revision}", "/commit/{revision}")


async def test_no_place_of_any_path_lets_anything_through(
    admin: AdminClient, server: TestServer, endpoint: str, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(
        write_model(tmp_path / "m", {"data/model.pkl": b"weights"}), "prod.ml_team.scorer", "Champion"
    )
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    administrator = (provider_home / "admin.token").read_text()
    assert server.app is not None
    routes = {
        (route.method, route.resource.canonical)
        for resource in server.app.router.resources()
        for route in resource
        if route.resource is not None and route.method != "HEAD" and "{" in route.resource.canonical
    }
    written = [quote(payload, safe="") for payload in PAYLOADS] + BROKEN
    origin = str(URL(endpoint).origin()).rstrip("/")
    reached = set()
    tried = 0
    async with aiohttp.ClientSession() as session:
        for method, template in sorted(routes):
            of_recipient = template.startswith(OF_RECIPIENTS)
            token = profile.bearer_token if of_recipient else administrator
            headers = {"Authorization": f"Bearer {token}"}
            places = re.findall(r"{(\w+)}", template)
            good = {place: GOOD.get(place, "x") for place in places}
            if template.endswith(FOLDER):
                good["path"] = "data"
            if "table" in places:
                good["schema"] = "information_schema"
            if of_recipient and not template.endswith(REFUSED) and not {"volume", "skill"} & set(places):
                url = origin + template.format(**good)
                async with session.request(method, url, headers=headers) as answer:
                    reached.add(answer.status)
            for place in places:
                for payload in written:
                    url = origin + template.format(**good | {place: payload})
                    async with session.request(
                        method, URL(url, encoded=True), headers=headers, json={}
                    ) as answer:
                        assert 400 <= answer.status < 500, (method, url, answer.status)
                    tried += 1
    assert tried > 1000
    assert reached == {200, 400}, (
        "the same paths with good places are answered (credentials are not to be had)"
    )


async def test_a_header_that_is_no_text_is_a_stranger(endpoint: str) -> None:
    async with aiohttp.ClientSession() as session:
        for value in (
            "Bearer msh_\udcff" + "x" * 48,
            "Bearer " + "é" * 53,
            "Basic eDp5",
            "Bearer",
            "x" * 5000,
        ):
            async with session.get(f"{endpoint}/shares", headers={"Authorization": value}) as answer:
                assert answer.status == 401
