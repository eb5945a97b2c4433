"""A desk at a provider in a process of its own, doing what a test says."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

PRELUDE = """
import asyncio, sys
from pathlib import Path
from support import Desk
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.settings import Settings

HOME, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
NAME = FullName.parse("prod.ml_team.scorer")

async def main():
    async with open_provider(Settings(HOME)) as provider:
        desk = Desk.of(provider)
        await work(desk)
"""


async def start(script: str, home: Path, folder: Path) -> asyncio.subprocess.Process:
    """A process of its own that runs `work(desk)` from `script`."""
    program = PRELUDE + textwrap.dedent(script) + "\nasyncio.run(main())\n"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(home),
        str(folder),
        env={"PYTHONPATH": str(Path(__file__).parent), "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
