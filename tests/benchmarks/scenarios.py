"""Scenarios of recipients: ask without a pause, at a rate, wait for changes, pull a new champion."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from deployments import RECIPIENT_LINE, RECIPIENTS, ROUND_TRIPS, SYNC_SECONDS, Deployment, World, region_of
from queueing import Clock, Process
from service_times import ALIAS, CHANGES, FILE, NOT_MODIFIED, OVER_LIMIT, PAGE, QUERY, ServiceTimes

MIX = {NOT_MODIFIED: 0.80, ALIAS: 0.10, QUERY: 0.05, FILE: 0.04, PAGE: 0.01}
"""Parts of each kind of request, where nothing new is announced."""
WAIT_SECONDS, MOST_WAITING = 25, 2_000
"""A recipient asks to wait so long; so many may wait at one process."""
_AT_ONCE = 3_000
"""Recipients who ask without a pause, to find what a deployment can answer."""


@dataclass
class Result:
    """Rates in requests a second, of which those over the limit are apart; times in seconds, at the end
    nearest to the home region and farthest from it; utilization of the busiest station of each sort, 0 to 1.
    """

    rate: float
    utilization: dict[str, float]
    p50: float
    p99: float
    near_p99: float
    far_p99: float
    over_limit: float


@dataclass
class Meter:
    """World, and what its stations had done when the warm-up ended."""

    world: World
    since: float = 0.0
    before: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.since = self.world.clock.now
        self.before = [station.busy for station in self.world.stations]
        self.world.taken.clear()
        self.world.answered.clear()

    def result(self) -> Result:
        seconds = self.world.clock.now - self.since
        utilization: dict[str, float] = {}
        for station, before in zip(self.world.stations, self.before, strict=True):
            sort = station.name.partition(",")[0]
            used = (station.busy - before) / station.servers / seconds
            utilization[sort] = max(utilization.get(sort, 0.0), used)
        by_region: dict[int, list[float]] = {region: [] for region in range(len(ROUND_TRIPS))}
        for (kind, region), taken in self.world.taken.items():
            by_region[region] += taken if kind != OVER_LIMIT else []
        over_limit = self.world.answered[OVER_LIMIT]
        every = [each for taken in by_region.values() for each in taken]
        return Result(
            rate=(self.world.answered.total() - over_limit) / seconds,
            utilization=utilization,
            p50=quantile(every, 0.5),
            p99=quantile(every, 0.99),
            near_p99=quantile(by_region[0], 0.99),
            far_p99=quantile(by_region[len(ROUND_TRIPS) - 1], 0.99),
            over_limit=over_limit / seconds,
        )


def quantile(values: list[float], part: float) -> float:
    """A value that is not less than a part of all; 0 for none."""
    return sorted(values)[min(len(values) - 1, math.ceil(part * len(values)) - 1)] if values else 0.0


def model_of(recipient: int) -> int:
    """Model that a recipient asks for: always the same."""
    return recipient % 100


class Fleet:
    """Recipients at work on a deployment, with random choices by a seed."""

    def __init__(self, deployment: Deployment, times: ServiceTimes, seed: int) -> None:
        self.clock = Clock()
        self.world = World(self.clock, deployment, times)
        self.random = random.Random(seed)

    def _kind(self) -> str:
        return self.random.choices(list(MIX), list(MIX.values()))[0]

    def arrive(self, rate: float) -> Process:
        """Requests of all recipients, at random moments, so many a second."""
        while True:
            yield self.clock.sleep(self.random.expovariate(rate))
            who = self.random.randrange(RECIPIENTS)
            self.clock.spawn(self.world.request(self._kind(), who, model_of(who)))

    def ask_on(self, who: int) -> Process:
        """One recipient, who asks again as soon as there is an answer."""
        while True:
            yield from self.world.request(self._kind(), who, model_of(who))

    def change(self, every: float) -> Process:
        """Changes of rows, such as of aliases: servers read anew what they need."""
        while True:
            yield self.clock.sleep(every)
            self.world.changes += 1

    def run_until_answered(self, requests: int) -> None:
        """Run until there were so many answers since the last were noted, or for a minute."""
        ends = self.clock.now + 60
        while self.clock.now < ends and self.world.answered.total() < requests:
            self.clock.run(self.clock.now + 0.25)

    def measure(self, warm: float, seconds: float) -> Result:
        meter = Meter(self.world)
        self.clock.run(warm)
        meter.start()
        self.clock.run(warm + seconds)
        return meter.result()


def capacity(
    deployment: Deployment,
    times: ServiceTimes,
    *,
    change_every: float = 60,
    at_once: int = _AT_ONCE,
    seed: int = 1,
) -> Result:
    """The most that a deployment answers, by thousands who ask without a pause, and what is busy then."""
    fleet = Fleet(deployment, times, seed)
    for number in range(at_once):
        fleet.clock.spawn(fleet.ask_on(number))
    fleet.clock.spawn(fleet.change(change_every))
    meter = Meter(fleet.world)
    fleet.run_until_answered(2 * at_once)
    meter.start()
    fleet.run_until_answered(3 * at_once)
    return meter.result()


def steady(
    deployment: Deployment, times: ServiceTimes, rate: float, *, change_every: float = 60, seed: int = 1
) -> Result:
    """Requests at a rate, at random moments, from half way between two changes on."""
    fleet = Fleet(deployment, times, seed)
    asked = 1 - math.exp(-rate / RECIPIENTS * change_every / 2)
    for who in range(RECIPIENTS):
        if fleet.random.random() < asked:
            fleet.world.server(region_of(who), who).keep(who, model_of(who), 0)
    fleet.clock.spawn(fleet.arrive(rate))
    fleet.clock.spawn(fleet.change(change_every))
    seconds = max(2.0, min(40.0, 5_000 / rate))
    return fleet.measure(seconds / 4, seconds)


def watched(
    deployment: Deployment, times: ServiceTimes, recipients: int = RECIPIENTS, seed: int = 1
) -> Result:
    """Nothing changes, and all recipients wait for changes; too many of them ask each second instead."""
    fleet = Fleet(deployment, times, seed)
    servers = [server for site in fleet.world.sites for server in site.servers]
    share = recipients // len(servers)
    waiting = min(MOST_WAITING, share)
    for server in servers:
        fleet.clock.spawn(server.wait_for_changes(waiting))
    rate = len(servers) * (waiting / WAIT_SECONDS + (share - waiting))

    def ask() -> Process:
        while True:
            yield fleet.clock.sleep(fleet.random.expovariate(rate))
            fleet.clock.spawn(fleet.world.request(CHANGES, fleet.random.randrange(recipients)))

    fleet.clock.spawn(ask())
    return fleet.measure(2, 8)


def impatient(
    deployment: Deployment, times: ServiceTimes, rate: float, count: int, pause: float = 0, seed: int = 1
) -> Result:
    """Requests at a rate, beside so many recipients who ask without a pause, or with one after each 429."""
    fleet = Fleet(deployment, times, seed)
    fleet.clock.spawn(fleet.arrive(rate))

    def ask_on(who: int) -> Process:
        while True:
            if not (yield from fleet.world.request(ALIAS, who, model_of(who))):
                yield fleet.clock.sleep(pause)

    for number in range(count):
        fleet.clock.spawn(ask_on(RECIPIENTS + number))
    return fleet.measure(12, 4)


@dataclass(frozen=True)
class Arrival:
    """Seconds until half and all recipients have a new version, and how busy the stations were meanwhile."""

    half: float
    all: float
    utilization: dict[str, float]


def champion(
    deployment: Deployment,
    times: ServiceTimes,
    size: float,
    *,
    poll_seconds: float = 0,
    recipients: int = RECIPIENTS,
    seed: int = 1,
) -> Arrival:
    """A new champion of so many bytes: all hear of it at once, or when they poll, and pull it."""
    fleet = Fleet(deployment, times, seed)
    clock, world, ended = fleet.clock, fleet.world, []
    mirrored = deployment.sites == "mirrors"

    def pull(who: int, hears: float) -> Process:
        yield clock.sleep(hears)
        if mirrored and region_of(who):
            yield clock.sleep(SYNC_SECONDS)
        for kind in (NOT_MODIFIED if poll_seconds else CHANGES, ALIAS, QUERY):
            yield from world.request(kind, who)
        if mirrored and region_of(who):
            # The first one in the region is what the mirror pulls itself.
            arrives = SYNC_SECONDS + ROUND_TRIPS[region_of(who)] + size / RECIPIENT_LINE
            yield clock.sleep(max(0.0, arrives - clock.now))
        yield from world.download(who, size)
        ended.append(clock.now)

    meter = Meter(world)
    meter.start()
    world.changes += 1
    for who in range(recipients):
        clock.spawn(pull(who, fleet.random.uniform(0, poll_seconds)))
    clock.run()
    return Arrival(quantile(ended, 0.5), max(ended), meter.result().utilization)
