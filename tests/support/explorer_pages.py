"""Pages of the explorer to look at in a browser: a few of each route, of all that links lead to."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qsl, urlsplit

from aiohttp.test_utils import TestServer, make_mocked_request

from support.explorer_client import ExplorerClient
from support.explorer_crawl import crawl

_OF_EACH_ROUTE = 2


async def some_of_each_route(server: TestServer, explorer: ExplorerClient, *starts: str) -> list[str]:
    """Paths of whole pages that answer, at most two of each route with the same parameters."""
    found: list[str] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for page in await crawl(explorer, *starts):
        if page.status == 200 and page.is_whole:
            kind = await _kind(server, page.path)
            seen[kind] += 1
            if seen[kind] <= _OF_EACH_ROUTE:
                found.append(page.path)
    return found


async def _kind(server: TestServer, path: str) -> tuple[str, ...]:
    """Route of a path, and the names of its parameters."""
    match = await server.app.router.resolve(make_mocked_request("GET", path))
    assert match.route.resource is not None, path
    parameters = sorted({name for name, _ in parse_qsl(urlsplit(path).query)})
    return (match.route.resource.canonical, *parameters)
