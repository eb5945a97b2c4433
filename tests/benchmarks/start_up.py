"""Start-up of the command lines, in CPU time, beside what the libraries take that they import."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from results import Row, arguments, report
from side_by_side import console

BIN = Path(sys.executable).parent
PROVIDER = str(BIN / "model-sharing-provider")
IMPORTS = ("click, rich.table", "aiohttp", "sqlalchemy", "sqlalchemy.ext.asyncio")
# What cannot be left out: nothing of ours is in them.
READ_OF_ROWS = "click, msgspec, aiosqlite, sqlalchemy.ext.asyncio, sqlalchemy.dialects.sqlite.aiosqlite"
REQUEST_BY = "import asyncio, msgspec, cryptography.hazmat.primitives.serialization, "
# As many as a provider's read imports of ours, which have five fields on average.
DATACLASSES = (
    "from dataclasses import make_dataclass; "
    "[make_dataclass('Row', list('abcde'), frozen=True, slots=True) for _ in range(87)]"
)
COMMANDS: Mapping[str, Sequence[str]] = {
    "an interpreter": (sys.executable, "-c", ""),
    **{f"import {modules}": (sys.executable, "-c", f"import {modules}") for modules in IMPORTS},
    "floor of a provider's read": (sys.executable, "-c", f"import {READ_OF_ROWS}"),
    "87 frozen dataclasses": (sys.executable, "-c", DATACLASSES),
    "floor of a load that asks": (sys.executable, "-c", f"{REQUEST_BY} http.client, ssl, aiohappyeyeballs"),
    "the same by aiohttp": (sys.executable, "-c", f"{REQUEST_BY} aiohttp"),
    "floor of a load that does not": (sys.executable, "-c", REQUEST_BY.rstrip(", ")),
    "model-sharing --version": (str(BIN / "model-sharing"), "--version"),
    "model-sharing list, of no mounts": (str(BIN / "model-sharing"), "list"),
    "import model_sharing, load_model": (sys.executable, "-c", "from model_sharing import load_model"),
    "model-sharing-provider catalog list": (PROVIDER, "catalog", "list"),
    "model-sharing-provider serve, ready": (PROVIDER, "serve", "--port", "0"),
}

TARGETS = {
    "model-sharing list, of no mounts": 0.25,
    "import model_sharing, load_model": 0.12,
    "model-sharing-provider catalog list": 0.3,
    "model-sharing-provider serve, ready": 1.0,
}


def main() -> None:
    options = arguments(__doc__, rounds=9).parse_args()
    # As it is after an installation by pip, which compiles all modules.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        environment["MODEL_SHARING_HOME"] = f"{folder}/recipient"
        environment["MODEL_SHARING_PROVIDER_HOME"] = f"{folder}/provider"
        for attempt in range(options.rounds + 1):
            for name, command in COMMANDS.items():
                seconds = cpu_seconds(command, environment)
                if attempt:  # the first makes a home, and compiles modules
                    taken[name].append(seconds)
    for name, each in taken.items():
        console.print(f"{name:38} {min(each) * 1000:5.0f} ms", markup=False, highlight=False)
    rows = [Row.at_most(f"CPU: {name}", min(taken[name]), "s", most) for name, most in TARGETS.items()]
    report(rows, keep=options.save)


def cpu_seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """CPU time of a process, user and system; of a server, from its start to its end as soon as it serves."""
    before = _of_children()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Serving shares"):
                process.send_signal(signal.SIGTERM)
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
