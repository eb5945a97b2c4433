"""Start-up of the recipient: a list and a load import what they need, and no more.

Times differ from machine to machine; which packages are imported does not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.fake_provider.server import FakeProvider

_FOR_OTHERS = {"aiohttp", "markdown_it", "mlflow", "model_sharing.policy", "numpy", "rich.console", "yaml"}
"""Modules that are slow to import: to serve a cache, for model cards, for models in memory, for the verdict
on them, and for what is folded to a terminal's width."""
_FOR_DOWNLOADS = {"email", "http.client", "model_sharing.downloads.job", "model_sharing.exports.staging"}
"""Modules that fetch what is not here yet."""
_LIST = "from model_sharing.cli.main import cli; cli(['list'], standalone_mode=False)"
_VERSION = "from model_sharing.cli.main import cli; cli(['--version'], standalone_mode=False)"
_LOAD = "import model_sharing; model_sharing.load_model"


@pytest.mark.parametrize(
    ("program", "for_others"),
    [
        (_LIST, _FOR_OTHERS),
        (_VERSION, _FOR_OTHERS | {"asyncio", "cryptography"}),
        (_LOAD, _FOR_OTHERS | _FOR_DOWNLOADS | {"click", "rich"}),
    ],
    ids=["list", "version", "load"],
)
def test_nothing_is_imported_that_is_for_others(
    program: str, for_others: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path))
    assert _imported(program) & for_others == set()


def test_nothing_of_networks_is_imported_for_what_is_here_and_recent(
    three_cached_versions: list[str], fake_provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As MODEL_SHARING_ALIAS_MAX_AGE allows it."""
    program = "import model_sharing; model_sharing.path('models:/vendor.ml_team.iris_model@V-3')"
    asked = _imported(program)
    assert "http.client" in asked and "aiohttp" not in asked
    fake_provider.requests.clear()
    monkeypatch.setenv("MODEL_SHARING_ALIAS_MAX_AGE", "86400")
    assert _imported(program).isdisjoint({"http.client", "click", "model_sharing.downloads.job", "rich"})
    assert fake_provider.requests == []


def test_a_command_ends_without_a_collection_of_what_it_imported() -> None:
    ends = "import atexit, gc; atexit.register(lambda: print('frozen', gc.get_freeze_count()))"
    runs = "import sys; sys.argv = ['model-sharing', '--version']; from model_sharing.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", f"{ends}\n{runs}"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split("frozen ")[1]) > 0


def _imported(program: str) -> set[str]:
    shown = f"{program}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
