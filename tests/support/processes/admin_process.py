"""An admin client in a process of its own, which does what a test says."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from pathlib import Path

from model_sharing_provider.configuration.settings import Settings

PRELUDE = """
import asyncio, sys
from pathlib import Path
from support.admin_client import AdminClient
from model_sharing_protocol.errors import MetastoreUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings

HOME, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
NAME = FullName.parse("prod.ml_team.scorer")

async def main():
    async with open_provider(Settings(HOME, postgresql_url=sys.argv[3])) as provider:
        await work(AdminClient.of(provider))
"""


async def start(script: str, settings: Settings, folder: Path) -> asyncio.subprocess.Process:
    """A process of its own that runs `work(admin)` from `script`; it says all it says on standard output."""
    program = PRELUDE + textwrap.dedent(script) + "\nasyncio.run(main())\n"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, settings.home, folder, settings.postgresql_url),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
