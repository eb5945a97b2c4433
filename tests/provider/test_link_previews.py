"""A GET of an activation link by whatever opens links: only programs that ask for data use it up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.pytest_plugin import AiohttpServer
from yarl import URL

from model_sharing_protocol.profile import parse_profile
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.urls import ACTIVATION_PAGE_PATH, ACTIVATION_PATH
from support.admin_client import AdminClient
from support.link_openers import BROWSERS, PREVIEWS, PROGRAMS, Headers

_NOBODY = ["User-Agent", "Accept", "Accept-Encoding"]


@dataclass(frozen=True, slots=True)
class Link:
    """Unused activation link of a server, with the explorer or without."""

    admin: AdminClient
    session: aiohttp.ClientSession
    base: URL
    code: str
    ui: bool

    async def open(self, path: str, headers: Headers, method: str = "GET") -> aiohttp.ClientResponse:
        """Answer to exactly these headers, without following a redirect."""
        url = self.base.join(URL(f"{path}/{self.code}"))
        answer = await self.session.request(
            method, url, headers=headers, skip_auto_headers=_NOBODY, allow_redirects=False
        )
        await answer.read()
        return answer

    async def used(self) -> bool:
        recipient, _ = await self.admin.provider.recipients.get(self.admin.context, "globex")
        return recipient.activated


@pytest.fixture(params=[True, False], ids=["explorer", "no-explorer"])
async def link(admin: AdminClient, aiohttp_server: AiohttpServer, request: Any) -> AsyncIterator[Link]:
    server = await aiohttp_server(make_app(admin.provider, ui=request.param))
    code = await admin.share("acme", "globex")
    async with aiohttp.ClientSession() as session:
        yield Link(admin, session, server.make_url("/"), code, request.param)


async def test_a_browser_is_shown_a_page(link: Link) -> None:
    for who, headers in BROWSERS.items():
        answer = await link.open(ACTIVATION_PATH, headers)
        if link.ui:
            path = f"{ACTIVATION_PAGE_PATH}/{link.code}"
            assert (answer.status, answer.headers["Location"]) == (303, str(link.base.join(URL(path)))), who
        else:
            assert answer.status == 200, who
            assert "globex" in await answer.text(), who
        assert answer.headers["Referrer-Policy"] == "no-referrer", who
        assert answer.headers["Cache-Control"] == "no-store", who
    assert not await link.used()


async def test_a_preview_uses_nothing_up(link: Link) -> None:
    for who, headers in PREVIEWS.items():
        answer = await link.open(ACTIVATION_PATH, headers)
        assert answer.status == 400, who
        assert "Opening this link does not activate it" in (await answer.json())["message"], who
    assert not await link.used()


async def test_head_and_options_use_nothing_up(link: Link) -> None:
    for method in ("HEAD", "OPTIONS"):
        for headers in (BROWSERS | PREVIEWS | PROGRAMS).values():
            assert (await link.open(ACTIVATION_PATH, headers, method)).status == 405
            answer = await link.open(ACTIVATION_PAGE_PATH, headers, method)
            assert method == "HEAD" or answer.status != 200
    assert not await link.used()


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_is_given_the_profile(admin: AdminClient, link: Link, program: str) -> None:
    answer = await link.open(ACTIVATION_PATH, PROGRAMS[program])
    assert (answer.status, answer.headers["Content-Disposition"]) == (
        200,
        'attachment; filename="config.share"',
    )
    token = parse_profile(await answer.read()).bearer_token
    assert (await admin.provider.recipients.authenticate(admin.context, token)).name == "globex"
    assert (await link.open(ACTIVATION_PATH, PROGRAMS[program])).status == 410


async def test_everybody_may_post(admin: AdminClient, link: Link) -> None:
    recipients = admin.provider.recipients
    assert (await link.open(ACTIVATION_PATH, PROGRAMS["a script without any header"], "POST")).status == 200
    assert (await link.open(ACTIVATION_PATH, BROWSERS["Chrome"], "POST")).status == 410
    assert len((await recipients.get(admin.context, "globex"))[0].tokens) == 1


async def test_the_page_is_never_used_up_by_reading(link: Link) -> None:
    if not link.ui:
        return
    for who, headers in (BROWSERS | PREVIEWS | PROGRAMS).items():
        for _ in range(2):
            answer = await link.open(ACTIVATION_PAGE_PATH, headers)
            assert answer.status == (400 if who in PROGRAMS else 200), who
    assert f"{ACTIVATION_PATH}/{link.code}" in (await answer.json())["message"]
    assert not await link.used()


async def test_a_page_without_the_explorer_has_a_button_and_nothing_else(link: Link) -> None:
    if link.ui:
        return
    browser = BROWSERS["Chrome"]
    answer = await link.open(ACTIVATION_PATH, browser)
    text = await answer.text()
    assert (text.count("<form"), text.count("<button"), "<script" in text) == (1, 1, False)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; form-action 'self'")
    assert (await link.open(ACTIVATION_PATH, browser, "POST")).status == 200
    answer = await link.open(ACTIVATION_PATH, browser)
    assert (answer.status, "This link was used at" in await answer.text()) == (410, True)
    answer = await link.session.get(link.base.join(URL(f"{ACTIVATION_PATH}/<b>x")), headers=browser)
    assert (answer.status, "not known here" in await answer.text()) == (404, True)
