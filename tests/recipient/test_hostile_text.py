"""Every command of a recipient, with hostile text in all that a provider says and in all that it is given."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing.cli import main
from model_sharing.cli.main import cli
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE, Model, terms_message
from support.fake_provider.server import FakeProvider, Handler
from support.hostile_input.terminal_text import (
    HOSTILE,
    IN_JSON,
    SHOWN,
    all_commands,
    all_groups,
    hostile_calls,
    split_calls,
    unsafe_in,
)
from support.recipient_cli import RunCli

URI = "models:/vendor.ml_team.iris_model"
FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": b"w" * 2048, "README.md": HOSTILE.encode()}
# Each command, as it is called well; the folder out is made by the first download.
CALLS = f"""
mounts
doctor
terms vendor
completion bash
shares globex.share
mount globex.share {SHARE} --as again
list
show {URI}
show {URI}/1
show {URI}/1 --files
show {URI}/1 --card
path {URI}/1 --include M*
path {URI}@Champion --dry-run
download {URI}@Champion out
download volumes:/vendor.evaluation.prompts prompts
download skills:/vendor.agents.read-pdf read-pdf --dry-run
verify {URI}/1 out
pull vendor
watch vendor --for 1s
serve-cache --host 192.0.2.1
cache list
cache verify
cache prune --older-than 1s
key vendor
unmount again
activate http://127.0.0.1:9/public/code new.share
"""
REFUSED = {"activate", "serve-cache"}
SHOWING = {"terms", "list", "show", "mounts", "doctor"}


class HostileModel(Model):
    """Says it in each field that people read."""

    def message(self, name: str) -> dict[str, Any]:
        return {**super().message(name), "comment": HOSTILE}

    def version_message(self, name: str, number: int) -> dict[str, Any]:
        said = {"comment": HOSTILE, "tags": {HOSTILE: HOSTILE}, "source": HOSTILE, "runId": HOSTILE}
        signature = {"inputs": [{"type": HOSTILE, "name": HOSTILE}], "outputs": HOSTILE}
        return {**super().version_message(name, number), **said, "signature": signature}


@pytest.fixture
def run_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Inside the test's own process: there are many calls."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["model-sharing", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        with pytest.raises(SystemExit) as ended:
            main()
        blocking.close()
        written = capsys.readouterr()
        assert unsafe_in(written.out + written.err) == set(), arguments
        assert "Traceback" not in written.err, arguments
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def hostile(fake_provider: FakeProvider, tmp_path: Path) -> FakeProvider:
    """A share that is mounted by a profile in a folder with a hostile name."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    for profile in (folder / "globex.share", tmp_path / "globex.share"):
        profile.write_bytes(fake_provider.profile())
    fake_provider.models["ml_team.iris_model"] = HostileModel()
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    fake_provider.folders["volumes", "evaluation.prompts"] = {"one.txt": b"Why?"}
    fake_provider.folders["skills", "agents.read-pdf"] = {"SKILL.md": HOSTILE.encode()}
    fake_provider.skills_say = HOSTILE
    terms = terms_message(HOSTILE[:60], HOSTILE) | {"acceptedAt": 1, "acceptedBy": HOSTILE}
    fake_provider.terms = [terms]
    model_sharing.mount(folder / "globex.share", share=SHARE, name="vendor")
    return fake_provider


@pytest.mark.usefixtures("hostile")
def test_what_a_provider_says_cannot_command_a_terminal(run_cli: RunCli) -> None:
    people, machines = set(), set()
    for words, given in split_calls(cli, CALLS):
        done = run_cli(*words.split(), *given)
        assert (done.returncode != 0) == (words in REFUSED), (words, done.stderr)
        people |= {words} if SHOWN in done.stdout else set()
        if words in SHOWING:
            done = run_cli(*words.split(), *given, "--output", "json")
            machines |= {words} if json.loads(done.stdout) and IN_JSON in done.stdout else set()
    assert people >= SHOWING
    assert machines == SHOWING


def test_what_a_provider_refuses_with_cannot_command_a_terminal(
    hostile: FakeProvider, run_cli: RunCli
) -> None:
    def refuse(handler: Handler) -> None:
        handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", HOSTILE)

    hostile.answer = always(refuse)
    shown = 0
    for words, given in split_calls(cli, CALLS.replace("http://127.0.0.1:9/", f"{hostile.origin}/")):
        done = run_cli(*words.split(), *given)
        shown += SHOWN in done.stdout + done.stderr
    assert shown > 3
    hostile.answer = None
    hostile.edit_query = lambda lines: [
        *lines[:2],
        *({"file": {**line["file"], "path": HOSTILE}} for line in lines[2:]),
    ]
    done = run_cli("download", f"{URI}/1", "elsewhere")
    assert done.returncode != 0
    with pytest.raises(model_sharing.SharingError) as raised:
        model_sharing.download(f"{URI}/1", "elsewhere")
    assert unsafe_in(str(raised.value)) == set()


@pytest.mark.usefixtures("hostile")
def test_what_is_given_cannot_command_a_terminal(run_cli: RunCli) -> None:
    for group in all_groups(cli):
        run_cli(*group.split(), HOSTILE)
    for words, given in split_calls(cli, CALLS):
        for call in hostile_calls(words, all_commands(cli)[words], given):
            done = run_cli(*call)
            assert done.returncode == 0 or done.stderr.count("\n") == 1, (call, done.stderr)


def test_names_of_files_that_are_no_text(
    fake_provider: FakeProvider, run_cli: RunCli, tmp_path: Path
) -> None:
    profile = tmp_path / "globex\udcff.share"
    profile.write_bytes(fake_provider.profile())
    done = run_cli("mount", profile, "other", "--as", "vendor")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    done = run_cli("mount", tmp_path / "missing\udcff.share", SHARE, "--as", "vendor")
    assert r"missing\udcff.share cannot be read" in done.stderr
