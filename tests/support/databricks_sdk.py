"""Databricks' SDK against a server that runs in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient

P = ParamSpec("P")
T = TypeVar("T")


async def ask(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call in a thread: the SDK blocks."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def workspace_client(server: TestServer, token: str) -> WorkspaceClient:
    """A client that knows the server's address and a token."""
    host = str(server.make_url("/")).rstrip("/")
    return await ask(lambda: WorkspaceClient(host=host, token=token))
