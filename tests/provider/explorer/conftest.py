"""Fixtures of tests of the explorer, without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from support.explorer_client import ExplorerClient, new_browser


@pytest.fixture
async def stranger(server: TestServer) -> AsyncIterator[ExplorerClient]:
    """Browser of somebody who has not signed in."""
    client = new_browser(server)
    yield client
    await client.session.close()


@pytest.fixture
async def explorer(server: TestServer, provider_home: Path) -> AsyncIterator[ExplorerClient]:
    """Browser of the administrator."""
    client = new_browser(server)
    await client.sign_in((provider_home / "admin.token").read_text())
    yield client
    await client.session.close()
