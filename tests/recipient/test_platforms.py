"""The recipient where there is no POSIX, and where the locale knows no more than ASCII or cp1252."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import model_sharing
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.recipient_cli import RunCli

NAME = "ml_team.iris_model"
REF = f"models:/vendor.{NAME}"
LARGE = random_bytes(20_000_000)
FILES = {"MLmodel": b"flavors: {}\n", "large.bin": LARGE}

WITHOUT_POSIX = textwrap.dedent(
    """
    import os, sys
    for module in ("fcntl", "resource", "pwd", "grp", "termios"):
        sys.modules[module] = None
    for name in ("pread", "preadv", "pwrite", "pwritev", "sendfile", "copy_file_range", "fork",
                 "register_at_fork"):
        if hasattr(os, name):
            delattr(os, name)
    """
)


def test_it_runs_without_the_calls_that_windows_lacks(
    fake_provider: FakeProvider,
    profile: Path,
    run_cli_process: RunCli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_POSIX)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:flock not supported")
    fake_provider.publish(NAME, 1, FILES, "Champion")
    fake_provider.publish(NAME, 2, FILES | {"large.bin": LARGE[:-1] + b"x"}, "Champion")
    for command in (
        ("mount", profile, "acme_share", "--as", "vendor"),
        ("list",),
        ("download", f"{REF}/1", tmp_path / "one"),
        ("download", f"{REF}@Champion", tmp_path / "two"),
        ("verify", f"{REF}/2", tmp_path / "two"),
        ("cache", "list"),
        ("cache", "verify"),
        ("unmount", "vendor"),
    ):
        done = run_cli_process(*command)
        assert done.returncode == 0, (command, done.stderr)
    assert read_tree(tmp_path / "one") == FILES
    refused = run_cli_process(
        "cache", "prune", "--max-size", "0"
    )  # this is not Windows: nobody tells what is in use
    assert (refused.returncode, "without locks" in refused.stderr) == (18, True)


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE"])
def test_names_and_bytes_are_the_same_in_every_locale(
    locale: str,
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    run_cli_process: RunCli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = FILES | {"modèle/données → 数.bin": b"named"}
    fake_provider.publish(NAME, 1, files, "Champion")
    for name, value in (("LC_ALL", locale), ("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0")):
        monkeypatch.setenv(name, value)
    target = tmp_path / "cible é"
    done = run_cli_process("download", f"{REF}@Champion", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_tree(target) == files
    done = run_cli_process("verify", f"{REF}/1", target)
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.undo()
    assert vendor.verify(f"{NAME}/1", target) == len(files)


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "iso8859-15"])
def test_what_an_encoding_lacks_is_shown_as_escapes(
    encoding: str, fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    """`list` shows arrows, which a console of Windows may not know."""
    fake_provider.publish(NAME, 1, FILES, "Champion")
    done = subprocess.run(
        [sys.executable, "-m", "model_sharing.cli", "list"],
        env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Champion \\u2192 1" in done.stdout
