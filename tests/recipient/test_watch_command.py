"""`model-sharing watch`: events on standard output, and a command for each, until it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import InvalidParameter, NotFound
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.server import FakeProvider
from support.patience import PATIENCE
from support.recipient_cli import RunCli

IRIS = "ml_team.iris"


class Watching:
    """`model-sharing watch` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "model_sharing.cli", "watch", "vendor", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        assert "Watching vendor" in self.process.stderr.readline()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def interrupt(self) -> tuple[int, str]:
        """Exit code and what else stood on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@pytest.fixture
def feed(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeFeed:
    fake_provider.publish(IRIS, 1, {"MLmodel": b"1"}, "Champion")
    fake_provider.publish(IRIS, 2, {"MLmodel": b"2"})
    fake_provider.feed = feed = FakeFeed()
    return feed


Move = Callable[..., None]


@pytest.fixture
def move(fake_provider: FakeProvider, feed: FakeFeed) -> Move:
    """Move an alias of iris to a version."""

    def to(version: int, alias: str = "Champion") -> None:
        fake_provider.publish(IRIS, version, {"MLmodel": b"%d" % version}, alias)
        feed.tell("ALIAS_SET", IRIS, version=version, alias=alias)

    return to


def test_events_are_lines_for_people_or_json(feed: FakeFeed, move: Move, tmp_path: Path) -> None:
    people = Watching(tmp_path)
    script = Watching(tmp_path, "--output", "json", "--alias", "champion")
    feed.tell("MODEL_RENAMED", "ml_team.rose", previousModel="ml_team.gone")
    move(2)
    at = "2023-11-14T22:13:20Z"
    assert people.line() == f"{at} MODEL_RENAMED vendor.ml_team.gone -> vendor.ml_team.rose"
    assert people.line() == f"{at} ALIAS_SET vendor.ml_team.iris@Champion version 2"
    assert json.loads(script.line()) == {
        "kind": "ALIAS_SET",
        "at": 1_700_000_000_000,
        "full_name": "vendor.ml_team.iris",
        "version": 2,
        "alias": "Champion",
        "previous_name": None,
        "uri": "models:/vendor.ml_team.iris@Champion",
    }
    assert people.interrupt() == (130, "error: Interrupted: nothing is watched any more.\n")
    assert script.interrupt()[0] == 130


JOB = """
import json, os, sys
mine = {name.removeprefix("MODEL_SHARING_EVENT_").lower(): value for name, value in os.environ.items()
        if name.startswith("MODEL_SHARING_EVENT_")}
with open("ran", "a") as file:
    file.write(json.dumps([sys.argv[1:], mine, json.load(sys.stdin)]) + "\\n")
sys.exit(3 if mine["version"] == "2" else 0)
"""


def test_a_command_is_run_for_each_event_without_a_shell(feed: FakeFeed, move: Move, tmp_path: Path) -> None:
    """What the provider names is a value in the environment, and never part of a command line."""
    (tmp_path / "job.py").write_text(JOB)
    alias = "$(touch${IFS}pwned)"
    watching = Watching(tmp_path, "--exec", f"{sys.executable} job.py 'one argument' $HOME;ls")
    move(2)
    move(1, alias)
    assert [watching.line().split()[1] for _ in range(2)] == ["ALIAS_SET", "ALIAS_SET"]
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "ran").exists() or (tmp_path / "ran").read_text().count("\n") < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    code, said = watching.interrupt()
    assert code == 130
    assert "ended with 3 for 2023-11-14T22:13:20Z ALIAS_SET vendor.ml_team.iris@Champion version 2" in said
    first, second = (json.loads(line) for line in (tmp_path / "ran").read_text().splitlines())
    assert first == [
        ["one argument", "$HOME;ls"],
        {
            "kind": "ALIAS_SET",
            "at": "2023-11-14T22:13:20Z",
            "model": "vendor.ml_team.iris",
            "previous_model": "",
            "version": "2",
            "alias": "Champion",
            "uri": "models:/vendor.ml_team.iris@Champion",
        },
        {
            "kind": "ALIAS_SET",
            "at": 1_700_000_000_000,
            "model": "vendor.ml_team.iris",
            "previous_model": None,
            "version": 2,
            "alias": "Champion",
            "uri": "models:/vendor.ml_team.iris@Champion",
        },
    ]
    assert second[1]["alias"] == alias
    assert sorted(path.name for path in tmp_path.iterdir()) == ["globex.share", "home", "job.py", "ran"]


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("--exec", "no-such-program-here x"), "'no-such-program-here' is not a program"),
        (("--exec", "echo 'open"), "cannot be read as a command line"),
        (("--exec", ""), "is not a program"),
        (("--kind", "ALIAS_MOVED"), "'ALIAS_MOVED' is not a kind of event"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    feed: FakeFeed, run_cli: RunCli, arguments: tuple[str, ...], refusal: str
) -> None:
    done = run_cli("watch", "vendor", *arguments)
    assert done.returncode == InvalidParameter.row.exit_code
    assert refusal in done.stderr
    assert done.stdout == ""


def test_a_catalog_that_is_not_mounted_is_named(run_cli: RunCli) -> None:
    done = run_cli("watch", "missing")
    assert done.returncode == NotFound.row.exit_code
    assert "missing" in done.stderr


def test_a_watch_ends_after_its_time(feed: FakeFeed, run_cli: RunCli) -> None:
    began = time.monotonic()
    done = run_cli("watch", "vendor", "--for", "1s")
    assert (done.returncode, done.stdout) == (0, "")
    assert 1 <= time.monotonic() - began < PATIENCE
