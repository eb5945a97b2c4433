"""Bytes that went bad in the cache are found, removed and fetched again."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import Manifest
from support.cached_versions import COMMON, NAME, files_of, flip, whole
from support.fake_provider.server import FakeProvider
from support.files import read_tree
from support.recipient_cli import RunCli


@pytest.mark.parametrize("seed", range(4))
def test_verify_finds_every_flipped_byte(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    cache: Cache,
    three_cached_versions: list[str],
    seed: int,
) -> None:
    """Flips that leave size and time stamp alone, in a random choice of blobs, through any of their links."""
    dice = random.Random(seed)
    blobs = sorted(path for path in cache.blobs.iterdir())
    chosen = dice.sample(blobs, dice.randint(1, len(blobs)))
    for blob in chosen:
        links = [path for path in cache.root.rglob("*") if path.is_file() and path.samefile(blob)]
        flip(dice.choice(links), dice)
    found = verify(cache)
    assert set(found.corrupt) == {blob.name for blob in chosen}
    assert found.files == len(blobs)
    whole(cache)
    assert verify(cache).corrupt == ()
    for version in (1, 2, 3):
        assert read_tree(vendor.snapshot(f"{NAME}/{version}").folder) == files_of(version)
    assert len(fake_provider.file_requests()) == len(chosen)


def test_verify_on_the_command_line_reports_and_repairs(
    fake_provider: FakeProvider, cache: Cache, three_cached_versions: list[str], run_cli: RunCli
) -> None:
    done = run_cli("cache", "verify")
    assert (done.returncode, done.stdout) == (0, "7 files, 127.0 KiB: 0 corrupt and removed.\n")
    own = cache.blob_path(sha256(files_of(2)["own.bin"]).hexdigest())
    flip(own, random.Random(0))
    done = run_cli("cache", "verify")
    assert done.returncode == CorruptArtifact.row.exit_code
    assert "vendor.ml_team.iris_model version 2: will be fetched again when it is used" in done.stdout
    (listed,) = [line for line in run_cli("cache", "list").stdout.splitlines() if "incomplete" in line]
    assert "V-2" in listed
    run_cli("pull", "vendor")
    flip(own, random.Random(1))
    answer = run_cli("cache", "verify", "--repair", "--output", "json")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["repaired"]
    assert whole(cache) == set(three_cached_versions)
    flip(own, random.Random(2))
    fake_provider.stop()
    done = run_cli("cache", "verify", "--repair")
    assert done.returncode == CorruptArtifact.row.exit_code
    assert "cannot be reached" in done.stdout


def test_a_blob_that_is_found_corrupt_while_it_is_linked_is_fetched_again(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    cache: Cache,
    three_cached_versions: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between planning, which trusts the seal, and linking, `verify` removes the blob."""
    fake_provider.publish(NAME, 4, files_of(4))
    flip(cache.blob_path(sha256(COMMON).hexdigest()), random.Random(0))
    real = Cache.publish_snapshot

    def verify_first(self: Cache, manifest: Manifest, *, selected: Manifest | None) -> Path:
        monkeypatch.setattr(Cache, "publish_snapshot", real)
        assert len(verify(self).corrupt) == 1
        return real(self, manifest, selected=selected)

    monkeypatch.setattr(Cache, "publish_snapshot", verify_first)
    assert read_tree(vendor.snapshot(f"{NAME}/4").folder) == files_of(4)
