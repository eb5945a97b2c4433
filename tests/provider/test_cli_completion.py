"""Completing names in a shell: what the provider has, without making one where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from model_sharing_provider.cli.main import cli
from support.provider_cli import CliRunner

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")


def completed(line: str) -> list[str]:
    """Completions of the last word of a command line."""
    *arguments, typed = line.split(" ")
    shell = ShellComplete(cli, {}, "model-sharing-provider", "_MODEL_SHARING_PROVIDER_COMPLETE")
    return [item.value for item in shell.get_completions(arguments, typed)]


def test_names_are_completed(provider_cli: CliRunner, provider_home: Path) -> None:
    for command in (
        "catalog create prod",
        "catalog create dev",
        "schema create prod.ml_team",
        "model create prod.ml_team.iris",
        "model create prod.ml_team.other",
        "share create acme_share",
        "recipient create globex",
        "recipient create $(reboot)",
    ):
        provider_cli.succeed(*command.split())
    for line, words in {
        "catalog show p": ["prod"],
        "schema show p": ["prod.ml_team"],
        "schema list ": ["dev", "prod"],
        "model show prod.ml_team.i": ["prod.ml_team.iris"],
        "model show prod.m": ["prod.ml_team.iris", "prod.ml_team.other"],
        "model register ./iris p": ["prod.ml_team.iris", "prod.ml_team.other"],
        "share show a": ["acme_share"],
        "share add-model acme_share prod.ml_team.o": ["prod.ml_team.other"],
        "share grant acme_share ": ["globex"],
        "recipient delete x": [],
        "audit list --action createsh": ["createShare"],
    }.items():
        assert completed(line) == words, line


def test_looking_for_names_makes_no_provider(
    provider_cli: CliRunner, provider_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed("share show ") == []
    assert not provider_home.exists()
    assert capsys.readouterr() == ("", "")


def test_a_real_shell_completes(provider_cli: CliRunner) -> None:
    provider_cli.succeed("share", "create", "acme_share")
    script = (
        f'eval "$({PROGRAM} completion bash)"\n'
        f"COMP_WORDS=({PROGRAM} share show ac) COMP_CWORD=3\n"
        f"_model_sharing_provider_completion {PROGRAM}\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("acme_share\n", "")
