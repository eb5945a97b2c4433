"""Alias resolution: our server against a bare aiohttp handler with a constant answer, from one client.

The client takes longer over a request than the bare handler does, so that the bare rate is the client's own.
`not modified` is what a warm load asks for.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from results import Row, arguments, report
from side_by_side import console, machine
from stage import serving

BARE = """
import asyncio, sys, uvloop
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
CLIENTS = 16


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


async def tag_of(url: str, headers: dict[str, str]) -> str:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.headers["ETag"]


async def measure(rounds: int, seconds: float) -> float:
    """Print all rates; resolving an alias by the bare handler."""
    bare = await asyncio.create_subprocess_exec(sys.executable, "-c", BARE, stdout=asyncio.subprocess.PIPE)
    assert bare.stdout is not None
    bare_url = f"http://127.0.0.1:{int(await bare.stdout.readline())}/"
    try:
        with (
            tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
            serving(Path(folder), {"scorer": {"weights.bin": 1000}}) as stage,
        ):
            path = "/shares/acme/schemas/bench/models/scorer/aliases/champion"
            headers = {"Authorization": f"Bearer {stage.token}"}
            tagged = {**headers, "If-None-Match": await tag_of(stage.endpoint + path, headers)}
            ours, unchanged, theirs = [], [], []
            for _ in range(rounds):
                ours.append(await rate(stage.endpoint + path, headers, seconds))
                unchanged.append(await rate(stage.endpoint + path, tagged, seconds))
                theirs.append(await rate(bare_url, {}, seconds))
    finally:
        bare.terminate()
        await bare.wait()
    ratios = {}
    for name, runs in (("alias resolution", ours), ("not modified", unchanged), ("bare handler", theirs)):
        per_second = statistics.median(run[0] for run in runs)
        latency = statistics.median(run[1] for run in runs) * 1000
        ratio = statistics.median(run[0] / bare[0] for run, bare in zip(runs, theirs, strict=True))
        ratios[name] = ratio
        console.print(f"{name:20} {per_second:8.0f} requests/s   p50 {latency:6.2f} ms   {ratio:.2f} of bare")
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
