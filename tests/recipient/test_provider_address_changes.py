"""A provider that changes its address stays the same provider, by its key; nobody else becomes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotFound,
    StaleAnswer,
    UntrustedSignature,
)
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import read_tree
from support.recipient_cli import RunCli

NAME = "ml_team.iris_model"
REF = f"{NAME}@Champion"
ONE = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"one" * 50}
TWO = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"two" * 50}


@pytest.fixture
def elsewhere() -> Iterator[FakeProvider]:
    """Whoever answers at the new address."""
    with FakeProvider() as fake_provider:
        fake_provider.publish(NAME, 1, ONE, "Champion")
        yield fake_provider


@pytest.fixture
def seen(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> model_sharing.Catalog:
    fake_provider.sequence = (5, 5)
    fake_provider.publish(NAME, 1, ONE, "Champion")
    vendor.snapshot(REF)
    return vendor


@pytest.fixture
def told(elsewhere: FakeProvider, tmp_path: Path) -> Path:
    path = tmp_path / "new.share"
    path.write_bytes(elsewhere.profile())
    return path


def is_the_same(elsewhere: FakeProvider, fake_provider: FakeProvider) -> None:
    elsewhere.key, elsewhere.keys, elsewhere.sequence = (
        fake_provider.key,
        fake_provider.keys,
        fake_provider.sequence,
    )


def move(profile: Path, share: str = SHARE) -> model_sharing.Catalog:
    return model_sharing.mount(profile, share=share, name="vendor", move=True)


def test_what_was_seen_and_downloaded_stays(
    fake_provider: FakeProvider, elsewhere: FakeProvider, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, fake_provider)
    moved = move(told)
    assert moved.mount.endpoint.startswith(elsewhere.origin)
    assert moved.mount.profile_path == told
    assert moved.mount.keys == seen.mount.keys
    assert moved.mount.mounted_at == seen.mount.mounted_at
    assert model_sharing.catalog("vendor").mount == moved.mount
    assert read_tree(moved.snapshot(REF).folder) == ONE
    assert elsewhere.file_bytes_sent == 0
    elsewhere.sequence = (4, 9)
    with pytest.raises(StaleAnswer, match="as of"):
        model_sharing.catalog("vendor").snapshot(REF)
    elsewhere.sequence = (6, 0)
    elsewhere.publish(NAME, 2, TWO, "Champion")
    assert read_tree(model_sharing.catalog("vendor").snapshot(REF).folder) == TWO


def test_the_same_file_may_name_the_new_address(
    fake_provider: FakeProvider, elsewhere: FakeProvider, seen: model_sharing.Catalog, profile: Path
) -> None:
    is_the_same(elsewhere, fake_provider)
    profile.write_bytes(elsewhere.profile())
    with pytest.raises(InvalidState, match="--as vendor --move"):
        model_sharing.catalog("vendor").snapshot(REF)
    assert read_tree(move(profile).snapshot(REF).folder) == ONE


def test_a_key_that_the_pinned_one_vouches_for_is_the_same_provider(
    fake_provider: FakeProvider, elsewhere: FakeProvider, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, fake_provider)
    elsewhere.rotate()
    moved = move(told)
    assert moved.mount.key_fingerprint == elsewhere.key.public.fingerprint
    assert read_tree(moved.snapshot(REF).folder) == ONE


def test_somebody_with_another_key_is_refused_and_nothing_changes(
    elsewhere: FakeProvider, seen: model_sharing.Catalog, told: Path
) -> None:
    shown = elsewhere.key.public.fingerprint
    with pytest.raises(UntrustedSignature, match=f"{seen.mount.key_fingerprint}.*{shown}"):
        move(told)
    assert model_sharing.catalog("vendor").mount == seen.mount
    assert read_tree(seen.snapshot(REF).folder) == ONE


def test_what_is_not_the_same_mount_is_not_moved(
    fake_provider: FakeProvider, elsewhere: FakeProvider, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, fake_provider)
    with pytest.raises(InvalidParameter, match="by a name of its own"):
        move(told, "other")
    with pytest.raises(InvalidParameter, match="without trust"):
        model_sharing.mount(told, share=SHARE, name="vendor", move=True, trust_remote_code=True)
    with pytest.raises(NotFound, match="No catalog is mounted as 'nothing'"):
        model_sharing.mount(told, share=SHARE, name="nothing", move=True)
    assert model_sharing.catalog("vendor").mount == seen.mount


def test_on_the_command_line(
    fake_provider: FakeProvider,
    elsewhere: FakeProvider,
    seen: model_sharing.Catalog,
    told: Path,
    run_cli: RunCli,
) -> None:
    is_the_same(elsewhere, fake_provider)
    done = run_cli("mount", told, SHARE, "--as", "vendor", "--move")
    assert done.returncode == 0, done.stderr
    assert f"Moved {SHARE} to {elsewhere.origin}" in done.stdout + done.stderr
