"""Deployments as stations, and the way of a request through servers, databases, lines and buckets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from queueing import Clock, Groups, Process, SharedLine, Station, Wait
from service_times import ALIAS, FILE, NOT_MODIFIED, OVER_LIMIT, QUERY, DatabaseTimes, ServiceTimes

RECIPIENTS = 10_000
"""Recipients; whoever has a higher number is beside them, and not measured."""
ROUND_TRIPS = (0.002, 0.030, 0.080, 0.150, 0.220)
"""Seconds from a recipient in each region to the home region, which is the first, and back."""
NEAR = ROUND_TRIPS[0]
IN_A_SITE = 0.0005
"""Seconds from a server to a database in the same region, and back."""
LINE = 1.25e9
"""Bytes a second that a site sends: 10 Gbit/s."""
RECIPIENT_LINE = 125e6
"""Bytes a second that a recipient receives at the most, and one site of another: 1 Gbit/s."""
BUCKET, FIRST_BYTE = 12.5e9, 0.05
"""Bytes a second that a bucket sends, or one region of a content network; seconds to the first."""
SYNC_SECONDS = 0.66
"""Until a change at home is in the rows of a mirrored catalog: measured by `mirror.py`."""
_PART = 16 * 2**20
_APPEND_STEPS, _READ_ROUND_TRIPS = 3, 3
"""Begin, insert and commit; begin, with the first statement, and the rest."""
_SWITCH_SECONDS = 0.005
"""A thread waits for the interpreter so long at each step, at the most, while the event loop is busy."""


@dataclass(frozen=True)
class Deployment:
    """Way to run providers. `workers` are server processes of each site, `database_cores` PostgreSQL's.

    `sites`: "home", all recipients ask the home region; "mirrors", a metastore in each region, of which all
    but home have a catalog from the home's share; "servers", servers in each region over the home's database.
    `files` come from the "servers", from a "bucket" at home, or from a content network in each region, "cdn".
    """

    name: str
    database: str = "postgresql"
    workers: int = 1
    database_cores: int = 4
    sites: str = "home"
    files: str = "servers"
    events_in_groups: bool = True
    requests_per_minute: int = 0
    """Limit of one recipient at one process; 0 is none."""


class Database:
    """Station of one database: PostgreSQL's cores, or the lock for which SQLite's writers take turns."""

    def __init__(
        self, clock: Clock, name: str, cores: int, flush: float, host: Station | None = None
    ) -> None:
        self.is_remote = cores > 0
        self.flush = flush
        kind = "database CPU" if self.is_remote else "SQLite writer"
        self.station = Station(clock, f"{kind}, {name}", max(1, cores), host)


class Server:
    """Server process: its turn at the processor, commits and reads in groups, and what it keeps of reads."""

    def __init__(
        self,
        clock: Clock,
        name: str,
        times: DatabaseTimes,
        database: Database,
        round_trip: float = 0.0,
        *,
        host: Station | None = None,
        events_in_groups: bool = True,
    ) -> None:
        self.cpu = Station(clock, f"server CPU, {name}", 1, host)
        self.events = 0
        self.commits = Groups(
            clock, f"commits in turn, {name}", self._commit, None if events_in_groups else 1
        )
        self._clock = clock
        self._times = times
        self._database = database
        self._round_trip = round_trip
        self._kept: dict[object, int] = {}
        self._reads = Groups(clock, f"reads, {name}", self._read)
        self._left: dict[int, tuple[float, float]] = {}

    def answer(self, kind: str, recipient: int, model: int, changes: int) -> Process:
        """Work on a request. It reads anew what was read before the last of so many `changes`."""
        needs: list[object] = [("token", recipient)]
        if kind in {ALIAS, NOT_MODIFIED, QUERY}:
            needs.append((kind == QUERY, recipient, model))
        missing = [each for each in needs if self._kept.get(each) != changes]
        if kind == OVER_LIMIT:
            missing = []
        self._kept.update(dict.fromkeys(missing, changes))
        times = self._times.requests[kind]
        yield self.cpu.use(times.server)
        for _ in missing:
            yield self._clock.sleep(_READ_ROUND_TRIPS * self._round_trip)
            yield self._database.station.use(self._times.miss_database)
            yield self.cpu.use(self._times.miss_server, within=_SWITCH_SECONDS)
        for _ in range(times.reads - len(missing)):
            yield self._reads.join()
        if times.database:
            yield self._database.station.use(times.database)
        self.events += times.events
        for _ in range(times.events):
            yield self.commits.join()

    def keep(self, recipient: int, model: int, changes: int) -> None:
        """Keep what a recipient's requests for a model need, as if it had asked since the last change."""
        for key in (("token", recipient), (False, recipient, model), (True, recipient, model)):
            self._kept[key] = changes

    def is_over(self, recipient: int, limit: int) -> bool:
        """Count a request against a limit a minute, which may come at once and is refilled evenly."""
        now = self._clock.now
        left, since = self._left.get(recipient, (float(limit), now))
        left = min(float(limit), left + (now - since) * limit / 60)
        self._left[recipient] = (left - 1 if left >= 1 else left, now)
        return left < 1

    def send(self, size: float, line: SharedLine) -> Process:
        """Bytes of a large file, in parts: the processor's turn for each, then the line's."""
        while size > 0:
            part = min(size, _PART)
            yield self.cpu.use(part * self._times.byte_server)
            yield line.send(part)
            size -= part

    def wait_for_changes(self, waiting: int) -> Process:
        """Cost of recipients who wait, in a hundred steps a second."""
        while waiting:
            yield self._clock.sleep(0.01)
            yield self.cpu.use(0.01 * waiting * self._times.waiting_server)
            if seconds := 0.01 * waiting * self._times.waiting_database:
                yield self._database.station.use(seconds)

    def _read(self, _: int) -> Process:
        if self._database.is_remote:
            yield self._clock.sleep(self._round_trip)
            yield self.cpu.use(0.0, within=_SWITCH_SECONDS)

    def _commit(self, _: int) -> Process:
        for _ in range(_APPEND_STEPS):
            yield self.cpu.use(self._times.group_server / _APPEND_STEPS, within=_SWITCH_SECONDS)
            yield self._clock.sleep(self._round_trip)
        if self._database.is_remote:
            yield self._database.station.use(self._times.group_database)
            # Connections flush together: none waits for another's turn.
            yield self._clock.sleep(self._database.flush)
        else:
            yield self._database.station.use(self._database.flush)


@dataclass(frozen=True)
class Site:
    """Servers of one region, and the line that they send by."""

    servers: list[Server]
    line: SharedLine
    database: Database


class World:
    """Deployment with recipients in five regions; notes how long each request took, by kind and region."""

    def __init__(self, clock: Clock, deployment: Deployment, times: ServiceTimes) -> None:
        self.clock = clock
        self.deployment = deployment
        self.times = times.databases[deployment.database]
        self.changes = 0
        """Changes of rows so far: what servers keep is void after each."""
        self.taken: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.answered: Counter[str] = Counter()
        """Requests by kind, those of recipients who are not measured included."""
        self.sites: list[Site] = []
        for region in range(len(ROUND_TRIPS) if deployment.sites != "home" else 1):
            self.sites.append(self._site(region, times.flush))
        regions = {"cdn": len(ROUND_TRIPS), "bucket": 1}.get(deployment.files, 0)
        self.buckets = [SharedLine(clock, f"bucket, region {number}", BUCKET) for number in range(regions)]

    def _site(self, region: int, flush: float) -> Site:
        deployment, name, clock = self.deployment, f"region {region}", self.clock
        away = deployment.sites == "servers" and region > 0
        cores = deployment.database_cores if deployment.database == "postgresql" else 0
        database = self.sites[0].database if away else Database(clock, name, cores, flush)
        round_trip = (ROUND_TRIPS[region] if away else IN_A_SITE) * database.is_remote
        grouped = deployment.events_in_groups
        servers = [
            Server(clock, name, self.times, database, round_trip, events_in_groups=grouped)
            for _ in range(deployment.workers)
        ]
        return Site(servers, SharedLine(clock, f"line, {name}", LINE), database)

    @property
    def stations(self) -> Sequence[Station | SharedLine | Groups]:
        """Stations that bound the rate. Commits do if each is of one event: groups grow with what comes."""
        servers = [server for site in self.sites for server in site.servers]
        bounds: list[Station | SharedLine | Groups] = [server.cpu for server in servers]
        if self.deployment.database == "postgresql":
            bounds += dict.fromkeys(site.database.station for site in self.sites)
        if not self.deployment.events_in_groups:
            bounds += [server.commits for server in servers]
        return [*bounds, *(site.line for site in self.sites), *self.buckets]

    def site(self, region: int) -> Site:
        return self.sites[region if len(self.sites) > 1 else 0]

    def server(self, region: int, recipient: int) -> Server:
        servers = self.site(region).servers
        return servers[recipient // len(ROUND_TRIPS) % len(servers)]

    def request(self, kind: str, recipient: int, model: int = 0) -> Generator[Wait, None, bool]:
        """One request of a recipient, there and back; false if it was over the limit."""
        started, region = self.clock.now, region_of(recipient)
        away = (NEAR if len(self.sites) > 1 else ROUND_TRIPS[region]) / 2
        server, limit = self.server(region, recipient), self.deployment.requests_per_minute
        yield self.clock.sleep(away)
        if limit and server.is_over(recipient, limit):
            kind = OVER_LIMIT
        if kind != FILE or self.deployment.files == "servers":
            yield from server.answer(kind, recipient, model, self.changes)
        yield self.clock.sleep(away)
        self.answered[kind] += 1
        if recipient < RECIPIENTS:
            self.taken[kind, region].append(self.clock.now - started)
        return kind != OVER_LIMIT

    def download(self, recipient: int, size: float) -> Process:
        """Send a large file, in no less time than the recipient's own line takes."""
        started, region = self.clock.now, region_of(recipient)
        if self.deployment.files == "servers":
            away = NEAR if len(self.sites) > 1 else ROUND_TRIPS[region]
            yield self.clock.sleep(away)
            yield from self.server(region, recipient).send(size, self.site(region).line)
        else:
            near = len(self.buckets) > 1
            yield self.clock.sleep(FIRST_BYTE + (NEAR if near else ROUND_TRIPS[region]))
            yield self.buckets[region if near else 0].send(size)
        yield self.clock.sleep(max(0.0, started + size / RECIPIENT_LINE - self.clock.now))


def region_of(recipient: int) -> int:
    return recipient % len(ROUND_TRIPS)
