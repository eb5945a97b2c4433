"""Fixtures of stories in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from support.browser import Windows, running_browser


@pytest.fixture
async def windows(server: TestServer) -> AsyncIterator[Windows]:
    """Chromium at the test's server."""
    async with running_browser(server) as running:
        yield running
