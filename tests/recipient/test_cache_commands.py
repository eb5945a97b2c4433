"""`model-sharing cache list` and `prune`, and the sizes they are told."""

from __future__ import annotations

import json
import time

import pytest

from model_sharing.cache.store import Cache
from model_sharing_protocol.errors import InvalidParameter
from support.cached_versions import DAY, NAME, bytes_on_disk
from support.recipient_cli import RunCli


def test_the_listing(cache: Cache, three_cached_versions: list[str], run_cli: RunCli) -> None:
    answer = json.loads(run_cli("cache", "list", "--output", "json").stdout)
    assert answer["size"] == bytes_on_disk(cache.blobs) == 130_003
    (newest, *_, oldest) = answer["versions"]
    assert (newest["full_name"], newest["version"], newest["aliases"]) == (f"vendor.{NAME}", 3, ["V-3"])
    assert (oldest["size"], oldest["own_size"], oldest["complete"]) == (70_001, 30_001, True)
    assert abs(oldest["last_used"] / 1000 - (time.time() - 3 * DAY)) < 600
    assert run_cli("cache", "list").stdout.splitlines()[-1].startswith("127.0 KiB in ")
    run_cli("unmount", "vendor")
    assert "not mounted" in run_cli("cache", "list").stdout
    run_cli("cache", "prune", "--older-than", "0s")
    assert run_cli("cache", "list").stderr == "The cache is empty.\n"


def test_pruning_on_the_command_line(
    cache: Cache, three_cached_versions: list[str], run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = run_cli("cache", "prune", "--older-than", "2w", "--max-size", "100 KiB", "--dry-run").stdout
    assert dry.splitlines() == [
        f"Would remove vendor.{NAME} version 1",
        "Would free 29.3 KiB; 97.7 KiB would remain.",
    ]
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "100KiB")
    answer = json.loads(run_cli("cache", "prune", "--output", "json").stdout)
    assert answer["removed"] == [
        {"digest": three_cached_versions[0], "versions": [f"vendor.{NAME} version 1"]}
    ]
    assert (answer["freed"], answer["remaining"], answer["dry_run"]) == (30_001, 100_002, False)
    for wrong in (["--max-size", "much"], ["--older-than", "ever"]):
        assert run_cli("cache", "prune", *wrong).returncode == InvalidParameter.row.exit_code
