"""Latency of all kinds of calls as a metastore grows, from 1,000 models to 100,000, of ten versions each."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from results import Row, arguments, report
from rich.table import Table
from side_by_side import console, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.large_metastore import EVENTS_PER_MODEL, RARE_ACTION, Call, calls, fill
from support.processes.postgresql import PostgresServer, running_postgres


@contextlib.asynccontextmanager
async def provider_with(
    models: int, versions: int, postgres: PostgresServer | None
) -> AsyncIterator[AdminClient]:
    """A provider with so many models."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="model-sharing-bench-")))
        url = stack.enter_context(postgres.database()) if postgres else ""
        settings = Settings(folder / "provider", postgresql_url=url)
        async with open_provider(settings) as provider:
            admin = AdminClient.of(provider)
            started = time.perf_counter()
            await fill(admin, settings.database_url, folder / "real", models, versions)
            console.print(f"{models:,} models of {versions} versions: {time.perf_counter() - started:.0f} s")
            yield admin


async def milliseconds(call: Call) -> float:
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1000


async def compare(sizes: list[int], versions: int, times: int, postgres: PostgresServer | None) -> list[Row]:
    """Print milliseconds of each call at each size, and the rate at the last as a part of the first's.

    All sizes are asked in turn, so that what else the machine does slows down all of them.
    """
    async with contextlib.AsyncExitStack() as stack:
        by_size = [
            await calls(await stack.enter_async_context(provider_with(models, versions, postgres)), models)
            for models in sizes
        ]
        taken: dict[str, list[list[float]]] = {}
        for name in by_size[0]:
            # The first round warms up.
            rounds = [[await milliseconds(each[name]) for each in by_size] for _ in range(times + 1)]
            taken[name] = rounds[1:]
    database = "PostgreSQL" if postgres else "SQLite"
    table = Table(title=f"{database}: ms a call, medians of {times}", title_justify="left", box=None)
    for column in ("", *(f"{models:,} models" for models in sizes), "rate kept"):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in taken.items():
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        kept = statistics.median(each[0] / each[-1] for each in rounds)
        table.add_row(name, *(f"{value:.2f}" for value in medians), f"{kept:.2f}")
    console.print(table)
    rare = statistics.median(each[-1] for each in taken[RARE_ACTION])
    title = f"{database}: {RARE_ACTION}, among {sizes[-1] * EVENTS_PER_MODEL:,} events"
    return [Row.at_most(title, rare, "ms", 20)]


def main() -> None:
    parser = arguments(__doc__, rounds=30)
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--versions", type=int, default=10, help="of each model")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    console.print(machine() + "\n")
    rows: list[Row] = []
    if options.only != "postgresql":
        rows += asyncio.run(compare(options.models, options.versions, options.rounds, None))
    if options.only != "sqlite":
        with running_postgres() as server:
            rows += asyncio.run(compare(options.models, options.versions, options.rounds, server))
    report(rows, keep=options.save)


if __name__ == "__main__":
    main()
