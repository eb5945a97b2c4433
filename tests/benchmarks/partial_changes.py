"""A new version of which the cache has most, against downloading all of it: unpaced, and from a paced store.

The store is paced as object stores are: so many bytes a second on each connection, and the first byte of
each answer after 50 ms. What counts is the time in the process, from the question to the verified folder. A
version of which a share `s` changed can at best be here 1/s times as fast: `of the best` is how much of that
was reached. Each version is compared with what was registered, byte by byte.

The floor is `cp` of a whole version, which verifies nothing: what the cache has of a version is copied, too.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fine_tuned import BASE, SIBLINGS, write_version
from paced import paced_proxy
from results import Row, arguments, report
from rich.table import Table
from side_by_side import console, machine, timed
from stage import BIN, MLMODEL, Stage, in_memory, provider, serving

WEIGHTS = "weights.bin"
_LOAD = """
import resource, sys, time, model_sharing
catalog = model_sharing.catalog("vendor")
began = time.perf_counter()
snapshot = catalog.snapshot(f"bench.llm/{sys.argv[1]}")
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
print(seconds, used.ru_utime + used.ru_stime, snapshot.fetched, snapshot.folder)
"""


@dataclass(frozen=True)
class Load:
    """One load: seconds of the call, CPU seconds of its process, bytes that were fetched, the folder."""

    seconds: float
    cpu: float
    fetched: int
    folder: Path


@dataclass
class Versions:
    """Versions of one model, 1 being the base of all; `changed` is how many bytes of each are new."""

    stage: Stage
    sources: Path
    changed: dict[int, int] = field(default_factory=dict)

    def register(self, size: int) -> None:
        """Write all versions and register them."""
        self.sources.mkdir()
        folder = self.stage.folder / "llm"
        folder.mkdir()
        (folder / "MLmodel").write_text(MLMODEL)
        for version, sibling in enumerate([BASE, *SIBLINGS[:4]], 1):
            base = self.source(1) if version > 1 else None
            self.changed[version] = write_version(self.source(version), size, sibling, base)
            shutil.copyfile(self.source(version), folder / WEIGHTS)
            delta = ("--delta-from", "1") if sibling.touched else ()
            provider(self.stage.folder, "model", "register", folder, "prod.bench.llm", *delta)
        shutil.rmtree(folder)

    def source(self, version: int) -> Path:
        """What was registered."""
        return self.sources / str(version)


class Line:
    """A way to the provider: two homes of a recipient on it, one empty and one that has the base."""

    def __init__(self, versions: Versions, title: str, address: str) -> None:
        self.title = title
        self._folder = versions.stage.folder / title.replace(" ", "-").replace("/", "-")
        self._folder.mkdir()
        profile = json.loads(versions.stage.profile.read_text())
        profile["endpoint"] = urlsplit(profile["endpoint"])._replace(netloc=address).geturl()
        path = self._folder / "profile.share"
        path.write_text(json.dumps(profile))
        mount: list[str | Path] = [BIN / "model-sharing", "mount", path, "acme", "--as", "vendor"]
        subprocess.run(mount, env=self._environment("empty"), check=True, capture_output=True)
        shutil.copytree(self._folder / "empty", self._folder / "base here")
        self._run(1, "base here")

    def load(self, version: int, *, base_here: bool) -> Load:
        """Load a version into a home that is as it was before."""
        home = self._folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        start = self._folder / ("base here" if base_here else "empty")
        shutil.copytree(start, home, copy_function=os.link)
        return self._run(version, "home")

    def copy(self, source: Path) -> Load:
        """Copy a version by `cp`."""
        copy = self._folder / "copy"
        copy.unlink(missing_ok=True)
        run = timed(["cp", str(source), str(copy)])
        return Load(run.seconds, run.cpu, 0, copy)

    def _run(self, version: int, home: str) -> Load:
        command: list[str | Path] = [BIN / "python", "-c", _LOAD, str(version)]
        done = subprocess.run(
            command, env=self._environment(home), check=True, stdout=subprocess.PIPE, text=True
        )
        seconds, cpu, fetched, folder = done.stdout.split(maxsplit=3)
        return Load(float(seconds), float(cpu), int(fetched), Path(folder.strip()))

    def _environment(self, home: str) -> dict[str, str]:
        return {**os.environ, "MODEL_SHARING_HOME": str(self._folder / home)}


def compare(versions: Versions, line: Line, rounds: int) -> dict[int, float]:
    """Load all of one version and what changed of each in turn, and print medians; speed-ups by version."""
    whole: list[Load] = []
    copies: list[Load] = []
    partial: dict[int, list[Load]] = {version: [] for version in versions.changed if version > 1}
    for _ in range(rounds):
        whole.append(line.load(1, base_here=False))
        copies.append(line.copy(versions.source(1)))
        for version, loads in partial.items():
            loads.append(line.load(version, base_here=True))
            same = filecmp.cmp(loads[-1].folder / WEIGHTS, versions.source(version), shallow=False)
            assert same, f"version {version} is not what was registered"
    table = Table(title=f"{line.title} (medians of {rounds})", title_justify="left", box=None)
    for column in ("", "changed", "fetched", "seconds", "cpu s", "speed by all of it", "of the best"):
        table.add_column(column, justify="right" if column else "left")
    size = versions.source(1).stat().st_size
    speed_ups: dict[int, float] = {}
    table.add_row("all of it", "100 %", *_row(whole, size), "1.0", "")
    table.add_row("floor: cp", "", *_row(copies, size), f"{_speed_up(whole, copies):.1f}", "")
    for version, loads in partial.items():
        share = versions.changed[version] / size
        speed_ups[version] = speed_up = _speed_up(whole, loads)
        table.add_row(
            SIBLINGS[version - 2].title,
            f"{100 * share:.1f} %",
            *_row(loads, size),
            f"{speed_up:.1f}",
            f"{speed_up * share:.2f}",
        )
    console.print(table)
    console.print()
    return speed_ups


def _speed_up(whole: Sequence[Load], loads: Sequence[Load]) -> float:
    return statistics.median(a.seconds / b.seconds for a, b in zip(whole, loads, strict=True))


def _row(loads: Sequence[Load], size: int) -> tuple[str, str, str]:
    median = statistics.median
    return (
        f"{100 * loads[0].fetched / size:.1f} %",
        f"{median(load.seconds for load in loads):.2f}",
        f"{median(load.cpu for load in loads):.2f}",
    )


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--size", type=int, default=2**30, help="bytes of a version")
    parser.add_argument("--rate", type=int, default=90_000_000, help="bytes a second of a paced connection")
    options = parser.parse_args()
    console.print(machine() + "\n")
    with (
        in_memory(15 * options.size) as folder,
        serving(folder, {}) as stage,
        paced_proxy(urlsplit(stage.endpoint).netloc, options.rate) as proxy,
    ):
        versions = Versions(stage, folder / "sources")
        versions.register(options.size)
        time.sleep(1)  # until the server has written its audit log
        unpaced = Line(versions, "unpaced", urlsplit(stage.endpoint).netloc)
        speed_ups = compare(versions, unpaced, options.rounds)
        report([_target(2, speed_ups, 3, "unpaced"), _target(5, speed_ups, 1, "unpaced")], keep=options.save)
        paced = Line(versions, f"{options.rate / 1e6:g} MB/s a connection", proxy)
        speed_ups = compare(versions, paced, options.rounds)
        best = {version: options.size / versions.changed[version] for version in (2, 3, 4)}
        rows = [_target(version, speed_ups, 0.8 * best[version], "paced store") for version in best]
        report(rows, keep=options.save)


def _target(version: int, speed_ups: dict[int, float], target: float, where: str) -> Row:
    title = f"{SIBLINGS[version - 2].title}, {where}, its base here"
    return Row.at_least(title, speed_ups[version], "x", target, "all of it")


if __name__ == "__main__":
    main()
