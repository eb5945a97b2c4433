"""The activation page's button, pressed by people in a hurry."""

from __future__ import annotations

from pathlib import Path

from aiohttp.test_utils import TestServer
from playwright.async_api import Request

from model_sharing_protocol.profile import read_profile
from support.admin_client import AdminClient
from support.browser import Windows


async def test_the_button_is_pressed_once(
    windows: Windows, admin: AdminClient, server: TestServer, tmp_path: Path
) -> None:
    """In some browsers a second press ends the download of the first, whose file nobody gets again."""
    code = await admin.share("acme", "globex")
    person = await windows.new()
    sent: list[str] = []

    def note(request: Request) -> None:
        sent.append(request.method)

    person.page.on("request", note)
    await person.open(f"/explorer/activate/{code}")
    async with person.page.expect_download() as download:
        await person.page.get_by_role("button", name="Download the profile file").dblclick()
    path = tmp_path / "globex.share"
    await (await download.value).save_as(path)
    token = read_profile(path).bearer_token
    assert (await admin.provider.recipients.authenticate(admin.context, token)).name == "globex"
    await person.page.get_by_role("button", name="Downloaded").click(force=True)
    assert await person.page.get_by_role("heading", name="Models are shared with you").is_visible()
    assert sent.count("POST") == 1
