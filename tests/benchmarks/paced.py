"""A store that paces each connection, as object stores do: many connections against one.

A proxy before the provider gives each connection so many bytes a second, and each request its first byte
after 50 ms. What counts is the time in the process, from the question to the verified folder. On a store of
90 MB/s a connection, `hf_transfer` reached 8.3 times one connection with 16. Many small files, which come in
packs, are measured too, and so on a line that is far but not paced.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from results import Row, arguments, report
from rich.table import Table
from side_by_side import console, machine
from stage import BIN, Stage, in_memory, serving

_FIRST_BYTE_SECONDS = 0.05
_PIECE = 64 * 1024
_FAR = 10**9
_LOAD = """
import sys, time, model_sharing
catalog = model_sharing.catalog("vendor")
began = time.perf_counter()
catalog.snapshot(f"models:/vendor.bench.{sys.argv[1]}@Champion")
print(time.perf_counter() - began)
"""


@contextmanager
def paced_proxy(target: str, rate: int) -> Iterator[str]:
    """A proxy to the server at `target` (host:port), in a process of its own; its own host:port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_run_proxy, args=(target, rate, theirs), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def _run_proxy(target: str, rate: int, told: object) -> None:
    asyncio.run(_proxy(target, rate, told))


async def _proxy(target: str, rate: int, told: object) -> None:
    host, port = target.split(":")
    running: set[asyncio.Task[None] | None] = set()  # else nobody holds them while they wait

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        asked = asyncio.create_task(_ask(reader, upstream_writer))
        with contextlib.suppress(OSError):
            await _answer(upstream_reader, writer, rate)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        upstream_writer.close()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])  # type: ignore[attr-defined]
    await server.serve_forever()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        await asyncio.sleep(_FIRST_BYTE_SECONDS)
        writer.write(data)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: int) -> None:
    """Pass on at `rate` bytes a second; what was not used while idle is not made up for."""
    paid_until = time.monotonic()
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
        now = time.monotonic()
        paid_until = max(paid_until, now - 0.01) + len(data) / rate
        await asyncio.sleep(max(0.0, paid_until - now))


def load(stage: Stage, proxy: str, jobs: int, model: str = "large") -> float:
    """Seconds of a first load through the proxy with so many connections."""
    profile = json.loads(stage.profile.read_text())
    where = urlsplit(profile["endpoint"])
    profile["endpoint"] = where._replace(netloc=proxy).geturl()
    paced = stage.folder / "paced.share"
    paced.write_text(json.dumps(profile))
    environment = stage.recipient() | {"MODEL_SHARING_JOBS": str(jobs)}
    for command in (["unmount", "vendor"], ["mount", str(paced), "acme", "--as", "vendor"]):
        subprocess.run([BIN / "model-sharing", *command], env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [BIN / "python", "-c", _LOAD, model],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    return float(done.stdout)


def compare_connections(stage: Stage, rate: int, model: str, title: str, rounds: int) -> float:
    """Print a table of how long a load takes by connections; how often the most are as fast as one."""
    table = Table(title=title, title_justify="left", box=None)
    for column in ("connections", "seconds", "times one"):
        table.add_column(column, justify="right")
    with paced_proxy(urlsplit(stage.endpoint).netloc, rate) as proxy:
        one = load(stage, proxy, 1, model)
        table.add_row("1", f"{one:.2f}", "1.0")
        for jobs in (8, 16, 32):
            taken = statistics.median(load(stage, proxy, jobs, model) for _ in range(rounds))
            table.add_row(str(jobs), f"{taken:.2f}", f"{one / taken:.1f}")
    console.print(table)
    return one / taken


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--size", type=int, default=512 * 2**20, help="bytes of the file")
    parser.add_argument("--rate", type=int, default=8_000_000, help="bytes a second of each connection")
    parser.add_argument("--files", type=int, default=5000, help="how many small files of 20 KiB")
    options = parser.parse_args()
    console.print(machine() + "\n")
    models = {
        "large": {"weights.bin": options.size},
        "small": {f"part{n % 50}/{n}.bin": 20 * 1024 for n in range(options.files)},
    }
    with in_memory(4 * options.size) as folder, serving(folder, models) as stage:
        paced = f"{options.rate / 1e6:g} MB/s a connection"
        reached = compare_connections(stage, options.rate, "large", paced, options.rounds)
        small = f"{options.files:,} files of 20 KiB"
        compare_connections(stage, options.rate, "small", f"{small}, {paced}", options.rounds)
        compare_connections(stage, _FAR, "small", f"{small}, a far line", options.rounds)
    title = "32 connections to a store that paces each"
    report([Row.at_least(title, reached, "x", 14, "one")], keep=options.save)


if __name__ == "__main__":
    main()
