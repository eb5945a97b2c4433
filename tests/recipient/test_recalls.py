"""A version that its provider recalled is refused, warned of, or dropped, as the recipient wants it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing import CacheWarning, RecalledVersionWarning
from model_sharing.api import blocking
from model_sharing.cache.store import Cache
from model_sharing_protocol.errors import InvalidParameter, StaleAnswer, UntrustedSignature, VersionRecalled
from support.fake_provider.models import manifest_of
from support.fake_provider.server import FakeProvider
from support.recipient_cli import RunCli

NAME = "ml_team.iris_model"
ONE = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"one" * 50}
TWO = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"two" * 50}
REASON = "Trained on wrong labels"


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Two versions, of which the first is in the cache, held by nobody."""
    fake_provider.publish(NAME, 1, ONE)
    fake_provider.publish(NAME, 2, TWO, "Champion")
    vendor.release(vendor.snapshot(f"{NAME}/1"))
    return fake_provider


@pytest.fixture
def cached(cache: Cache, shared: FakeProvider) -> Path:
    """The first version's snapshot."""
    assert shared
    return cache.snapshots / manifest_of(ONE).digest.removeprefix("sha256:")


def set_policy(monkeypatch: pytest.MonkeyPatch, policy: str) -> model_sharing.Catalog:
    monkeypatch.setenv("MODEL_SHARING_RECALLED", policy)
    blocking.close()
    return model_sharing.catalog("vendor")


def test_a_recalled_version_is_refused_with_the_reason(
    shared: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    shared.recall(NAME, 1, REASON, 2)
    wanted = f"Version 1 of 'vendor.{NAME}' was recalled: {REASON} - use version 2"
    for use in (vendor.resolve, vendor.snapshot):
        with pytest.raises(VersionRecalled, match=wanted):
            use(f"{NAME}/1")
    assert cached.is_dir()
    assert vendor.resolve(f"{NAME}@Champion").recalled is None


def test_it_is_refused_offline_once_that_is_known(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    shared.recall(NAME, 1, REASON)
    with pytest.raises(VersionRecalled):
        vendor.resolve(f"{NAME}/1")
    shared.stop()
    with pytest.raises(VersionRecalled, match=f"{REASON} - use another version, or ask"):
        vendor.snapshot(f"{NAME}/1")


def test_one_that_is_not_here_is_refused_without_its_files(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    shared.recall(NAME, 2, REASON)
    with pytest.raises(VersionRecalled, match=REASON):
        vendor.snapshot(f"{NAME}/2")
    with pytest.raises(VersionRecalled, match=REASON):
        vendor.snapshot(f"{NAME}@Champion")
    assert shared.tickets == 1  # of the first version, before


def test_a_recall_that_is_lifted_is_forgotten(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    shared.recall(NAME, 1, REASON)
    with pytest.raises(VersionRecalled):
        vendor.resolve(f"{NAME}/1")
    shared.models[NAME].recalls.clear()
    shared.sequence = (1, int(time.time() * 1000) + 1)
    vendor.resolve(f"{NAME}/1")
    shared.stop()
    vendor.snapshot(f"{NAME}/1")


def test_who_only_wants_a_warning_gets_the_version(
    shared: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = set_policy(monkeypatch, "warn")
    for number in (1, 2):
        shared.recall(NAME, number, REASON)
        with pytest.warns(RecalledVersionWarning, match=REASON):
            assert vendor.snapshot(f"{NAME}/{number}").version.recalled is not None


def test_the_cached_copy_goes_where_the_policy_says_so(
    shared: FakeProvider, monkeypatch: pytest.MonkeyPatch, cached: Path
) -> None:
    vendor = set_policy(monkeypatch, "drop")
    shared.recall(NAME, 1, REASON)
    with pytest.raises(VersionRecalled, match=REASON):
        vendor.resolve(f"{NAME}/1")
    assert not cached.exists()


def test_a_copy_in_use_stays_and_that_is_said(
    shared: FakeProvider, monkeypatch: pytest.MonkeyPatch, cached: Path
) -> None:
    vendor = set_policy(monkeypatch, "drop")
    held = vendor.snapshot(f"{NAME}/1")
    shared.recall(NAME, 1, REASON)
    with pytest.warns(CacheWarning, match="while a process uses it"), pytest.raises(VersionRecalled):
        vendor.resolve(f"{NAME}/1")
    assert cached.is_dir()
    vendor.release(held)


@pytest.mark.usefixtures("vendor")
def test_a_policy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameter, match=r"'often' is not a policy .* write refuse, warn, drop"):
        set_policy(monkeypatch, "often")


def test_a_recall_that_is_hidden_on_the_way_is_noticed(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    shared.recall(NAME, 1, REASON)

    def hide(version: dict[str, Any]) -> dict[str, Any]:
        return {field: value for field, value in version.items() if field != "recalled"}

    shared.edit_version = hide
    with pytest.raises(UntrustedSignature, match="answered as not recalled; what was signed is that it is"):
        vendor.resolve(f"{NAME}/1")


def test_what_was_known_of_a_recall_is_not_unlearned_by_an_older_answer(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    before = shared.sequence
    shared.recall(NAME, 1, REASON)
    with pytest.raises(VersionRecalled):
        vendor.resolve(f"{NAME}/1")
    shared.models[NAME].recalls.clear()
    shared.sequence = before
    with pytest.raises(StaleAnswer):
        vendor.resolve(f"{NAME}/1")


def test_lists_say_what_was_recalled(
    shared: FakeProvider, vendor: model_sharing.Catalog, run_cli: RunCli
) -> None:
    shared.recall(NAME, 1, REASON)
    assert [str(version.recalled) for version in vendor.list_versions(NAME)] == [REASON, "None"]
    assert REASON in run_cli("show", f"vendor.{NAME}").stdout
    failed = run_cli("download", f"models:/vendor.{NAME}/1", "here")
    assert (failed.returncode, REASON in failed.stderr) == (VersionRecalled.row.exit_code, True)
    assert "recalled" in run_cli("cache", "list").stdout


def test_recalled_versions_are_pruned_when_asked(
    shared: FakeProvider, vendor: model_sharing.Catalog, run_cli: RunCli, cached: Path
) -> None:
    vendor.release(vendor.snapshot(f"{NAME}/2"))
    shared.recall(NAME, 1, REASON)
    with pytest.raises(VersionRecalled):
        vendor.resolve(f"{NAME}/1")
    pruned = run_cli("cache", "prune", "--recalled")
    assert f"Removed vendor.{NAME} version 1" in pruned.stdout
    assert not cached.exists() and list(cached.parent.iterdir())


@pytest.mark.usefixtures("vendor")
def test_pulling_all_versions_leaves_recalled_ones_out(shared: FakeProvider) -> None:
    shared.recall(NAME, 1, REASON)
    assert [pulled.version for pulled in model_sharing.pull("vendor", all_versions=True)] == [2]
