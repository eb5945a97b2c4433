"""Service times of a real server on this machine, measured in CPU seconds, which other work hardly changes.

Each kind of request is asked by one connection, where each event is a commit of its own, and by 32, where
events share commits: what differs is the cost of a commit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
import load
import service_times
from rich.table import Table
from server_cost import NOTHING, Ask, Run, Used, served
from service_times import (
    ALIAS,
    CHANGES,
    FILE,
    KINDS,
    NOT_MODIFIED,
    OVER_LIMIT,
    PAGE,
    QUERY,
    REFUSED,
    DatabaseTimes,
    RequestTimes,
    ServiceTimes,
)
from side_by_side import UNLIMITED, console, machine
from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.postgresql import running_postgres

BUSY = 32
LARGE_BYTES = 64 * 2**20
WAITING, WAITED_SECONDS = 800, 5.0
ROUNDS = 3
_MODEL = "/shares/acme/schemas/ml/models/model_0"


async def asks(endpoint: str, limited: str, token: str) -> dict[str, Ask]:
    """Each kind of request, ready to be asked."""
    own = {"Authorization": f"Bearer {token}"}
    alias, query = f"{endpoint}{_MODEL}/aliases/champion", f"{endpoint}{_MODEL}/versions/1/query"
    large = query.replace("model_0", "large")
    async with aiohttp.ClientSession(headers=own) as session:
        async with session.get(alias) as answer:
            tag = answer.headers["ETag"]
        urls = {}
        for url in (query, large):
            async with session.post(url) as answer:
                lines = [json.loads(line) for line in (await answer.text()).splitlines()]
            files = [line["file"] for line in lines if "file" in line]
            urls[url] = next(file["url"] for file in files if file["path"] == "model.pkl")
        async with session.get(f"{endpoint}/shares/acme/changes") as answer:
            since = (await answer.json())["token"]
        async with session.get(f"{limited}{_MODEL}/aliases/champion") as answer:
            await answer.read()
    return {
        NOT_MODIFIED: Ask("GET", alias, {**own, "If-None-Match": tag}, 304),
        ALIAS: Ask("GET", alias, own),
        QUERY: Ask("POST", query, own),
        PAGE: Ask("GET", f"{endpoint}/shares/acme/schemas/ml/models?maxResults=100", own),
        FILE: Ask("GET", urls[query]),
        CHANGES: Ask("GET", f"{endpoint}/shares/acme/changes?since={since}", own),
        REFUSED: Ask("GET", alias, {"Authorization": "Bearer wrong"}, 401),
        OVER_LIMIT: Ask("GET", f"{limited}{_MODEL}/aliases/champion", own, 429),
        "large": Ask("GET", urls[large]),
    }


async def seed(admin: AdminClient, folder: Path) -> str:
    """A share of a hundred models, one of which is large; a recipient's token."""
    token = (await load.seed(admin, folder, 1))[0]
    for number in range(load.MODELS, 100):
        source = write_model(folder / f"small-{number}", {"model.pkl": os.urandom(100)})
        await admin.register(source, f"prod.ml.model_{number}", "Champion")
    large = write_model(folder / "large", {"model.pkl": os.urandom(LARGE_BYTES)})
    await admin.register(large, "prod.ml.large", "Champion")
    return token


@dataclass
class Measured:
    """Runs of each kind of request by one connection and by many; aliases after changes; large files."""

    lone: dict[str, Run] = field(default_factory=dict)
    busy: dict[str, Run] = field(default_factory=dict)
    cold: Run = NOTHING
    change: Run = NOTHING
    large: Run = NOTHING
    waiting: Used = NOTHING.used


async def measure(url: str, folder: Path, database: Callable[[], float], seconds: float) -> Measured:
    """All runs with the database at a URL, or with SQLite for none, in turn."""
    settings = Settings(folder / "home", postgresql_url=url)
    environment = {"MODEL_SHARING_PROVIDER_DATABASE_URL": url} if url else {}
    unlimited = {**environment, **UNLIMITED, "MODEL_SHARING_PROVIDER_MAX_FAILURES_PER_MINUTE": "0"}
    limited = {**environment, "MODEL_SHARING_PROVIDER_MAX_REQUESTS_PER_MINUTE": "1"}
    found = Measured()
    async with load.desk_at(settings) as admin:
        token = await seed(admin, folder)
        with (
            served(settings.home, unlimited, database) as bench,
            served(settings.home, limited, database) as other,
            changes_of(settings.database_url) as change,
        ):
            kinds = await asks(bench.server.url + PREFIX, other.server.url + PREFIX, token)
            found.waiting = await bench.wait(kinds[CHANGES], WAITING, WAITED_SECONDS)
            found.change = bench.cost_of(change, 200)
            large, over_limit = kinds.pop("large"), kinds.pop(OVER_LIMIT)
            # At once, while the minute that the limit is for has not passed.
            found.lone[OVER_LIMIT] = await other.run(over_limit, 1, 2 * seconds)
            found.busy[OVER_LIMIT] = await other.run(over_limit, BUSY, 4 * seconds)
            for _ in range(ROUNDS):
                for kind, ask in kinds.items():
                    for runs, connections in ((found.lone, 1), (found.busy, BUSY)):
                        run = await bench.run(ask, connections, seconds)
                        runs[kind] = runs.get(kind, NOTHING).plus(run)
                found.cold = found.cold.plus(await bench.run(kinds[ALIAS], 1, seconds, change))
                found.large = found.large.plus(await bench.run(large, 4, seconds))
    return found


@contextlib.contextmanager
def changes_of(url: str) -> Iterator[Callable[[], None]]:
    """A change of rows that costs little: all that servers keep is void."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        update = text("UPDATE metastores SET change_token = :token")

        def change() -> None:
            connection.execute(update, {"token": uuid4().hex})

        yield change
    engine.dispose()


def times_of(found: Measured) -> DatabaseTimes:
    """Service times by what requests cost more when each has a commit of its own."""
    lone, busy = found.lone, found.busy
    audited = [kind for kind in lone if lone[kind].each("appends") > 0.5]

    def of_group(name: str) -> float:
        costs = (
            (lone[kind].each(name) - busy[kind].each(name))
            / (lone[kind].each("appends") - busy[kind].each("appends"))
            for kind in audited
        )
        return max(0.0, statistics.median(costs))

    group_server, group_database = of_group("server"), of_group("database")

    def of_request(kind: str) -> RequestTimes:
        run, commits = busy[kind], busy[kind].each("appends")
        return RequestTimes(
            server=run.each("server") - commits * group_server,
            database=max(0.0, run.each("database") - commits * group_database),
            reads=round(lone[kind].each("reads")),
            events=round(lone[kind].each("appends")),
        )

    # Who holds the token, and what the alias stands for, are read anew.
    server, database = (
        max(0.0, found.cold.each(name) - lone[ALIAS].each(name) - found.change.each(name)) / 2
        for name in ("server", "database")
    )
    waiting = WAITING * WAITED_SECONDS
    return DatabaseTimes(
        requests={kind: of_request(kind) for kind in busy},
        group_server=group_server,
        group_database=group_database,
        miss_server=server,
        miss_database=database,
        waiting_server=found.waiting.server / waiting,
        waiting_database=found.waiting.database / waiting,
        byte_server=found.large.each("server") / LARGE_BYTES,
    )


def flush_seconds(folder: Path) -> float:
    """Seconds until the disk keeps 4 KiB, the median of 50."""
    taken = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def calibrate(seconds: float) -> ServiceTimes:
    """Measure everything: each kind of request for so long in each of three rounds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="model-sharing-bench-")))
        postgres = stack.enter_context(running_postgres())
        url = stack.enter_context(postgres.database())
        sqlite = asyncio.run(measure("", folder / "sqlite", lambda: 0.0, seconds))
        postgresql = asyncio.run(measure(url, folder / "postgresql", postgres.cpu_seconds, seconds))
        databases = {"sqlite": times_of(sqlite), "postgresql": times_of(postgresql)}
        client = postgresql.busy[ALIAS].each("client")
        return ServiceTimes(machine(), flush_seconds(folder), client, databases)


def show(times: ServiceTimes) -> None:
    """The CPU times as a table, in milliseconds."""
    table = Table(title=f"CPU ms, measured on {times.machine}", title_justify="left", box=None)
    for column in ("", *(f"{name}: {of}" for name in times.databases for of in ("server", "database"))):
        table.add_column(column, justify="right" if column else "left")
    found = times.databases.values()
    rows = {
        kind: [(each.requests[kind].server, each.requests[kind].database) for each in found] for kind in KINDS
    }
    rows["a commit of events"] = [(each.group_server, each.group_database) for each in found]
    rows["a read after a change"] = [(each.miss_server, each.miss_database) for each in found]
    rows["who waits for changes, a second"] = [(each.waiting_server, each.waiting_database) for each in found]
    rows["a GiB of a large file"] = [(each.byte_server * 2**30, 0.0) for each in found]
    for name, costs in rows.items():
        table.add_row(name, *(f"{1000 * cost:.3f}" for pair in costs for cost in pair))
    console.print(table)
    console.print(
        f"a flush of the disk {1000 * times.flush:.2f}, the client of load.py {1000 * times.client:.2f}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.7, help="for each kind of request, thrice")
    parser.add_argument("--save", type=Path, default=service_times.KEPT)
    options = parser.parse_args()
    times = calibrate(options.seconds)
    service_times.save(options.save, times)
    show(times)


if __name__ == "__main__":
    main()
