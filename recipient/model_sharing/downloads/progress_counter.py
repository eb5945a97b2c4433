"""Progress counters: filled by the download's threads, read by whoever waits for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue

from model_sharing.downloads.plan import Plan
from model_sharing.downloads.progress_observer import NoObserver, ProgressObserver
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.progress import Progress


class PhaseQueue:
    """Queue of phases as they begin, in order; between them, the progress `now`."""

    def __init__(self, now: Callable[[], Progress]) -> None:
        self._now = now
        self._begun: SimpleQueue[Progress | None] = SimpleQueue()

    def put(self, begun: Progress | None) -> None:
        """Add the start of a phase; None ends it all."""
        self._begun.put(begun)

    def next(self, seconds: float) -> Progress | None:
        """Next phase or, if none begins for so long, the present progress; None at the end."""
        try:
            return self._begun.get(timeout=seconds)
        except Empty:
            return self._now()

    def waiting(self) -> list[Progress]:
        """Phases that have begun since the last call and, after them, the present progress; never blocks."""
        found = []
        with contextlib.suppress(Empty):
            while (begun := self._begun.get_nowait()) is not None:
                found.append(begun)
        return [*found, self._now()]


class ProgressCounter:
    """Progress counter of one download, which passes on to another observer what it observes.

    `fetched` is how many bytes came from the provider and were kept. `progress` counts all of the version:
    what is here already is done from the start.
    """

    def __init__(self, observer: ProgressObserver | None = None) -> None:
        self._observer = observer or NoObserver()
        self._lock = threading.Lock()
        self._begun = Progress("")
        self._bytes = self._files = self._reused = 0
        self.fetched = 0
        self.phases = PhaseQueue(lambda: self.progress)

    @property
    def progress(self) -> Progress:
        """Progress of the present phase."""
        with self._lock:
            begun = self._begun
            return replace(
                begun,
                bytes_done=begun.bytes_done + self._bytes,
                files_done=begun.files_done + self._files,
                reused=begun.reused + self._reused,
            )

    def enter(self, phase: str, bytes_total: int | None = None, files_total: int = 0) -> None:
        """Begin a phase, counting from 0."""
        self._enter(Progress(phase, bytes_total=bytes_total, files_total=files_total))

    def step(self, size: int) -> None:
        """Count a file of the present phase, with its bytes."""
        with self._lock:
            self._bytes += size
            self._files += 1

    def begin(self, plan: Plan) -> None:
        """Begin the phase of fetching what the plan lacks."""
        size, files = plan.manifest.size, len(plan.manifest.files)
        here = size - plan.size
        # Some of what is here may have been fetched a moment ago, by a plan that did not work out.
        reused = max(0, here - self.fetched)
        self._enter(Progress("fetching", here, size, files - len(plan.missing), files, reused))
        self._observer.begin(plan)

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Count bytes that arrived."""
        with self._lock:
            self.fetched += size
            self._bytes += size
        self._observer.advance(size, file)

    def reused(self, size: int, file: ManifestFile) -> None:
        """Count bytes of a missing file that were in the cache."""
        with self._lock:
            self._bytes += size
            self._reused += size
        self._observer.reused(size, file)

    def file_done(self, file: ManifestFile | None = None) -> None:
        """Count a file."""
        with self._lock:
            self._files += 1
        self._observer.file_done(file)

    def end(self) -> None:
        """Pass on that the download has ended."""
        self._observer.end()

    def _enter(self, begun: Progress) -> None:
        with self._lock:
            self._begun = begun
            self._bytes = self._files = self._reused = 0
        self.phases.put(begun)


class PullProgressCounter:
    """Progress counter of several downloads, one after another, of `size` bytes as far as is known."""

    def __init__(self) -> None:
        self._versions = 0
        self._begun = 0
        self._size = 0
        self._done = Progress("")
        self._title = "asking the provider"
        self._current: ProgressCounter | None = None
        self.phases = PhaseQueue(lambda: self.progress)

    @property
    def progress(self) -> Progress:
        """Progress of all downloads together."""
        done = self._done
        now = self._current.progress if self._current else Progress("")
        return Progress(
            self._title,
            done.bytes_done + now.bytes_done,
            self._size or None,
            done.files_done + now.files_done,
            done.files_total + now.files_total,
            done.reused + now.reused,
        )

    def expect(self, versions: int, size: int) -> None:
        """Set the totals; some of it may be here already."""
        self._versions, self._size = versions, size

    def begin(self, title: str) -> ProgressCounter:
        """Begin with the next version."""
        self._begun += 1
        self._title = f"fetching {title} ({self._begun} of {self._versions})"
        self._current = ProgressCounter()
        self.phases.put(self.progress)
        return self._current

    def version_done(self, expected: int, *, reused: int, files: int) -> None:
        """Count the version that was begun, expected with this size: it is here or failed."""
        done = self._done
        self._current = None
        self._done = Progress(
            "",
            done.bytes_done + expected,
            None,
            done.files_done + files,
            done.files_total + files,
            done.reused + reused,
        )
