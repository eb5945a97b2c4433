"""Start-up of the provider's command line: a read imports what it needs, and no more; a server all of it.

Times differ from machine to machine; which packages are imported does not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_FOR_OTHERS = {
    "aiohttp": "networks",
    "alembic": "migrations",
    "jinja2": "pages of the explorer",
    "jwt": "tokens of other issuers",
    "markdown_it": "pages of the explorer, and model cards",
    "model_sharing": "other providers",
    "prometheus_client": "metrics",
    "pyarrow": "tables and exports",
    "pygments": "tracebacks in lines of the log",
    "structlog": "lines of the log",
    "tenacity": "imports from MLflow",
    "yaml": "models and agent skills, as they are registered",
}
"""Packages that are slow to import, and what they are for."""
_READ = """
import sys
from model_sharing_provider.cli.main import cli

cli(["catalog", "list"], standalone_mode=False)
print(*{name.partition(".")[0] for name in sys.modules})
"""
_SERVE = """
import os, sys
from importlib import import_module
from model_sharing_provider.cli.main import cli

def announce(line):
    if line.startswith("Serving shares"):
        print(*{name.partition(".")[0] for name in sys.modules}, flush=True)
        os._exit(0)

import_module("model_sharing_provider.cli.serve").announce = announce
cli(["serve", "--port", "0"], standalone_mode=False)
"""


def test_a_read_imports_nothing_that_is_for_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    _imported(_READ)  # the first start migrates
    assert not _imported(_READ) & _FOR_OTHERS.keys()


def test_no_request_waits_until_the_first_line_of_the_log_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    assert "structlog" in _imported(_SERVE)


def _imported(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
