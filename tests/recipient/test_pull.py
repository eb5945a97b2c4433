"""Fetching ahead of use: everything that is wanted, whatever fails beside it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import InvalidParameter, NotFound
from support.fake_provider.server import FakeProvider, Handler
from support.files import random_bytes
from support.recipient_cli import RunCli

SHARED = random_bytes(50_000, 1)


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Three models in two schemas; one of them with no alias, one with a version that no alias points at."""
    fake_provider.publish("fraud.scorer", 1, {"MLmodel": b"1", "weights": SHARED}, "Challenger")
    fake_provider.publish("fraud.scorer", 2, {"MLmodel": b"2", "weights": SHARED}, "Champion", "Default")
    fake_provider.publish("fraud.scorer", 3, {"MLmodel": b"3", "weights": random_bytes(10_000, 3)})
    fake_provider.publish(
        "fraud.ranker", 1, {"MLmodel": b"r", "weights": random_bytes(20_000, 2)}, "Champion"
    )
    fake_provider.publish("vision.detector", 1, {"MLmodel": b"d", "weights": random_bytes(30_000, 4)})
    return fake_provider


def pulled(*arguments: str, **options: object) -> set[tuple[str, int | None, tuple[str, ...]]]:
    found = model_sharing.pull(*arguments, **options)  # type: ignore[arg-type]
    assert not any(version.error for version in found)
    return {(version.full_name, version.version, version.aliases) for version in found}


SCORER_1 = ("vendor.fraud.scorer", 1, ("Challenger",))
SCORER_2 = ("vendor.fraud.scorer", 2, ("Champion", "Default"))
RANKER = ("vendor.fraud.ranker", 1, ("Champion",))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("vendor", {SCORER_1, SCORER_2, RANKER}),
        ("VENDOR.Fraud", {SCORER_1, SCORER_2, RANKER}),
        ("vendor.fraud.scorer", {SCORER_1, SCORER_2}),
        ("models:/vendor.fraud.r*", {RANKER}),
        ("vendor.*.*er", {SCORER_1, SCORER_2, RANKER}),
        ("vendor.f?aud.[a-r]anker", {RANKER}),
    ],
)
def test_all_aliases_of_what_matches_are_pulled(
    shared: FakeProvider, where: str, expected: set[object]
) -> None:
    assert pulled(where) == expected


def test_one_alias_by_pattern_or_every_version(shared: FakeProvider) -> None:
    assert pulled("vendor", alias="champ*") == {
        ("vendor.fraud.scorer", 2, ("Champion",)),
        RANKER,
    }
    assert pulled("vendor.*.*", all_versions=True) == {
        SCORER_1,
        SCORER_2,
        ("vendor.fraud.scorer", 3, ()),
        RANKER,
        ("vendor.vision.detector", 1, ()),
    }


def test_what_was_pulled_is_there_when_the_provider_is_away(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    model_sharing.pull("vendor", all_versions=True)
    shared.stop()
    for ref in ("fraud.scorer/3", "fraud.scorer/2", "vision.detector/1"):
        assert (vendor.snapshot(ref).folder / "MLmodel").is_file()
    for alias in ("champion", "default", "challenger"):
        with pytest.warns(model_sharing.StaleAliasWarning):
            vendor.snapshot(f"fraud.scorer@{alias}")


def test_bytes_are_fetched_once_and_counted(shared: FakeProvider) -> None:
    first = {version.version: version for version in model_sharing.pull("vendor.fraud.scorer")}
    assert (first[1].fetched, first[2].fetched) == (50_001, 1)
    assert first[2].size == 50_001
    assert [version.fetched for version in model_sharing.pull("vendor.fraud.scorer")] == [0, 0]


def test_one_failure_keeps_nobody_back(shared: FakeProvider, run_cli: RunCli) -> None:
    def break_scorer(handler: Handler) -> bool:
        if not handler.path.endswith(("/scorer/versions/1/query", "/scorer/aliases/Challenger/query")):
            return False
        handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "Gone this minute.")
        return True

    shared.answer = break_scorer
    done = run_cli("pull", "vendor.fraud")
    assert done.returncode == NotFound.row.exit_code
    assert done.stderr == "error: vendor.fraud.scorer version 1 (Challenger): Gone this minute.\n"
    assert "2 of 3 versions are in the cache" in done.stdout
    answer = json.loads(run_cli("pull", "vendor.fraud", "--output", "json").stdout)
    assert {(version["full_name"], version["version"]): version["exit_code"] for version in answer} == {
        ("vendor.fraud.ranker", 1): 0,
        ("vendor.fraud.scorer", 1): 4,
        ("vendor.fraud.scorer", 2): 0,
    }


def test_a_model_whose_versions_cannot_be_listed_keeps_nobody_back(shared: FakeProvider) -> None:
    def break_ranker(handler: Handler) -> bool:
        if not handler.path.partition("?")[0].endswith("/ranker/versions"):
            return False
        handler.send_error_answer(403, "PERMISSION_DENIED", "Not now.")
        return True

    shared.answer = break_ranker
    results = {version.full_name: version for version in model_sharing.pull("vendor.fraud")}
    assert (results["vendor.fraud.ranker"].version, results["vendor.fraud.ranker"].exit_code) == (None, 6)
    assert results["vendor.fraud.scorer"].error is None


def test_a_pull_says_what_it_did(shared: FakeProvider, run_cli: RunCli) -> None:
    done = run_cli("pull", "vendor.fraud.ranker", "--jobs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Fetched vendor.fraud.ranker version 1 (Champion): 19.5 KiB of 19.5 KiB",
        "1 of 1 versions are in the cache; 19.5 KiB were fetched.",
    ]
    again = run_cli("pull", "vendor.fraud.ranker", "--all-aliases")
    assert again.stdout.startswith("Had vendor.fraud.ranker version 1 (Champion) already: 19.5 KiB\n")


def test_a_terminal_is_shown_how_much_of_how_much(shared: FakeProvider, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "model_sharing.cli", "pull", "vendor.fraud"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"120.0/120.0 kB" in shown
    assert b"6/6 files" in shown


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65_536)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(
    "where", ["vendor.a.b.c", "vendor..b", "", "vendor.fraud.scorer@Champion", "v.a.b/3"]
)
def test_what_names_no_models_is_refused(shared: FakeProvider, where: str) -> None:
    with pytest.raises(InvalidParameter, match="catalog"):
        model_sharing.pull(where)


@pytest.mark.parametrize(
    ("where", "options"),
    [("nowhere", {}), ("vendor.nothing*", {}), ("vendor.vision", {}), ("vendor", {"alias": "nobody"})],
)
def test_nothing_to_pull_is_an_error(shared: FakeProvider, where: str, options: dict[str, str]) -> None:
    with pytest.raises(NotFound, match=r"Nothing to pull from vendor|No catalog is mounted|does not exist"):
        model_sharing.pull(where, **options)  # type: ignore[arg-type]


def test_contradicting_options_are_refused(shared: FakeProvider, run_cli: RunCli) -> None:
    assert run_cli("pull", "vendor", "--alias", "x", "--all-versions").returncode == 2
    with pytest.raises(InvalidParameter):
        model_sharing.pull("vendor", alias="x", all_versions=True)
