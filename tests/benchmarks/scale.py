"""What calls of all kinds take as a metastore grows, from 1,000 models to 100,000, of ten versions each."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rich.table import Table
from side_by_side import console, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from many_models import Call, calls, fill
from postgres import PostgresServer, running_postgres
from support import Desk

from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.settings import Settings


@contextlib.asynccontextmanager
async def provider_with(models: int, versions: int, postgres: PostgresServer | None) -> AsyncIterator[Desk]:
    """A provider with so many models."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="model-sharing-bench-")))
        url = stack.enter_context(postgres.database()) if postgres else ""
        settings = Settings(folder / "provider", postgresql_url=url)
        async with open_provider(settings) as provider:
            desk = Desk.of(provider)
            started = time.perf_counter()
            await fill(desk, settings.database_url, folder / "real", models, versions)
            console.print(f"{models:,} models of {versions} versions: {time.perf_counter() - started:.0f} s")
            yield desk


async def milliseconds(call: Call, times: int) -> float:
    """The median of so many calls, after one to warm up."""
    await call()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


async def compare(sizes: list[int], versions: int, times: int, postgres: PostgresServer | None) -> None:
    """A table: milliseconds of each call at each size, and the rate at the last as a part of the first's."""
    taken: dict[str, list[float]] = {}
    for models in sizes:
        async with provider_with(models, versions, postgres) as desk:
            for name, call in (await calls(desk, models)).items():
                taken.setdefault(name, []).append(await milliseconds(call, times))
    title = f"{'PostgreSQL' if postgres else 'SQLite'}: ms a call, median of {times}"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("", *(f"{models:,} models" for models in sizes), "rate kept"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in taken.items():
        table.add_row(name, *(f"{value:.2f}" for value in values), f"{values[0] / values[-1]:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--versions", type=int, default=10, help="of each model")
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    console.print(machine() + "\n")
    if options.only != "postgresql":
        asyncio.run(compare(options.models, options.versions, options.times, None))
    if options.only != "sqlite":
        with running_postgres() as server:
            asyncio.run(compare(options.models, options.versions, options.times, server))


if __name__ == "__main__":
    main()
