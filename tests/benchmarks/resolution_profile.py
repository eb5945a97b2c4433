"""Where the time of an alias resolution goes: samples of the server's stacks, by what they are in.

Needs `py-spy` (`pip install py-spy`), which is not installed with the rest, and may read another process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from resolution import rate
from side_by_side import console, machine
from stage import serving

SAMPLES_PER_SECOND = 500
PARTS = {
    "commit of the audit event: thread, its hop, SQLite": (
        "call_in_thread (",
        "append_events (",
        "_write_groups (",
    ),
    "decide that nothing has changed: limits, files, time": ("repeat (",),
    "log line": ("log_request (", "begin_lines ("),
    "metrics": ("count_request (", "observe ("),
    "kept answers: key, response": ("answer (model_sharing_provider/http/kept_answers.py",),
    "aiohttp: write the response": ("finish_response (",),
    "aiohttp: find the route": ("resolve (aiohttp",),
    "middlewares": ("model_sharing_provider/http/middlewares.py",),
    "aiohttp: parse, dispatch": ("aiohttp/",),
}
"""Words of stacks, in this order: the first part of which a stack has a word is the one that it is in."""


def part_of(stack: str) -> str:
    return next((part for part, words in PARTS.items() if any(word in stack for word in words)), "event loop")


async def sampled(seconds: int) -> Counter[str]:
    """Samples of each part, in a server that 16 clients keep busy."""
    with (
        tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder,
        serving(Path(folder), {"scorer": {"weights.bin": 1000}}) as stage,
    ):
        url = f"{stage.endpoint}/shares/acme/schemas/bench/models/scorer/aliases/champion"
        headers = {"Authorization": f"Bearer {stage.token}"}
        await rate(url, headers, 1)
        stacks = Path(folder) / "stacks"
        options = ("--duration", seconds, "--rate", SAMPLES_PER_SECOND, "--format", "raw", "--gil")
        arguments = map(str, ("record", "--pid", stage.server, *options, "--output", stacks))
        sampler = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "py-spy", *arguments, stdout=asyncio.subprocess.DEVNULL
        )
        await rate(url, headers, seconds + 2)
        await sampler.wait()
        found: Counter[str] = Counter()
        for line in stacks.read_text().splitlines():
            stack, _, samples = line.rpartition(" ")
            found[part_of(stack)] += int(samples)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    console.print(machine() + "\n")
    found = asyncio.run(sampled(options.seconds))
    for part, samples in found.most_common():
        console.print(f"{samples / found.total():5.0%}  {part}")


if __name__ == "__main__":
    main()
