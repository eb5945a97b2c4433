"""Discrete-event simulation of queues: a clock, stations that serve in turn, groups, and shared lines.

A process is a generator that yields what it waits for: `yield cpu.use(0.001)`. Times are in seconds.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Done = Callable[[], None]
Wait = Callable[[Done], None]
"""Wait for something: calls back, once, when it has happened."""
Process = Iterator[Wait]


class Clock:
    """Simulated time, and what is to happen when; at the same moment, in the order that it was set in."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Done]] = []

    def at(self, moment: float, event: Done) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def sleep(self, seconds: float) -> Wait:
        return lambda done: self.at(self.now + seconds, done)

    def spawn(self, process: Process) -> None:
        """Run a process from now on, until it ends."""

        def proceed() -> None:
            wait = next(process, None)
            if wait is not None:
                wait(proceed)

        self.at(self.now, proceed)

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen that is due, and be at `until` then, if it is given."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        if until < float("inf"):
            self.now = until


@dataclass(slots=True)
class _Job:
    seconds: float
    done: Done
    is_served: bool = False


class Station:
    """Queue before one or several equal servers, first come, first served.

    With `host`, a job that is served also needs a server of the host for all of its time: a process that runs
    one thing at a time, on a machine whose cores others use, too. `slower` is by how much everything takes
    longer here, since somebody else uses these cores.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        servers: int = 1,
        host: Station | None = None,
        slower: float = 1.0,
    ) -> None:
        self.name = name
        self.servers = servers
        self.busy = 0.0
        """Seconds of service so far, of all servers."""
        self.jobs = 0
        self._clock = clock
        self._host = host
        self._slower = slower
        self._free = servers
        self._queue: deque[_Job] = deque()
        self._first: deque[_Job] = deque()

    def use(self, seconds: float, *, within: float | None = None) -> Wait:
        """Wait for a server and so many seconds of its service; `within` is when it goes before the queue."""

        def enter(done: Done) -> None:
            if self._free:
                self._serve(seconds, done)
                return
            job = _Job(seconds, done)
            self._queue.append(job)
            if within is not None:
                self._clock.at(self._clock.now + within, lambda: self._first.append(job))

        return enter

    def _next(self) -> _Job | None:
        """Who is served next; whoever went before the queue is still in it, too."""
        for queue in (self._first, self._queue):
            while queue:
                job = queue.popleft()
                if not job.is_served:
                    job.is_served = True
                    return job
        return None

    def _serve(self, seconds: float, done: Done) -> None:
        self._free -= 1

        def end() -> None:
            self.busy += seconds
            self.jobs += 1
            self._free += 1
            if job := self._next():
                self._serve(job.seconds, job.done)
            done()

        serve = self._host.use(seconds) if self._host else self._clock.sleep(seconds * self._slower)
        serve(end)


class Groups:
    """Groups one after another: what comes while one is worked on is the next, as events that share a commit.

    `work` is a process that does one group of a size. `most` bounds the size.
    """

    def __init__(
        self, clock: Clock, name: str, work: Callable[[int], Process], most: int | None = None
    ) -> None:
        self.name = name
        self.servers = 1
        self.busy = 0.0
        """Seconds so far in which there was a group."""
        self.count = 0
        """Groups so far."""
        self._clock = clock
        self._work = work
        self._most = most
        self._waiting: deque[Done] = deque()
        self._working = False

    def join(self) -> Wait:
        """Wait until a group that began after this moment is done."""

        def enter(done: Done) -> None:
            self._waiting.append(done)
            if not self._working:
                self._working = True
                self._clock.spawn(self._run())

        return enter

    def _run(self) -> Process:
        while self._waiting:
            size = min(self._most or len(self._waiting), len(self._waiting))
            group = [self._waiting.popleft() for _ in range(size)]
            began = self._clock.now
            yield from self._work(size)
            self.busy += self._clock.now - began
            self.count += 1
            for done in group:
                done()
        self._working = False


class SharedLine:
    """Bandwidth that all transfers share equally, in bytes a second (processor sharing).

    Equal shares mean that the transfer with the least left ends first, whatever comes later: each is kept by
    the bytes that every transfer will have got when it ends.
    """

    def __init__(self, clock: Clock, name: str, rate: float) -> None:
        self.name = name
        self.servers = 1
        self.busy = 0.0
        """Seconds in which anything was sent."""
        self._clock = clock
        self._rate = rate
        self._sent = 0.0
        self._since = 0.0
        self._order = itertools.count()
        self._transfers: list[tuple[float, int, Done]] = []
        self._version = 0

    def send(self, size: float) -> Wait:
        def enter(done: Done) -> None:
            self._advance()
            heapq.heappush(self._transfers, (self._sent + size, next(self._order), done))
            self._plan()

        return enter

    def _advance(self) -> None:
        passed, self._since = self._clock.now - self._since, self._clock.now
        if self._transfers:
            self.busy += passed
            self._sent += passed * self._rate / len(self._transfers)

    def _plan(self) -> None:
        """Set the end of the next transfer; the one that was set before is void."""
        self._version += 1
        if not self._transfers:
            return
        version = self._version
        left = max(0.0, self._transfers[0][0] - self._sent)

        def end() -> None:
            if version != self._version:
                return
            self._advance()
            _, _, done = heapq.heappop(self._transfers)
            self._plan()
            done()

        self._clock.at(self._clock.now + left * len(self._transfers) / self._rate, end)
