"""The run of `load.py` beside its simulation: how far the simulator is off.

Recipients, two servers and PostgreSQL share the cores of this machine with each other and with other work.
How much the others leave is read from the machine while the run lasts; the rest are service times, which were
measured apart, one kind of request after another.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import load
from deployments import IN_A_SITE, Database, Server
from queueing import Clock, Process, Station
from rich.table import Table
from scenarios import quantile
from service_times import ALIAS, FILE, QUERY, ServiceTimes
from side_by_side import console

from support.processes.postgresql import running_postgres

KINDS = {ALIAS: "alias", QUERY: "version query", FILE: "file of 20 kB"}
"""Our word for what load.py asks for, and its own."""


@dataclass(frozen=True)
class Predicted:
    """Prediction of a `load.Outcome`: requests a second, seconds by kind, CPU seconds used."""

    rate: float
    taken: dict[str, list[float]]
    servers: float
    database: float
    commit: float
    """Events in a commit, on average."""


def simulate(
    times: ServiceTimes, recipients: int, seconds: float, move_every: float, cores: float, seed: int = 1
) -> Predicted:
    """The same recipients, servers and database on a machine of which `cores` are left for them."""
    clock, randomly = Clock(), random.Random(seed)
    # A core of which others take a part serves all of us more slowly.
    slower = (os.cpu_count() or 1) / cores
    machine = Station(clock, "machine", os.cpu_count() or 1, slower=slower)
    client = Station(clock, "recipients", host=machine)
    of_database = times.databases["postgresql"]
    database = Database(clock, "database", os.cpu_count() or 1, 0.0, machine)
    servers = [
        Server(clock, f"server {number}", of_database, database, IN_A_SITE, host=machine)
        for number in range(2)
    ]
    taken: dict[str, list[float]] = defaultdict(list)
    changes = 0

    def ask(kind: str, who: int) -> Process:
        started = clock.now
        yield client.use(times.client / 2)
        yield from servers[who % 2].answer(kind, who, randomly.randrange(load.MODELS), changes)
        yield client.use(times.client / 2)
        taken[KINDS[kind]].append(clock.now - started)

    def recipient(who: int) -> Process:
        while True:
            for kind in (ALIAS,) * 5 + (QUERY, FILE):
                yield from ask(kind, who)

    def move() -> Process:
        nonlocal changes
        while True:
            yield clock.sleep(move_every)
            changes += 1

    for who in range(recipients):
        clock.spawn(recipient(who))
    clock.spawn(move())
    clock.run(seconds)
    answered = sum(map(len, taken.values()))
    return Predicted(
        answered / seconds,
        taken,
        sum(server.cpu.busy for server in servers),
        database.station.busy,
        sum(server.events for server in servers) / max(1, sum(server.commits.count for server in servers)),
    )


def check(times: ServiceTimes, recipients: int, seconds: float, move_every: float) -> None:
    """Run, simulate, and print both with their ratio."""
    with (
        running_postgres() as postgres,
        postgres.database() as url,
        tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
    ):
        asked = recipients, seconds, move_every
        real = asyncio.run(load.measure(*asked, postgres, url, Path(folder)))
    cores = (os.cpu_count() or 1) - real.others / seconds
    found = simulate(times, *asked, cores)
    table = Table(
        title=f"{recipients} recipients, {cores:.2f} cores were left", title_justify="left", box=None
    )
    for column in ("", "real", "simulated", "ratio"):
        table.add_column(column, justify="right" if column else "left")

    def row(name: str, was: float, predicted: float, digits: int = 0) -> None:
        ratio = predicted / was if was else float("nan")
        table.add_row(name, f"{was:.{digits}f}", f"{predicted:.{digits}f}", f"{ratio:.2f}")

    row("requests a second", real.rate, found.rate)
    for kind, taken in real.answers.seconds.items():
        for part in (0.5, 0.99):
            name = f"{kind}, p{part * 100:.0f}, ms"
            row(name, 1000 * quantile(taken, part), 1000 * quantile(found.taken[kind], part))
    answered = real.rate * seconds
    simulated = found.rate * seconds
    servers = sum(cpu for cpu, _ in real.servers)
    row("CPU ms of a request, servers", 1000 * servers / answered, 1000 * found.servers / simulated, 2)
    row(
        "CPU ms of a request, database", 1000 * real.database / answered, 1000 * found.database / simulated, 2
    )
    row("CPU ms of a request, recipients", 1000 * real.own / answered, 1000 * times.client, 2)
    row("events in a commit", answered / real.commits, found.commit, 2)
    console.print(table)
    console.print(f"errors: {sum(real.answers.errors.values())}\n")
