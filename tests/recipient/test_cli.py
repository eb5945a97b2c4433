"""The command line: plain output, JSON for machines, one line and one exit code for each error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.printable import printable
from support.fake_provider.faults import always, answer_status, corrupt
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider
from support.files import read_tree
from support.recipient_cli import RunCli

URI = "models:/vendor.ml_team.iris_model"
FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 2048}


@pytest.fixture
def run_cli(run_cli: RunCli) -> RunCli:
    """Command line inside the test's own process."""
    return run_cli


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Three models in two schemas; one has two versions."""
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Challenger")
    fake_provider.publish("ml_team.iris_model", 2, FILES, "Champion")
    fake_provider.publish("ml_team.other", 1, FILES)
    fake_provider.publish("research.third", 1, FILES)
    return fake_provider


def test_mounting_listing_and_unmounting(
    fake_provider: FakeProvider, profile: Path, run_cli_process: RunCli
) -> None:
    done = run_cli_process("mount", profile, SHARE, "--as", "Vendor", "--trust-remote-code")
    assert (done.returncode, done.stderr) == (0, "")
    assert "as vendor" in done.stdout
    (mount,) = json.loads(run_cli_process("mounts", "--output", "json").stdout)
    assert (mount["name"], mount["share"], mount["trust_remote_code"]) == ("vendor", SHARE, True)
    assert "yes" in run_cli_process("mounts").stdout
    assert run_cli_process("unmount", "vendor").returncode == 0
    assert json.loads(run_cli_process("mounts", "--output", "json").stdout) == []
    assert "Nothing is mounted" in run_cli_process("mounts").stderr


def test_listing_models(shared: FakeProvider, run_cli: RunCli) -> None:
    everything = json.loads(run_cli("list", "--output", "json").stdout)
    names = ["vendor.ml_team.iris_model", "vendor.ml_team.other", "vendor.research.third"]
    assert [model["full_name"] for model in everything] == names
    assert everything[0]["aliases"] == {"Challenger": 1, "Champion": 2}
    assert everything[0]["latest_version"] == 2
    one_schema = json.loads(run_cli("list", "vendor.research", "--output", "json").stdout)
    assert [model["full_name"] for model in one_schema] == names[2:]
    table = run_cli("list", "vendor").stdout.splitlines()
    assert len(table) == 4
    assert "Champion → 2" in table[1]
    assert "2023-11-14T22:13:20Z" in table[1]


def test_showing_a_version_and_a_model(shared: FakeProvider, run_cli: RunCli) -> None:
    version = json.loads(run_cli("show", f"{URI}@champion", "--output", "json").stdout)
    assert (version["version"], version["aliases"], version["status"]) == (2, ["Champion"], "READY")
    assert version["size"] == 2060
    assert version["created_at"] == 1_700_000_000_000
    assert "2.0 KiB" in run_cli("show", f"{URI}/2").stdout
    model = json.loads(run_cli("show", "vendor.ml_team.iris_model", "--output", "json").stdout)
    assert [found["version"] for found in model["versions"]] == [1, 2]


def test_downloading(shared: FakeProvider, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("download", f"{URI}@Champion", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Downloaded vendor.ml_team.iris_model version 2 (2.0 KiB) to out\n"
    assert read_tree(tmp_path / "out") == FILES
    answer = json.loads(run_cli("download", f"{URI}/1", "again", "--output", "json", "--jobs", "2").stdout)
    assert answer["path"] == str(tmp_path / "again")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["show", "vendor.ml_team"], 2, "catalog.schema.model"),
        (["show", f"{URI}/0"], 2, "versions are whole numbers"),
        (["list", "a.b.c"], 2, "model-sharing show"),
        (["list", "nowhere"], 4, "No catalog is mounted as 'nowhere'. Mounted are: vendor."),
        (["show", f"{URI}@nobody"], 4, "does not exist"),
        (["download", f"{URI}/1", "taken"], 5, "Nothing was touched"),
        (["mount", "missing.share", SHARE, "--as", "x"], 12, "cannot be read"),
        (["mount", "globex.share", "other", "--as", "x"], 4, "ask the provider"),
        (
            ["mount", "globex.share", SHARE, "--as", "vendor", "--trust-remote-code"],
            13,
            "Nothing was changed",
        ),
        (["download", f"{URI}/1", "out", "--jobs", "0"], 2, "--jobs"),
        (["frobnicate"], 2, "frobnicate"),
        (["activate", "not a link", "x.share"], 2, "not an activation link"),
    ],
)
def test_each_mistake_has_one_line_and_its_exit_code(
    shared: FakeProvider, run_cli: RunCli, tmp_path: Path, arguments: list[str], exit_code: int, message: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = run_cli(*arguments)
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_each_fault_of_the_provider_has_its_exit_code(
    shared: FakeProvider, run_cli: RunCli, profile: Path
) -> None:
    shared.default_fault = corrupt
    assert run_cli("download", f"{URI}/1", "out").returncode == 10
    shared.default_fault = answer_status(403)
    assert run_cli("download", f"{URI}/1", "out").returncode == 6
    shared.answer = always(lambda handler: handler.send(200, b"<html>", "text/html"))
    assert run_cli("list").returncode == 9
    profile.write_bytes(shared.profile(bearerToken="wrong"))
    shared.answer = None
    assert run_cli("list").returncode == 3
    shared.answer = always(lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "No."))
    profile.write_bytes(shared.profile(expirationTime="2020-01-01T00:00:00Z"))
    assert run_cli("list").returncode == 7
    shared.stop()
    profile.write_bytes(shared.profile())
    done = run_cli("list", "vendor")
    assert done.returncode == 8
    assert TOKEN not in done.stdout + done.stderr


def test_an_old_resolution_is_warned_about_in_one_line(shared: FakeProvider, run_cli: RunCli) -> None:
    run_cli("download", f"{URI}@Champion", "one")
    shared.stop()
    done = run_cli("download", f"{URI}@Champion", "two")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert done.stderr.count("\n") == 1


def test_a_provider_cannot_command_the_terminal(shared: FakeProvider, run_cli: RunCli) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e[red]x\nsecond line"

    def answer(handler: object) -> bool:
        model = {"name": "iris", "schema": "ml_team", "share": SHARE, "comment": hostile}
        handler.send_json(200, {"items": [model]})  # type: ignore[attr-defined]
        return True

    shared.answer = answer
    table = run_cli("list").stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(table)
    assert "[red]x second line" in table
    assert json.loads(run_cli("list", "--output", "json").stdout)[0]["comment"] == hostile
    shared.answer = always(lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", hostile))
    assert "\x1b" not in run_cli("list").stderr


def test_sizes_and_texts_for_people() -> None:
    sizes = [human_size(size) for size in (None, 0, 1023, 1024, 1536 * 1024**2, 5 * 1024**5)]
    assert sizes == ["", "0 B", "1023 B", "1.0 KiB", "1.5 GiB", "5120.0 TiB"]
    assert printable("a\tb\r\nc\x1bd") == "a b  c\\x1bd"


def test_help_is_short_and_complete(run_cli: RunCli) -> None:
    text = run_cli("--help").stdout
    for command in ("activate", "mount", "mounts", "list", "show", "download", "unmount"):
        assert command in text
