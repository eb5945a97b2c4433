"""Start-up of the provider's command line: a read imports what it needs, and no more.

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


def test_a_read_imports_nothing_that_is_for_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    _imported()  # the first start migrates
    assert not _imported() & _FOR_OTHERS.keys()


def _imported() -> set[str]:
    done = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
