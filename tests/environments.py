"""Virtual environments for programs that cannot share ours, each made once and kept in `.venvs/`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

_PYTHON = [sys.executable, "-m"]
_ENVIRONMENTS = Path(__file__).parents[1] / ".venvs"


def environment_with(*requirements: str) -> Path:
    """The interpreter of an environment that holds `requirements`, such as `delta-sharing==1.4.2`."""
    environment = _ENVIRONMENTS / "+".join(requirements)
    python = environment / "bin" / "python"
    _ENVIRONMENTS.mkdir(exist_ok=True)
    with FileLock(f"{environment}.lock"):
        if not (environment / "complete").exists():
            # Our own pip installs into it, and compiles nothing, since little is imported: half the time.
            subprocess.run([*_PYTHON, "venv", "--clear", "--without-pip", environment], check=True)
            install = [*_PYTHON, "pip", "--python", str(python), "install", "--quiet", "--no-compile"]
            subprocess.run([*install, *requirements], check=True)
            (environment / "complete").touch()
    return python
