"""Pages of other sites, opened by somebody who has signed in: they can neither show nor do anything."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.pages import PageRequest
from support.admin_client import AdminClient
from support.browser import Windows

_PAGE = """<!doctype html><title>Kittens</title>
<iframe id="frame" src="{ours}/explorer/catalogs"></iframe>
<form id="form" action="{ours}/explorer/catalogs" method="post"><input name="name" value="stolen"></form>
<img src="{ours}/explorer/sign-out">
"""
_READ = """async (url) => {
  try { return await (await fetch(url, { credentials: "include" })).text(); } catch (error) { return ""; }
}"""


async def test_they_show_and_do_nothing(
    windows: Windows,
    admin: AdminClient,
    server: TestServer,
    aiohttp_server: AiohttpServer,
    provider_home: Path,
) -> None:
    person = await windows.new()
    await person.sign_in((provider_home / "admin.token").read_text())
    await admin.provider.catalogs.create(admin.context, "prod")

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=_PAGE.format(ours=person.base), content_type="text/html")

    other = web.Application()
    other.router.add_get("/", show)
    site = await aiohttp_server(other)
    # For a browser, this machine's name is another site than its address.
    await person.page.goto(f"http://localhost:{site.port}/")
    framed = person.page.frames[1]
    assert "prod" not in await framed.evaluate("document.body ? document.body.innerText : ''")
    assert await person.page.evaluate(_READ, f"{person.base}/explorer/catalogs") == ""
    await person.page.evaluate("document.getElementById('form').submit()")
    await person.page.get_by_role("heading", name="Sign in").wait_for()
    found = await admin.provider.catalogs.page(admin.context, PageRequest())
    assert [each.name for each in found.items] == ["prod"]
    await person.open("/explorer/catalogs")
    # The tree beside the page has a link of this name too, once it has come.
    listed = person.page.get_by_role("main").get_by_role("link", name="prod", exact=True)
    assert await listed.count() == 1
    # What the browser says of frame and fetch is what it should.
    assert any("frame-ancestors" in complaint for complaint in windows.complaints)
    assert any("CORS" in complaint for complaint in windows.complaints)
    windows.complaints.clear()
