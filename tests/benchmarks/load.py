"""Two servers over one PostgreSQL, and 200 recipients who resolve, query and fetch, all at the same time.

Meanwhile an administrator moves an alias now and then: what servers have kept of their reads ends each time.
The recipients, the servers and PostgreSQL share this machine, so that the sum of all of them is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.table import Table
from server_cost import served
from side_by_side import UNLIMITED, console, cpu_seconds_of_all, machine, peak_bytes

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.postgresql import PostgresServer, running_postgres

MODELS, FILE_BYTES = 20, 20_000
MODEL = "/shares/acme/schemas/ml/models/model_{}"


@dataclass
class Answers:
    """Seconds that each kind of request took, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)


class Recipient:
    """Asks one server for one thing after another, and checks each."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, token: str, answers: Answers) -> None:
        self._session = session
        self._endpoint = endpoint
        self._headers = {"Authorization": f"Bearer {token}"}
        self._answers = answers

    async def work(self, ends: float) -> None:
        while time.perf_counter() < ends:
            try:
                await self._load_one()
            except (aiohttp.ClientError, TimeoutError, AssertionError, LookupError, ValueError) as error:
                self._answers.errors[f"{type(error).__name__}: {error}"[:100]] += 1

    async def _load_one(self) -> None:
        """Five looks at aliases, as warm loads take, for each version that is fetched."""
        for _ in range(5):
            url = self._endpoint + MODEL.format(random.randrange(MODELS)) + "/aliases/champion"
            assert json.loads(await self._ask("alias", "GET", url))
        url = self._endpoint + MODEL.format(random.randrange(MODELS)) + "/versions/1/query"
        lines = map(json.loads, (await self._ask("version query", "POST", url)).splitlines())
        file = next(line["file"] for line in lines if line.get("file", {}).get("path") == "model.pkl")
        content = await self._ask("file of 20 kB", "GET", file["url"], with_token=False)
        assert hashlib.sha256(content).hexdigest() == file["sha256"], "other bytes"

    async def _ask(self, kind: str, method: str, url: str, *, with_token: bool = True) -> bytes:
        started = time.perf_counter()
        headers = self._headers if with_token else {}
        async with self._session.request(method, url, headers=headers) as answer:
            content = await answer.read()
        assert answer.status == 200, f"{kind}: {answer.status}"
        self._answers.seconds[kind].append(time.perf_counter() - started)
        return content


@contextlib.asynccontextmanager
async def desk_at(settings: Settings) -> AsyncIterator[AdminClient]:
    async with open_provider(settings) as provider:
        yield AdminClient.of(provider)


async def seed(admin: AdminClient, folder: Path, recipients: int) -> list[str]:
    """Models in a share, two versions of each; a token of each recipient."""
    await admin.provider.shares.create(admin.context, "acme")
    for number in range(MODELS):
        for version in (1, 2):
            files = {"model.pkl": os.urandom(FILE_BYTES)}
            source = write_model(folder / f"{number}-{version}", files)
            await admin.register(source, f"prod.ml.model_{number}", "Champion")
    await admin.add_schema("acme", "prod.ml")
    tokens = []
    for number in range(recipients):
        _, code = await admin.provider.recipients.create(admin.context, f"recipient_{number}")
        await admin.provider.share_permissions.grant(admin.context, "acme", f"recipient_{number}")
        tokens.append((await admin.activate(code, "http://127.0.0.1")).bearer_token)
    return tokens


async def move_aliases(admin: AdminClient, every: float, done: asyncio.Event) -> None:
    while not done.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), every)
        name = FullName("prod", "ml", f"model_{random.randrange(MODELS)}")
        await admin.provider.models.set_alias(admin.context, name, "Champion", random.choice((1, 2)))


async def run(endpoints: Sequence[str], tokens: Sequence[str], seconds: float) -> Answers:
    answers = Answers()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        ends = time.perf_counter() + seconds
        recipients = [
            Recipient(session, endpoints[number % len(endpoints)], token, answers)
            for number, token in enumerate(tokens)
        ]
        await asyncio.gather(*(each.work(ends) for each in recipients))
    return answers


@dataclass(frozen=True)
class Outcome:
    """Answers that the recipients got. CPU seconds and peak memory in bytes of each server; CPU seconds of
    the recipients themselves, of the database, and of whatever else the machine did.
    """

    answers: Answers
    recipients: int
    seconds: float
    servers: list[tuple[float, int]]
    own: float
    database: float
    others: float
    commits: float
    """Commits of audit events, of which each request has one."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return sum(map(len, self.answers.seconds.values())) / self.seconds


async def measure(
    recipients: int, seconds: float, move_every: float, postgres: PostgresServer, url: str, folder: Path
) -> Outcome:
    settings = Settings(folder / "home", postgresql_url=url)
    environment = {
        "MODEL_SHARING_PROVIDER_DATABASE_URL": url,
        **UNLIMITED,
    }
    async with desk_at(settings) as admin:
        tokens = await seed(admin, folder, recipients)
        with contextlib.ExitStack() as stack:
            benches = [
                stack.enter_context(served(settings.home, environment, postgres.cpu_seconds))
                for _ in range(2)
            ]
            before, own = [bench.used() for bench in benches], time.process_time()
            database, everything = postgres.cpu_seconds(), cpu_seconds_of_all()
            done = asyncio.Event()
            mover = asyncio.create_task(move_aliases(admin, move_every, done))
            answers = await run([bench.server.url + PREFIX for bench in benches], tokens, seconds)
            done.set()
            await mover
            own, database = time.process_time() - own, postgres.cpu_seconds() - database
            everything = cpu_seconds_of_all() - everything
            used = [bench.used().since(was) for bench, was in zip(benches, before, strict=True)]
            peaks = [peak_bytes(bench.server.process.pid) for bench in benches]
    costs = [(each.server, peak) for each, peak in zip(used, peaks, strict=True)]
    others = max(0.0, everything - own - database - sum(each.server for each in used))
    commits = sum(each.appends for each in used)
    return Outcome(answers, recipients, seconds, costs, own, database, others, commits)


def show(outcome: Outcome) -> None:
    seconds = outcome.seconds
    console.print(
        f"{outcome.recipients} recipients, 2 servers, {seconds:.0f} s: {outcome.rate:.0f} requests/s"
    )
    table = Table(box=None)
    for column in ("", "requests/s", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right" if column else "left")
    for kind, taken in outcome.answers.seconds.items():
        cuts = statistics.quantiles(taken, n=100)
        rate = f"{len(taken) / seconds:.0f}"
        table.add_row(kind, rate, f"{cuts[49] * 1000:.0f}", f"{cuts[98] * 1000:.0f}")
    console.print(table)
    for number, (cpu, peak) in enumerate(outcome.servers, 1):
        console.print(f"server {number}: {cpu / seconds:.2f} cores, peak {peak / 2**20:.0f} MiB")
    console.print(
        f"PostgreSQL: {outcome.database / seconds:.2f} cores; the recipients: {outcome.own / seconds:.2f}; "
        f"others: {outcome.others / seconds:.2f}; load average {os.getloadavg()[0]:.1f}"
    )
    errors = outcome.answers.errors
    console.print(f"errors: {sum(errors.values())} {dict(errors) or ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--move-every", type=float, default=1, help="seconds between moves of an alias")
    options = parser.parse_args()
    console.print(machine() + "\n")
    with (
        running_postgres() as server,
        server.database() as url,
        tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
    ):
        asked = options.recipients, options.seconds, options.move_every
        outcome = asyncio.run(measure(*asked, server, url, Path(folder)))
    show(outcome)
    if outcome.answers.errors:
        sys.exit(1)


if __name__ == "__main__":
    main()
