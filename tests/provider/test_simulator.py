"""The simulator of `tests/benchmarks/`, against theory: queues, shared lines, groups, deployments."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from deployments import Deployment
from queueing import Clock, Groups, Process, SharedLine, Station
from scenarios import MIX, capacity, champion, impatient, steady
from service_times import FILE, KINDS, OVER_LIMIT, DatabaseTimes, RequestTimes, ServiceTimes

ARRIVALS = 20_000


def times(server: float = 0.001, database: float = 0.0001, *, group: float = 0.0) -> ServiceTimes:
    """The same for all kinds of requests, with round numbers."""
    of_request = RequestTimes(server, database, reads=1, events=1)
    requests = {**dict.fromkeys(KINDS, of_request), OVER_LIMIT: RequestTimes(server / 10, 0.0, 0, 0)}
    costs = DatabaseTimes(requests, group, group, 0.0, 0.0, 0.0, 0.0, 1e-9)
    return ServiceTimes("a machine of a test", 0.0, 0.0, {"sqlite": costs, "postgresql": costs})


def mean_time(take: Callable[[random.Random], Process], clock: Clock, rate: float, arrivals: int) -> float:
    """Mean seconds in a system of what comes at random moments."""
    chance, taken = random.Random(7), []

    def one() -> Process:
        began = clock.now
        yield from take(chance)
        taken.append(clock.now - began)

    def come() -> Process:
        for _ in range(arrivals):
            yield clock.sleep(chance.expovariate(rate))
            clock.spawn(one())

    clock.spawn(come())
    clock.run()
    assert len(taken) == arrivals
    return sum(taken) / arrivals


@pytest.mark.parametrize("load", [0.5, 0.7])
def test_queues_wait_as_theory_says(load: float) -> None:
    """A constant service waits half as long as one of random length (Pollaczek and Khinchine)."""
    clock = Clock()
    station = Station(clock, "constant")
    found = mean_time(lambda _: iter([station.use(1.0)]), clock, load, ARRIVALS)
    assert found == pytest.approx(1 + load / 2 / (1 - load), rel=0.05)
    assert station.busy == station.jobs == ARRIVALS

    clock = Clock()
    station = Station(clock, "random")
    found = mean_time(lambda chance: iter([station.use(chance.expovariate(1.0))]), clock, load, ARRIVALS)
    assert found == pytest.approx(1 / (1 - load), rel=0.05)


def test_two_servers_of_a_station_wait_as_theory_says() -> None:
    """Erlang's formula: with two servers, each busy for a part of the time, the mean is 1 / (1 - part²)."""
    clock = Clock()
    station = Station(clock, "two", 2)
    found = mean_time(lambda chance: iter([station.use(chance.expovariate(1.0))]), clock, 1.4, ARRIVALS)
    assert found == pytest.approx(1 / (1 - 0.7**2), rel=0.05)


def test_transfers_share_a_line() -> None:
    clock, ended = Clock(), {}
    line = SharedLine(clock, "line", 100.0)

    def send(name: str, begins: float, size: float) -> Process:
        yield clock.sleep(begins)
        yield line.send(size)
        ended[name] = clock.now

    clock.spawn(send("long", 0, 300))
    clock.spawn(send("short", 1, 50))
    clock.run()
    assert ended == {"short": pytest.approx(2.0), "long": pytest.approx(3.5)}
    assert line.busy == pytest.approx(3.5)

    clock = Clock()
    line = SharedLine(clock, "line", 1.0)
    found = mean_time(lambda chance: iter([line.send(chance.expovariate(1.0))]), clock, 0.6, ARRIVALS)
    assert found == pytest.approx(1 / (1 - 0.6), rel=0.05)


def test_who_comes_during_a_commit_shares_the_next() -> None:
    clock, sizes, ended = Clock(), [], {}

    def commit(size: int) -> Process:
        sizes.append(size)
        yield clock.sleep(1.0)

    groups = Groups(clock, "commits", commit)

    def event(name: str, comes: float) -> Process:
        yield clock.sleep(comes)
        yield groups.join()
        ended[name] = clock.now

    for name, comes in (("first", 0.0), ("second", 0.2), ("third", 0.9), ("late", 5.0)):
        clock.spawn(event(name, comes))
    clock.run()
    assert sizes == [1, 2, 1]
    assert ended == {"first": 1.0, "second": 2.0, "third": 2.0, "late": 6.0}


def test_processes_share_the_cores_of_their_machine() -> None:
    clock, ended = Clock(), []
    machine = Station(clock, "machine", 2, slower=1.5)
    processes = [Station(clock, f"process {number}", host=machine) for number in range(3)]

    def work(process: Station) -> Process:
        yield process.use(1.0)
        ended.append(clock.now)

    for process in processes:
        clock.spawn(work(process))
    clock.run()
    assert ended == [1.5, 1.5, 3.0]
    assert [process.busy for process in processes] == [1.0] * 3


def test_the_busiest_station_bounds_a_deployment() -> None:
    deployment = Deployment("one", workers=2, database_cores=1, files="cdn")
    asked_of_servers = sum(part for kind, part in MIX.items() if kind != FILE)
    by_server = capacity(deployment, times(server=0.001), at_once=300)
    assert max(by_server.utilization, key=by_server.utilization.__getitem__) == "server CPU"
    assert by_server.rate == pytest.approx(2_000 / asked_of_servers, rel=0.05)

    by_database = capacity(deployment, times(server=0.0001, database=0.002), at_once=300)
    assert max(by_database.utilization, key=by_database.utilization.__getitem__) == "database CPU"
    assert by_database.rate == pytest.approx(500 / asked_of_servers, rel=0.05)


def test_utilization_is_rate_times_service_and_times_are_no_less_than_the_way() -> None:
    found = steady(Deployment("one"), times(), 300.0)
    assert found.utilization["server CPU"] == pytest.approx(found.rate * 0.001, rel=0.02)
    assert found.rate == pytest.approx(300.0, rel=0.05)
    assert found.near_p99 < 0.02
    assert 0.22 < found.far_p99 < 0.24


def test_the_same_seed_is_the_same_run() -> None:
    deployment = Deployment("one", "sqlite", sites="mirrors")
    first, again, other = (steady(deployment, times(), 200.0, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_limit_keeps_one_recipient_from_taking_all() -> None:
    free = impatient(Deployment("one"), times(), 50.0, 5, pause=1)
    limited = impatient(Deployment("one", requests_per_minute=30), times(), 50.0, 5, pause=1)
    assert free.over_limit == 0
    assert free.rate > 200
    # Each of the five may ask every other second. It is refused as soon as it was answered, and once more.
    assert limited.rate == pytest.approx(50 + 5 * 0.5, rel=0.2)
    assert limited.over_limit == pytest.approx(5 * 1.0, rel=0.2)


def test_all_recipients_get_a_new_champion_sooner_from_nearby() -> None:
    servers, network, mirrors = (
        champion(each, times(), 50e6, recipients=1_000)
        for each in (
            Deployment("servers", workers=4),
            Deployment("network", workers=4, files="cdn"),
            Deployment("mirrors", sites="mirrors"),
        )
    )
    assert servers.all > 1_000 * 50e6 / 1.25e9
    assert servers.all > 3 * mirrors.all > 3 * network.all
