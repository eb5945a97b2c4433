"""Completing names in a shell: what is mounted, and what providers list, as far as a shell may see it."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

import model_sharing
from model_sharing.cli.main import cli
from support.fake_provider.server import FakeProvider
from support.recipient_cli import RunCli

FILES = {"MLmodel": b"flavors: {}\n"}


def completed(line: str) -> list[str]:
    """Completions of the last word of a command line."""
    *arguments, typed = line.split(" ")[1:]
    shell = ShellComplete(cli, {}, "model-sharing", "_MODEL_SHARING_COMPLETE")
    return [item.value for item in shell.get_completions(arguments, typed)]


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    fake_provider.publish("research.third", 1, FILES)
    fake_provider.folders["volumes", "evaluation.prompts"] = {"one.txt": b"Why?"}
    fake_provider.folders["skills", "agents.read-pdf"] = {"SKILL.md": b"---\n"}
    return fake_provider


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("model-sharing unmount v", ["vendor"]),
        ("model-sharing unmount x", []),
        ("model-sharing key ", ["vendor"]),
        ("model-sharing list v", ["vendor"]),
        ("model-sharing list vendor.r", ["vendor.research"]),
        ("model-sharing show v", ["vendor.ml_team.iris_model", "vendor.research.third"]),
        ("model-sharing download models:/vendor.m", ["models:/vendor.ml_team.iris_model"]),
        ("model-sharing download volumes:/v", ["volumes:/vendor.evaluation.prompts"]),
        ("model-sharing download skills:/vendor.a", ["skills:/vendor.agents.read-pdf"]),
        ("model-sharing pull vendor.ml", ["vendor.ml_team", "vendor.ml_team.iris_model"]),
        ("model-sharing mou", ["mount", "mounts"]),
    ],
)
def test_names_are_completed(shared: FakeProvider, line: str, words: list[str]) -> None:
    assert completed(line) == words


def test_a_provider_that_is_gone_completes_nothing(
    shared: FakeProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    shared.stop()
    assert completed("model-sharing list ") == ["vendor"]
    assert completed("model-sharing show vendor.") == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name", ["$(reboot)", "`reboot`", "a;reboot", "a b", "a'b", "a\\b", "a\u202eb", "a|b", "a\n"]
)
def test_no_name_reaches_the_command_line_that_a_shell_acts_upon(shared: FakeProvider, name: str) -> None:
    shared.publish(f"ml_team.{name}", 1, FILES)
    assert completed("model-sharing show vendor.ml") == ["vendor.ml_team.iris_model"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell(run_cli: RunCli, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = run_cli("completion", shell).stdout
    assert "_MODEL_SHARING_COMPLETE" in script
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert run_cli("completion").stdout == script


def test_an_unknown_shell_is_asked_for(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    done = run_cli("completion")
    assert (done.returncode, done.stdout, "bash, zsh, fish" in done.stderr) == (2, "", True)
