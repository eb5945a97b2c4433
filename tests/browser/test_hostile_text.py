"""Text of others on every page, in a real browser: none of it runs, loads or leaves its place."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Dialog, Request

from model_sharing_protocol.open_sharing import PREFIX
from support.admin_client import AdminClient
from support.browser import Person, Windows
from support.explorer_client import ExplorerClient
from support.explorer_metastore import fill
from support.explorer_pages import some_of_each_route
from support.hostile_input.hostile_metastore import fill_hostile
from support.hostile_input.stored_text import store_everywhere
from support.hostile_input.web_text import HOSTILE_LINE, HOSTILE_TEXT, OWNED

_LEFT_ITS_PLACE = """() => [...document.querySelectorAll(
  "iframe, base, object, embed, dialog, meta[http-equiv], style, script:not([src]), " +
  "a[href^='javascript' i], a[href^='data' i], a[href^='vbscript' i], a[href^='file' i], a[href^='//'], " +
  "form[action^='http'], img[src^='http'], link[href^='http'], [hx-get^='http'], [onerror], [onload], " +
  "[onfocus], [onclick], [ontoggle], [onmouseover], [srcdoc], a[target]"
)].map((each) => each.outerHTML.slice(0, 200))"""
_OPEN_ALL = "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"


@pytest.mark.parametrize("stored", ["by the services", "by anybody"])
async def test_nothing_of_it_runs_or_is_loaded(
    windows: Windows,
    admin: AdminClient,
    server: TestServer,
    explorer: ExplorerClient,
    provider_home: Path,
    tmp_path: Path,
    stored: str,
) -> None:
    if stored == "by the services":
        made = await fill_hostile(admin, tmp_path)
        await _call(server, made.recipient)
        code = made.activation_code
    else:
        code = (await fill(admin, tmp_path)).activation_code
        store_everywhere(provider_home / "metastore.db", HOSTILE_TEXT)
    starts = ("/explorer/search?q=script", f"/explorer/activate/{code}")
    paths = await some_of_each_route(server, explorer, *starts)
    person = await windows.new(viewport={"width": 1200, "height": 900})
    events = _watch(person)
    await person.sign_in((provider_home / "admin.token").read_text())
    problems = []
    for path in paths:
        await person.open(path)
        await person.page.evaluate(_OPEN_ALL)
        if await person.page.evaluate(OWNED):
            problems.append(f"{path}: a script ran")
        problems += [f"{path}: {each}" for each in await person.page.evaluate(_LEFT_ITS_PLACE)]
        problems += [f"{path}: {each}" for each in events]
        events.clear()
    assert not problems, "\n".join(problems)


def _watch(person: Person) -> list[str]:
    """Dialogs that open, and requests to other hosts, as they happen."""
    events: list[str] = []

    def ask(dialog: Dialog) -> None:
        events.append(f"a dialog: {dialog.message}")

    def send(request: Request) -> None:
        if not request.url.startswith(f"{person.base}/"):
            events.append(f"a request: {request.url}")

    person.page.on("dialog", ask)
    person.page.on("request", send)
    return events


async def _call(server: TestServer, token: str) -> None:
    """What strangers can put into logs: refused calls with hostile headers, paths and addresses."""
    line = HOSTILE_LINE.encode("ascii", "ignore").decode()[:900]
    headers = {"User-Agent": line, "X-Request-Id": line[:100], "X-Forwarded-For": line, "Referer": line}
    async with aiohttp.ClientSession(headers=headers) as session:
        for secret in (token, "wrong", line[:100]):
            for path in ("shares", "shares/a%22%3E%3Cscript%3E/schemas"):
                url = server.make_url(f"{PREFIX}/{path}")
                async with session.get(url, headers={"Authorization": f"Bearer {secret}"}) as answer:
                    await answer.read()
