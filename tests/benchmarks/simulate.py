"""10,000 recipients in five regions, simulated: what breaks first, at what rate, in which deployment.

Service times are those of `service_times.json`, or measured now with `--calibrate`. With `--check`, the run
of `load.py` is made and simulated, to see how far the simulator is off.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import calibrate
import scenarios
import service_times
from deployments import RECIPIENTS, Deployment
from load_check import check
from rich.table import Table
from scenarios import Result
from service_times import ServiceTimes
from side_by_side import console, machine

CDN = Deployment("the same, files from a CDN", workers=4, files="cdn")
DEPLOYMENTS = (
    Deployment("one server, SQLite", "sqlite"),
    Deployment("4 servers, PostgreSQL, an event a commit", workers=4, events_in_groups=False),
    Deployment("4 servers, PostgreSQL", workers=4),
    Deployment("the same, files from a bucket", workers=4, files="bucket"),
    CDN,
    Deployment("a server in each region, PostgreSQL at home", sites="servers", files="cdn"),
    Deployment("mirrored catalogs, a SQLite server in each region", "sqlite", sites="mirrors"),
    Deployment("mirrored catalogs, PostgreSQL and a CDN", sites="mirrors", files="cdn"),
)
SLOW_POLL, FAST_POLL, MODEL_BYTES = 60, 5, 100e6
IMPATIENT = 50


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}" if seconds < 10 else f"{seconds:.0f} s"


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    made = Table(title=title, title_justify="left", box=None)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    for row in rows:
        made.add_row(*row)
    console.print(made)
    console.print()


def capacities(times: ServiceTimes, seed: int) -> dict[str, Result]:
    """The most requests a second of each deployment, and times at a fifth, half and four fifths of it."""
    found = {each.name: scenarios.capacity(each, times, seed=seed) for each in DEPLOYMENTS}
    rows = []
    for each in DEPLOYMENTS:
        most = found[each.name]
        sort, part = busiest(most.utilization)
        at = [scenarios.steady(each, times, most.rate * part, seed=seed) for part in (0.2, 0.5, 0.8)]
        rows.append(
            (
                each.name,
                f"{most.rate:,.0f}",
                f"{sort} {part:.0%}",
                *(f"{ms(one.p50)}, {ms(one.p99)}" for one in at),
            )
        )
    columns = ("", "most/s", "busy then", "p50, p99 ms at 20 %", "50 %", "80 %")
    table("Capacity, a change each minute", columns, rows)
    return found


def busiest(utilization: dict[str, float]) -> tuple[str, float]:
    return max(utilization.items(), key=lambda item: item[1])


def rates(times: ServiceTimes, most: dict[str, Result], seed: int) -> None:
    """Requests of 10,000 recipients, each minute and each five seconds; and the cost of changes."""
    rows = []
    for each in DEPLOYMENTS:
        cells = []
        for rate, change_every in (
            (RECIPIENTS / SLOW_POLL, 60),
            (RECIPIENTS / SLOW_POLL, 1),
            (RECIPIENTS / FAST_POLL, 60),
        ):
            if rate > most[each.name].rate:
                cells.append("too much")
                continue
            found = scenarios.steady(each, times, rate, change_every=change_every, seed=seed)
            sort, part = busiest(found.utilization)
            cells.append(f"{part:.0%} {sort}: {ms(found.near_p99)}, {ms(found.far_p99)}")
        rows.append((each.name, *cells))
    columns = ("", f"each polls in {SLOW_POLL} s", "and a change each second", f"each polls in {FAST_POLL} s")
    table("Busiest station, and p99 ms in the home region and in the farthest", columns, rows)


def waits(times: ServiceTimes, seed: int) -> None:
    rows = []
    for each in DEPLOYMENTS:
        found = scenarios.watched(each, times, seed=seed)
        sort, part = busiest(found.utilization)
        rows.append((each.name, f"{found.rate:,.0f}", f"{part:.0%} {sort}", ms(found.p99)))
    table("All wait for changes, and nothing changes", ("", "requests/s", "busiest", "p99 ms"), rows)


def champions(times: ServiceTimes, seed: int) -> None:
    rows = []
    for each in DEPLOYMENTS:
        cells = []
        for poll in (0, SLOW_POLL):
            found = scenarios.champion(each, times, MODEL_BYTES, poll_seconds=poll, seed=seed)
            cells.append(f"{found.half:.0f}, {found.all:.0f} s")
        rows.append((each.name, *cells, busiest(found.utilization)[0]))
    title = f"A new champion of {MODEL_BYTES / 1e6:.0f} MB: until half have it, and all"
    table(title, ("", "all wait for changes", f"all poll in {SLOW_POLL} s", "busiest"), rows)


def limits(times: ServiceTimes, seed: int) -> None:
    rows = []
    for limit, pause in ((0, 0), (12_000, 0), (600, 0), (600, 1)):
        deployment = replace(CDN, requests_per_minute=limit)
        found = scenarios.impatient(deployment, times, RECIPIENTS / SLOW_POLL, IMPATIENT, pause, seed)
        name = f"{limit:,} a minute" if limit else "none"
        sort, part = busiest(found.utilization)
        rows.append(
            (
                f"{name}, and they wait as told" if pause else name,
                f"{found.rate:,.0f}",
                f"{found.over_limit:,.0f}",
                f"{part:.0%} {sort}",
                f"{ms(found.p50)}, {ms(found.near_p99)}",
            )
        )
    columns = ("limit of one recipient", "answered/s", "429/s", "busiest", "the others: p50, p99 near")
    table(f"{IMPATIENT} recipients ask without a pause, beside {RECIPIENTS:,}", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=Path, default=service_times.KEPT, help="measured service times")
    parser.add_argument(
        "--calibrate", action="store_true", help="measure them on this machine, and keep them there"
    )
    parser.add_argument("--check", action="store_true", help="run load.py, and simulate the same")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console.print(machine() + "\n")
    if options.calibrate:
        service_times.save(options.times, calibrate.calibrate(0.7))
    times = service_times.read(options.times)
    calibrate.show(times)
    if options.check:
        for move_every in (1.0, 3600.0):
            check(times, 200, 20, move_every)
    steps: tuple[Callable[[ServiceTimes, int], None], ...] = (waits, champions, limits)
    started = time.perf_counter()
    rates(times, capacities(times, options.seed), options.seed)
    for step in steps:
        step(times, options.seed)
    console.print(f"simulated in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
