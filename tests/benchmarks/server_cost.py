"""Costs of requests at a served provider: CPU of its process and its database, commits and reads."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import aiohttp
from side_by_side import cpu_seconds

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.provider import ProviderProcess
from support.processes.servers import free_port

_COUNT = re.compile(r'^model_sharing_database_seconds_count\{kind="(\w+)"\} (\S+)', re.MULTILINE)


@dataclass(frozen=True)
class Ask:
    """One kind of request, and what is to come back."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Used:
    """CPU seconds of the server, the database and the client; commits of events, and reads of rows."""

    server: float
    database: float
    client: float
    appends: float
    reads: float

    def since(self, before: Used) -> Used:
        return Used(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))

    def plus(self, other: Used) -> Used:
        return Used(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Run:
    """Requests, and all that they used."""

    requests: int
    used: Used

    def plus(self, other: Run) -> Run:
        return Run(self.requests + other.requests, self.used.plus(other.used))

    def each(self, name: str) -> float:
        value: float = getattr(self.used, name)
        return value / self.requests


NOTHING = Run(0, Used(0.0, 0.0, 0.0, 0.0, 0.0))


class Bench:
    """Server and its database, and what both have used."""

    def __init__(self, server: ProviderProcess, metrics_port: int, database: Callable[[], float]) -> None:
        self.server = server
        self._metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        self._database = database

    def used(self) -> Used:
        with urllib.request.urlopen(self._metrics) as answer:
            counts = {kind: float(value) for kind, value in _COUNT.findall(answer.read().decode())}
        server = cpu_seconds(self.server.process.pid)
        appends, reads = counts.get("append", 0), counts.get("read", 0)
        return Used(server, self._database(), time.process_time(), appends, reads)

    def cost_of(self, work: Callable[[], None], times: int) -> Run:
        """Cost of doing something so many times, beside the server."""
        before = self.used()
        for _ in range(times):
            work()
        return Run(times, self.used().since(before))

    async def run(
        self, ask: Ask, connections: int, seconds: float, before_each: Callable[[], None] | None = None
    ) -> Run:
        """Ask again and again, by so many connections."""
        done = 0
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def client(ends: float) -> None:
                nonlocal done
                while time.perf_counter() < ends:
                    if before_each:
                        before_each()
                    async with session.request(ask.method, ask.url, headers=ask.headers) as answer:
                        async for _ in answer.content.iter_chunked(2**20):
                            pass
                    assert answer.status == ask.status, f"{ask}: {answer.status}"
                    done += 1

            await asyncio.gather(*(client(time.perf_counter() + 0.2) for _ in range(connections)))
            done, before = 0, self.used()
            await asyncio.gather(*(client(time.perf_counter() + seconds) for _ in range(connections)))
            return Run(done, self.used().since(before))

    async def wait(self, ask: Ask, waiting: int, seconds: float) -> Used:
        """Cost of many who wait, for so long, for changes that do not come."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            url = f"{ask.url}&wait=25"
            requests = [
                asyncio.create_task(session.get(url, headers=ask.headers).__aenter__())
                for _ in range(waiting)
            ]
            await asyncio.sleep(2)
            before = self.used()
            await asyncio.sleep(seconds)
            used = self.used().since(before)
            for task in requests:
                task.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            return used


@contextlib.contextmanager
def served(home: Path, environment: dict[str, str], database: Callable[[], float]) -> Iterator[Bench]:
    """Serve a home, with the port that counts what it did."""
    port = free_port()
    own = {"MODEL_SHARING_PROVIDER_LOG": "warning", "MODEL_SHARING_PROVIDER_SERVE_METRICS_PORT": str(port)}
    with ProviderProcess(home, environment={**own, **environment}) as server:
        yield Bench(server, port, database)
