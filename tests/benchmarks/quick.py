"""Ratios to references in under three minutes: `make bench-quick`, which informs and fails nothing.

Each row is a pair that runs in turn, so that what else the machine does slows down both. Ratios were
committed in `docs/bench-quick.json`: a row that is clearly below its own is marked.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import transfers
from resolution import BARE, rate
from rich.table import Table
from side_by_side import console, machine, timed
from stage import BIN, Stage, in_memory, serving

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.xor_deltas import BLOCK_BYTES
from support.bf16_weights import fine_tuned, restored, weights, xor_delta

COMMITTED = Path(__file__).parents[2] / "docs" / "bench-quick.json"
_LARGE_BYTES = 512 * 2**20
_FILES = 2000
_SECONDS = 1.0
_CLEARLY_BELOW = 0.75


@dataclass(frozen=True)
class Pair:
    """Two costs, less is better; the ratio is that of speeds, ours by the reference's."""

    ours: Callable[[], float]
    reference: Callable[[], float]
    name: str

    def ratio(self) -> float:
        """Ratio of one round; the reference runs second."""
        ours = self.ours()
        return self.reference() / ours


def transfer_pairs(stage: Stage) -> Mapping[str, Pair]:
    """First loads against curl's downloads of the same bytes, which verify nothing."""
    return {
        title: Pair(
            lambda model=model: transfers.download(stage, model).seconds,  # type: ignore[misc]
            lambda model=model: transfers.curl(stage, model).seconds,  # type: ignore[misc]
            "curl",
        )
        for title, model in (
            (f"first load of {_LARGE_BYTES // 2**20} MiB, verified", "large"),
            (f"first load of {_FILES:,} files of 20 KiB, verified", "small"),
        )
    }


def start_pairs(stage: Stage) -> Mapping[str, Pair]:
    """CPU of a command's start against that of the libraries that it cannot do without."""
    environment = stage.recipient()
    home = {**environment, "MODEL_SHARING_PROVIDER_HOME": str(stage.folder / "provider")}
    commands = {
        "provider's command line: catalog list": (
            "model-sharing-provider",
            "catalog",
            home,
            "sqlalchemy.ext.asyncio",
        ),
        "recipient's command line: list": ("model-sharing", "", environment, "aiohttp"),
    }
    return {
        title: Pair(
            lambda program=program, words=words, where=where: (
                timed(  # type: ignore[misc]
                    [str(BIN / program), *words.split(), "list"], where
                ).cpu
            ),
            lambda needed=needed: timed([str(BIN / "python"), "-c", f"import {needed}"]).cpu,  # type: ignore[misc]
            f"import {needed}",
        )
        for title, (program, words, where, needed) in commands.items()
    }


def alias_pair(stage: Stage, bare_url: str) -> Pair:
    """Seconds for one request of sixteen clients."""
    path = "/shares/acme/schemas/bench/models/large/aliases/champion"
    headers = {"Authorization": f"Bearer {stage.token}"}
    return Pair(
        lambda: 1 / asyncio.run(rate(stage.endpoint + path, headers, _SECONDS))[0],
        lambda: 1 / asyncio.run(rate(bare_url, {}, _SECONDS))[0],
        "a bare aiohttp handler",
    )


def delta_pair() -> Pair:
    """CPU seconds to restore a fine-tuned file from its delta, against those to hash it."""
    base = weights(2 * BLOCK_BYTES)
    file = fine_tuned(base)
    delta = xor_delta(file, base)
    return Pair(
        lambda: _cpu(lambda: restored(delta, base, len(file))),
        lambda: _cpu(lambda: hashlib.sha256(file).digest()),
        "sha256",
    )


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(rounds: int) -> dict[str, tuple[Pair, float]]:
    """Median ratio of each pair."""
    models = {
        "large": {"weights.bin": _LARGE_BYTES},
        "small": {f"part{n % 50}/{n}.bin": 20 * 1024 for n in range(_FILES)},
    }
    with (
        subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE) as bare,
        in_memory(5 * _LARGE_BYTES) as folder,
        serving(folder, models) as stage,
    ):
        assert bare.stdout is not None
        bare_url = f"http://127.0.0.1:{int(bare.stdout.readline())}/"
        pairs = {
            **transfer_pairs(stage),
            "resolving an alias": alias_pair(stage, bare_url),
            "restoring a file from its delta": delta_pair(),
            **start_pairs(stage),
        }
        found = {
            name: (pair, statistics.median(pair.ratio() for _ in range(rounds)))
            for name, pair in pairs.items()
        }
        bare.terminate()
    return found


def show(found: Mapping[str, tuple[Pair, float]]) -> None:
    committed = json.loads(COMMITTED.read_text())["ratios"] if COMMITTED.exists() else {}
    table = Table(box=None)
    for column in ("", "speed", "by", "committed", ""):
        table.add_column(column, justify="right" if column in ("speed", "committed") else "left")
    for name, (pair, ratio) in found.items():
        before = committed.get(name)
        mark = "slower than committed" if before and ratio < _CLEARLY_BELOW * before else ""
        table.add_row(name, f"{ratio:.2f} x", pair.name, f"{before:.2f}" if before else "", mark)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="commit to these ratios")
    options = parser.parse_args()
    console.print(machine() + "\n")
    found = measure(options.rounds)
    show(found)
    if options.save:
        ratios = {name: round(ratio, 3) for name, (_, ratio) in found.items()}
        COMMITTED.write_text(json.dumps({"machine": machine(), "ratios": ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()
