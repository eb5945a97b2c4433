"""Alias resolution: our server against a bare aiohttp handler with a constant answer, from one client.

The client takes longer over a request than the bare handler does, so that the bare rate is the client's own:
the CPU time of the server's process says more. `not modified` is what a warm load asks for. `with an event`
is the floor of what commits an audit event before it answers: a bare handler that does nothing else.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from results import Row, arguments, report
from side_by_side import console, cpu_seconds, machine
from stage import serving

BARE = """
import asyncio, sys, uvloop
from pathlib import Path
from aiohttp import web

async def answer(request):
    return web.Response(body=b'{"version":1}', content_type="application/json")

async def main():
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""
_WITH_AN_EVENT = """
from model_sharing_protocol.times import now_ms
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.securables import SecurableType

async def answer(request):
    caller = Caller(provider.administrator, "bench")
    action = AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS
    target = Target(SecurableType.SHARE, "acme", "acme.bench.scorer@champion", "acme", "globex")
    await provider.audit_recorder.record(AuditEvent(now_ms(), caller, action, target, Outcome.OK))"""
_OVER_A_METASTORE = """
async def main():
    global provider
    async with open_provider(Settings(Path(sys.argv[1]))) as provider:
        await serve()

uvloop.run"""
CLIENTS = 16


def committing_an_event(program: str) -> str:
    """Program of a bare handler that commits an audit event before each answer, below its first argument."""
    program = program.replace("async def main():", "async def serve():").replace(
        "uvloop.run", _OVER_A_METASTORE
    )
    return program.replace("async def answer(request):", _WITH_AN_EVENT)


async def rate(url: str, headers: dict[str, str], seconds: float) -> tuple[float, float]:
    """Requests a second, and the median latency in seconds, of 16 clients on kept-alive connections."""
    latencies: list[float] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        ends = time.perf_counter() + seconds

        async def client() -> None:
            while (started := time.perf_counter()) < ends:
                async with session.get(url) as answer:
                    await answer.read()
                    assert answer.status == (304 if "If-None-Match" in headers else 200)
                latencies.append(time.perf_counter() - started)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return len(latencies) / seconds, statistics.median(latencies)


async def cost(server: int, url: str, headers: dict[str, str], seconds: float) -> tuple[float, float, float]:
    """Requests a second, median latency in seconds, and CPU seconds of a request in the server's process."""
    before = cpu_seconds(server)
    per_second, latency = await rate(url, headers, seconds)
    return per_second, latency, (cpu_seconds(server) - before) / (per_second * seconds)


async def tag_of(url: str, headers: dict[str, str]) -> str:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.headers["ETag"]


@asynccontextmanager
async def running(program: str, *arguments: str) -> AsyncIterator[tuple[int, str]]:
    """A server in a process of its own: its process id and its URL."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        yield server.pid, f"http://127.0.0.1:{int(await server.stdout.readline())}/"
    finally:
        server.terminate()
        await server.wait()


async def measure(rounds: int, seconds: float) -> float:
    """Print all rates; resolving an alias by the bare handler."""
    with (
        tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
        serving(Path(folder), {"scorer": {"weights.bin": 1000}}) as stage,
    ):
        async with (
            running(BARE) as (bare, bare_url),
            running(committing_an_event(BARE), f"{folder}/events") as floor,
        ):
            path = "/shares/acme/schemas/bench/models/scorer/aliases/champion"
            headers = {"Authorization": f"Bearer {stage.token}"}
            tagged = {**headers, "If-None-Match": await tag_of(stage.endpoint + path, headers)}
            ours, unchanged, least, theirs = [], [], [], []
            for _ in range(rounds):
                ours.append(await cost(stage.server, stage.endpoint + path, headers, seconds))
                unchanged.append(await cost(stage.server, stage.endpoint + path, tagged, seconds))
                least.append(await cost(*floor, {}, seconds))
                theirs.append(await cost(bare, bare_url, {}, seconds))
    ratios = {}
    measured = {
        "alias resolution": ours,
        "not modified": unchanged,
        "with an event": least,
        "bare handler": theirs,
    }
    for name, runs in measured.items():
        per_second = statistics.median(run[0] for run in runs)
        latency = statistics.median(run[1] for run in runs) * 1000
        ratio = statistics.median(run[0] / bare[0] for run, bare in zip(runs, theirs, strict=True))
        ratios[name] = ratio
        cpu = statistics.median(run[2] for run in runs) * 1e6
        by_cpu = statistics.median(bare[2] / run[2] for run, bare in zip(runs, theirs, strict=True))
        console.print(
            f"{name:20} {per_second:8.0f} requests/s, {ratio:.2f} of bare   p50 {latency:6.2f} ms   "
            f"{cpu:4.0f} us of CPU, bare {by_cpu:.2f} of it"
        )
    console.print(f"({CLIENTS} clients, medians of {rounds} rounds)\n")
    return ratios["alias resolution"]


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    console.print(machine() + "\n")
    resolving = asyncio.run(measure(options.rounds, options.seconds))
    title = "Resolving an alias"
    report([Row.at_least(title, resolving, "x", 0.5, "bare handler")], keep=options.save)


if __name__ == "__main__":
    main()
