"""A browser that crashes, as browsers do on machines without memory: its test ends, and says so."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Error

from support.browser import running_browser


async def test_a_crash_ends_the_test_and_leaves_nothing(server: TestServer) -> None:
    async with running_browser(server) as windows:
        person = await windows.new()
        console = await windows.browser.new_browser_cdp_session()
        with pytest.raises(Error, match="closed"):
            await console.send("Browser.crash")
        with pytest.raises(Error, match="closed"):
            await person.open("/explorer")
        assert not windows.browser.is_connected()
