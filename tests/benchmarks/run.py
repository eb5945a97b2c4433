"""All benchmarks, one after another, and a table of figures beside their targets: `make bench`.

Each is a program of its own. One that fails, or lacks a program that it compares with, leaves its rows as
they were kept; the others go on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from results import read, show
from side_by_side import console

PROGRAMS = (
    "peers.py",
    "transfers.py --tls",
    "siblings.py --rounds 3",
    "partial_changes.py",
    "importing.py",
    "paced.py",
    "memory.py",
    "file_route.py",
    "resolution.py",
    "registry.py",
    "listing.py",
    "writers.py",
    "start_up.py",
    "scale.py",
    "install_size.py",
)


def main() -> int:
    failed = [program for program in PROGRAMS if _fails(program)]
    results = read()
    show(results.rows, f"All rows; the last were measured on {results.machine}")
    for program in failed:
        console.print(f"{program} failed: its rows are those of an earlier run")
    return len(failed)


def _fails(program: str) -> bool:
    console.rule(program)
    name, *options = program.split()
    command = [sys.executable, str(Path(__file__).with_name(name)), *options, "--save"]
    return subprocess.run(command, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
