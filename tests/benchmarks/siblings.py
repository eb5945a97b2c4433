"""A version that was trained from one that is here, against downloading all of it: bytes and seconds.

At the pace of the machine, and at 90 MiB a second, which is what one connection to a bucket gives.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fine_tuned import BASE, SIBLINGS, Sibling, write_version
from results import Panel, Row, arguments, report
from rich.table import Table
from side_by_side import Run, compare, console, machine, medians, speed_by, timed
from stage import BIN, MLMODEL, Stage, in_memory, provider, serving

PACED = 90 * 2**20
HERE, WHOLE = "with its base here", "all of it"
PROGRAM = """
import sys, model_sharing
snapshot = model_sharing.catalog("vendor").snapshot(f"bench.llm/{sys.argv[1]}")
open(sys.argv[2], "w").write(str(snapshot.fetched))
"""


@dataclass
class Versions:
    """The base is version 1; `changed` and `fetched` are bytes by version."""

    stage: Stage
    changed: dict[int, int] = field(default_factory=dict)
    fetched: dict[int, int] = field(default_factory=dict)

    def register(self, size: int) -> None:
        folder = self.stage.folder / "llm"
        folder.mkdir()
        (folder / "MLmodel").write_text(MLMODEL)
        base, weights = self.stage.folder / "base", folder / "weights.bin"
        write_version(base, size, BASE)
        shutil.copy(base, weights)
        provider(self.stage.folder, "model", "register", folder, "prod.bench.llm")
        for version, sibling in enumerate(SIBLINGS, 2):
            self.changed[version] = write_version(weights, size, sibling, base)
            delta = ("--delta-from", "1") if sibling.touched else ()
            provider(self.stage.folder, "model", "register", folder, "prod.bench.llm", *delta)
        shutil.rmtree(folder)

    def prepare(self) -> None:
        """A home with nothing in its cache, and one with the base."""
        self.stage.recipient()
        shutil.copytree(self.stage.folder / "recipient", self._home(WHOLE))
        shutil.copytree(self.stage.folder / "recipient", self._home(HERE))
        self._load(1, self._home(HERE), {})

    def load(self, version: int, start: str, rate: int = 0) -> Run:
        """Load a version into a home that was left as `start` says; `rate` in bytes a second, or 0."""
        home = self.stage.folder / "recipient"
        shutil.rmtree(home)
        shutil.copytree(self._home(start), home, copy_function=os.link)
        run = self._load(version, home, {"MODEL_SHARING_LIMIT_RATE": str(rate)} if rate else {})
        if start == HERE:
            self.fetched[version] = int((self.stage.folder / "fetched").read_text())
        return run

    def maps(self, version: int) -> int:
        """The size of a version's chunk maps."""
        path = f"/shares/acme/schemas/bench/models/llm/versions/{version}/query"
        size: int = json.loads(self.stage.call(path, "POST").splitlines()[1])["metaData"]["chunkMaps"]["size"]
        return size

    def _home(self, start: str) -> Path:
        return self.stage.folder / "homes" / start

    def _load(self, version: int, home: Path, settings: dict[str, str]) -> Run:
        command = [str(BIN / "python"), "-c", PROGRAM, str(version), str(self.stage.folder / "fetched")]
        return timed(command, {**os.environ, "MODEL_SHARING_HOME": str(home), **settings})


def contenders(versions: Versions, version: int, rate: int) -> dict[str, Callable[[], Run]]:
    return {start: partial(versions.load, version, start, rate) for start in (HERE, WHOLE)}


def show_bytes(versions: Versions) -> None:
    table = Table(title="Bytes", title_justify="left", box=None)
    for column in ("", "changed MiB", "fetched MiB", "chunk maps KiB", "both by changed"):
        table.add_column(column, justify="right" if column else "left")
    for version, sibling in enumerate(SIBLINGS, 2):
        changed, fetched, maps = versions.changed[version], versions.fetched[version], versions.maps(version)
        table.add_row(
            sibling.title,
            f"{changed / 2**20:.1f}",
            f"{fetched / 2**20:.1f}",
            f"{maps / 2**10:.1f}",
            f"{(fetched + maps) / changed:.4f}",
        )
    console.print(table)


def speed_up(sibling: Sibling, title: str, speed: float, changed: float, *, paced: bool) -> list[Row]:
    """Row of a version of which the share `changed` is new: four fifths of what that share allows.

    Unpaced, the smallest change has a target; and what the provider offers a delta for, which may be passed
    over, is never slower than the whole.
    """
    if sibling.touched:
        return [] if paced else [Row.at_least(title, speed, "x", 1, WHOLE)]
    if changed < 0.5 and paced:
        return [Row.at_least(title, speed, "x", 0.8 / changed, WHOLE)]
    return [Row.at_least(title, speed, "x", 3, WHOLE)] if changed < 0.1 else []


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--size", type=int, default=2**30, help="bytes of a version")
    options = parser.parse_args()
    console.print(machine() + "\n")
    bars: dict[str, float] = {}
    whole: dict[str, float] = {}
    rows: list[Row] = []
    with (
        in_memory(11 * options.size) as folder,
        serving(folder, {}) as stage,
    ):
        versions = Versions(stage)
        versions.register(options.size)
        versions.prepare()
        for rate, pace in ((0, "unpaced"), (PACED, f"at {PACED // 2**20} MiB/s")):
            for version, sibling in enumerate(SIBLINGS, 2):
                title = f"{sibling.title}, {pace}"
                found = compare(title, options.size, contenders(versions, version, rate), options.rounds)
                changed = versions.changed[version] / options.size
                speed = speed_by(found, HERE, WHOLE)
                rows += speed_up(sibling, title, speed, changed, paced=rate > 0)
                if rate:
                    seconds = medians(found, "seconds")
                    bars[f"model-sharing, {sibling.title}"] = seconds[HERE]
                    whole = {"all of it": seconds[WHOLE]}
        show_bytes(versions)
    title = f"A new version of {options.size / 2**30:g} GiB at {PACED // 2**20} MiB/s, its base here"
    report([*rows, Panel(title, "s", bars | whole)], keep=options.save)


if __name__ == "__main__":
    main()
