"""On a full disk, what frees space or ends access works: beside a server, without one, and from afar."""

from __future__ import annotations

import json
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from model_sharing_provider.metastore.engine.reserve import RESERVE_BYTES
from support.model_folder import write_model
from support.processes.provider import MODEL, SHARE, ProviderProcess, share_model
from support.provider_cli import CliRunner
from support.small_disk import fill, small_disk

MIB = 1024 * 1024
UNITY_CATALOG = "/api/2.1/unity-catalog"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """On a disk of 24 MiB: two versions of a model, and 20,000 events of a hundred days ago."""
    with small_disk(tmp_path / "disk", 24) as disk:
        home = disk / "home"
        folders = [
            write_model(tmp_path / name, {"weights.bin": os.urandom(2 * MIB)}) for name in ("one", "two")
        ]
        share_model(home, *folders)
        with closing(sqlite3.connect(home / "metastore.db")) as rows, rows:
            columns = "face, principal_type, principal, action, object_type, object_name, share, recipient, "
            columns += "outcome, reason, address, request_id"
            rows.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                f"INSERT INTO audit_log (at, {columns}) SELECT at - 8640000000 + i, {columns} "
                "FROM n, (SELECT * FROM audit_log ORDER BY id LIMIT 1)"
            )
        yield home


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CliRunner:
    return CliRunner(home, monkeypatch, capsys)


def pages(home: Path) -> int:
    return (home / "metastore.db").stat().st_size


def free_up(command: CliRunner, home: Path) -> None:
    before = pages(home)
    assert command("audit", "prune", "--older-than", "90d").out == "Deleted 20000 events\n"
    command.succeed("gc")
    command.succeed("share", "revoke", SHARE, "globex")
    command.succeed("metastore", "compact")
    assert pages(home) < before / 2
    command.succeed("model", "delete", MODEL, "--version", "1", "--yes")
    command.succeed("model", "delete", MODEL, "--yes")


def test_beside_a_server(home: Path, command: CliRunner) -> None:
    with ProviderProcess(home) as provider:
        fill(home)
        assert command("model", "alias", "set", MODEL, "Next", "1").code == 11
        free_up(command, home)
        with urllib.request.urlopen(f"{provider.url}/ready") as answer:
            assert json.load(answer)["status"] == "ready"


def test_without_a_server_and_nobody_has_the_database_open(home: Path, command: CliRunner) -> None:
    fill(home)
    free_up(command, home)
    assert (home / "metastore.db.reserve").stat().st_size == RESERVE_BYTES
    command.succeed("catalog", "create", "next")


def test_from_afar(home: Path) -> None:
    token = (home / "admin.token").read_text()

    def call(method: str, path: str) -> int:
        request = urllib.request.Request(provider.url + UNITY_CATALOG + path, method=method)
        request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                assert error.headers["Retry-After"]
                return error.code

    with ProviderProcess(home) as provider:
        fill(home)
        assert call("GET", "/catalogs") == 507
        assert call("DELETE", "/recipients/globex") == 200
        assert call("DELETE", f"/models/{MODEL}/versions/1") == 200
        assert call("GET", "/catalogs") == 200
