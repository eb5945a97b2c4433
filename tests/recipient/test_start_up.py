"""Start-up of the recipient: a list and a load import what they need, and no more.

Times differ from machine to machine; which packages are imported does not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_FOR_OTHERS = {"markdown_it", "mlflow", "model_sharing.policy", "numpy", "rich.markdown", "yaml"}
"""Modules that are slow to import: for model cards, for models in memory, and for the verdict on them."""
_LIST = "from model_sharing.cli.main import cli; cli(['list'], standalone_mode=False)"
_VERSION = "from model_sharing.cli.main import cli; cli(['--version'], standalone_mode=False)"
_LOAD = "import model_sharing; model_sharing.load_model"


@pytest.mark.parametrize(
    ("program", "for_others"),
    [
        (_LIST, _FOR_OTHERS),
        (_VERSION, _FOR_OTHERS | {"aiohttp", "asyncio", "cryptography"}),
        (_LOAD, _FOR_OTHERS | {"click", "rich"}),
    ],
    ids=["list", "version", "load"],
)
def test_nothing_is_imported_that_is_for_others(
    program: str, for_others: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path))
    shown = f"{program}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert not set(done.stdout.splitlines()[-1].split()) & for_others
