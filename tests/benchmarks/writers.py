"""Provider processes over one PostgreSQL that move aliases: of different models, and all of one model.

Each process has 16 changes in progress, through the services, without HTTP. They share this machine with
PostgreSQL, which does not flush to disk here. CPU is what one move costs, in all processes of a kind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvloop
from results import Row, arguments, report
from rich.table import Table
from side_by_side import console, cpu_seconds, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.bulk_insert import model_name
from support.large_metastore import fill
from support.processes.postgresql import running_postgres

CHANGES_IN_PROGRESS = 16
MODELS = 100
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class Run:
    """Moves per second, and CPU milliseconds of each move in providers and in PostgreSQL."""

    rate: float
    provider_ms: float
    database_ms: float


async def move_aliases(home: Path, url: str, models: Sequence[str]) -> None:
    """Work of one process: from a line on standard input to the next, move the aliases of these models."""
    async with open_provider(Settings(home, postgresql_url=url)) as provider:
        admin, done, moves = AdminClient.of(provider), asyncio.Event(), 0

        async def move_one(model: str) -> None:
            nonlocal moves
            version = 1
            while not done.is_set():
                version = 3 - version
                name = FullName("prod", "ml", model)
                await provider.models.set_alias(admin.context, name, "Champion", version)
                moves += 1

        for model in set(models):
            await provider.models.set_alias(admin.context, FullName("prod", "ml", model), "Champion", 1)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began, moves = time.process_time(), 0
        moving = asyncio.gather(*map(move_one, models))
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps({"moves": moves, "cpu": time.process_time() - began}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        done.set()
        await moving


def measure(home: Path, url: str, models: Sequence[Sequence[str]], seconds: float) -> Run:
    """Run one process for each list of models, at the same time."""
    with contextlib.ExitStack() as stack, psycopg.connect(url, autocommit=True) as connection:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, "--move", *each, "--home", str(home), "--url", url],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for each in models
        ]

        def tell_all() -> None:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()

        def hear_all() -> list[str]:
            return [process.stdout.readline() for process in processes if process.stdout is not None]

        hear_all()
        before = {pid: cpu_seconds(pid) for (pid,) in connection.execute(_BACKENDS)}
        began = time.perf_counter()
        tell_all()
        time.sleep(seconds)
        tell_all()
        said = [json.loads(line) for line in hear_all()]
        took = time.perf_counter() - began
        database = sum(cpu_seconds(pid) - before.get(pid, 0) for (pid,) in connection.execute(_BACKENDS))
        tell_all()
    moves = sum(each["moves"] for each in said)
    cpu = sum(each["cpu"] for each in said)
    return Run(moves / took, cpu / moves * 1000, database / moves * 1000)


def compare(home: Path, url: str, seconds: float, times: int) -> float:
    """Print all kinds of runs; moves per second of two processes that move different models' aliases."""
    one = [model_name(number) for number in range(CHANGES_IN_PROGRESS)]
    other = [model_name(number + MODELS // 2) for number in range(CHANGES_IN_PROGRESS)]
    same = [model_name(0)] * CHANGES_IN_PROGRESS
    kinds: dict[str, list[list[str]]] = {
        "one process, one change at a time": [one[:1]],
        "one process, different models": [one],
        "two processes, different models": [one, other],
        "two processes, the same model": [same, same],
    }
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for _ in range(times):
        for kind, models in kinds.items():
            runs[kind].append(measure(home, url, models, seconds))
    table = Table(box=None)
    for column in ("", "moves/s", "CPU ms, provider", "CPU ms, PostgreSQL"):
        table.add_column(column, justify="right" if column else "left")
    for kind, measured in runs.items():
        middle = [
            statistics.median(values)
            for values in zip(
                *((run.rate, run.provider_ms, run.database_ms) for run in measured), strict=True
            )
        ]
        table.add_row(kind, f"{middle[0]:.0f}", *(f"{value:.2f}" for value in middle[1:]))
    console.print(table)
    console.print(f"medians of {times}; load average {os.getloadavg()[0]:.1f}")
    return statistics.median(run.rate for run in runs["two processes, different models"])


async def seed(home: Path, url: str, folder: Path) -> None:
    settings = Settings(home, postgresql_url=url)
    async with open_provider(settings) as provider:
        await fill(AdminClient.of(provider), settings.database_url, folder, MODELS, 2)


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--move", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.move:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the server's loop
            runner.run(move_aliases(options.home, options.url, options.move))
        return
    console.print(machine() + "\n")
    with (
        running_postgres() as server,
        server.database() as url,
        tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
    ):
        home = Path(folder) / "home"
        asyncio.run(seed(home, url, Path(folder) / "real"))
        moves = compare(home, url, options.seconds, options.rounds)
    title = "Alias moves over PostgreSQL, two processes"
    report([Row.at_least(title, moves, "moves/s", 520)], keep=options.save)


if __name__ == "__main__":
    main()
