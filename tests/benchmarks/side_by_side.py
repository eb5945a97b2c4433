"""Run us and a peer in turn, round after round, and print medians and ratios.

Machines are shared and noisy: a ratio of two runs of the same round says more than either's seconds.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

console = Console(width=110, highlight=False)
UNLIMITED = {
    "MODEL_SHARING_PROVIDER_MAX_REQUESTS_PER_MINUTE": "0",
    "MODEL_SHARING_PROVIDER_MAX_FILE_REQUESTS_PER_MINUTE": "0",
}
"""For a provider whose speed is measured: one client asks more than any should."""


@dataclass(frozen=True)
class Run:
    """Cost of one run: wall seconds, CPU seconds, and peak memory of its process in bytes."""

    seconds: float
    cpu: float
    peak: int


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end; it must succeed."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        peaks = [0]
        watch = threading.Thread(target=_watch_peak, args=(process.pid, peaks))
        watch.start()
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.join()
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{said.decode()}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, peaks[-1])


def _watch_peak(process: int, peaks: list[int]) -> None:
    """Note the peak so far until the process is gone: what it reports itself counts from this one's size."""
    with contextlib.suppress(OSError, IndexError):
        while True:
            time.sleep(0.02)
            peaks.append(peak_bytes(process))


def serving_cost(command: Sequence[str], servers: Sequence[int]) -> Run:
    """Run a client to its end: its wall seconds, and CPU and peak memory of the servers, by process id."""
    before = sum(map(cpu_seconds, servers))
    seconds = timed(command).seconds
    return Run(seconds, sum(map(cpu_seconds, servers)) - before, sum(map(peak_bytes, servers)))


def compare(
    title: str, size: int, contenders: Mapping[str, Callable[[], Run]], rounds: int
) -> dict[str, list[Run]]:
    """Print a table of medians; the last contender is what ratios are to. `size` is in bytes."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            runs[name].append(contender())
    reference = list(contenders)[-1]
    table = Table(title=f"{title} (medians of {rounds}, spread in brackets)", title_justify="left", box=None)
    for column in ("", "seconds", "MB/s", f"speed by {reference}", "cpu s", "peak MiB"):
        table.add_column(column, justify="left" if not column else "right")
    for name, measured in runs.items():
        seconds = [run.seconds for run in measured]
        ratios = [other.seconds / run.seconds for run, other in zip(measured, runs[reference], strict=True)]
        table.add_row(
            name,
            f"{statistics.median(seconds):.2f} [{min(seconds):.2f} to {max(seconds):.2f}]",
            f"{size / statistics.median(seconds) / 1e6:.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{statistics.median(run.cpu for run in measured):.2f}",
            f"{statistics.median(run.peak for run in measured) / 2**20:.0f}",
        )
    console.print(table)
    console.print()
    return runs


def speed_by(runs: Mapping[str, Sequence[Run]], ours: str, reference: str) -> float:
    """Median, over the rounds, of our speed by the reference's."""
    return statistics.median(
        theirs.seconds / mine.seconds for mine, theirs in zip(runs[ours], runs[reference], strict=True)
    )


def medians(runs: Mapping[str, Sequence[Run]], field: str) -> dict[str, float]:
    """Of one field of the runs, by contender."""
    return {name: statistics.median(getattr(run, field) for run in each) for name, each in runs.items()}


def machine() -> str:
    """The machine in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def cpu_seconds(process: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_all() -> float:
    """CPU seconds that everything here has used so far, other virtual machines on the same cores included."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting_for_disk = fields[3:5]
    return (sum(fields) - idle - waiting_for_disk) / os.sysconf("SC_CLK_TCK")


def peak_bytes(process: int) -> int:
    """The most memory that a process has had."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
