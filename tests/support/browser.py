"""Chromium, as people use it: real pages, mouse and keyboard.

It is found on the PATH (Debian's package `chromium`); without it, tests are skipped, saying so. Where
MODEL_SHARING_TESTS_NEED_BROWSER is set, as by CI, they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from support.patience import PATIENCE

NEEDED = "MODEL_SHARING_TESTS_NEED_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = PATIENCE * 1000
# Without a sandbox, which root and most containers cannot have, and without /dev/shm, which is small in many.
_OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage")
_ANSWERED_WITH_ERROR = "Failed to load resource: the server responded with a status of"


@dataclass(frozen=True, slots=True)
class Person:
    """Window of one person, who has signed in or not."""

    page: Page
    base: str

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def sign_in(self, token: str, path: str = "/explorer") -> None:
        await self.open(path)
        await self.page.get_by_label("Access token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("button", name="Sign out").wait_for()


@dataclass(slots=True)
class Windows:
    """Chromium with windows that share nothing. What their consoles complain about fails the test.

    Complaints about pages of `others`, by the beginning of their address, do not.
    """

    browser: Browser
    server: TestServer
    complaints: list[str] = field(default_factory=list)
    others: tuple[str, ...] = ()

    async def new(self, **options: object) -> Person:
        """New window, with options of `Browser.new_context` such as `java_script_enabled` or `viewport`."""
        context: BrowserContext = await self.browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("console", lambda message: self._listen(message))  # noqa: PLW0108 - it has to be a function
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return Person(page, str(self.server.make_url("/")).rstrip("/"))

    def _listen(self, message: ConsoleMessage) -> None:
        of_others = bool(self.others) and message.location["url"].startswith(self.others)
        expected = message.text.startswith(_ANSWERED_WITH_ERROR)
        if message.type in ("error", "warning") and not expected and not of_others:
            self.complaints.append(message.text)


@asynccontextmanager
async def running_browser(server: TestServer) -> AsyncIterator[Windows]:
    """Chromium at a server. Fails at the end if a console has complained, such as about the CSP."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        message = "needs Chromium on the PATH: apt-get install chromium"
        pytest.fail(message) if os.environ.get(NEEDED) else pytest.skip(message)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_OPTIONS, timeout=PATIENCE_MS)
        windows = Windows(browser, server)
        yield windows
        await browser.close()
        assert not windows.complaints, windows.complaints
