"""The recipient's command line, as the fixtures `run_cli` and `run_cli_process` run it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

RunCli = Callable[..., subprocess.CompletedProcess[str]]
