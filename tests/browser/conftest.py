"""Fixtures of stories in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from support.browser import Windows, running_browser
from support.explorer_client import ExplorerClient, new_browser


@pytest.fixture
async def windows(server: TestServer) -> AsyncIterator[Windows]:
    """Chromium at the test's server."""
    async with running_browser(server) as running:
        yield running


@pytest.fixture
async def explorer(server: TestServer, provider_home: Path) -> AsyncIterator[ExplorerClient]:
    """The administrator without a browser, to find out what pages there are."""
    client = new_browser(server)
    await client.sign_in((provider_home / "admin.token").read_text())
    yield client
    await client.session.close()
