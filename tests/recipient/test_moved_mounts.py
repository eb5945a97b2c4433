"""A provider that changes its address stays the same provider, by its key; nobody else becomes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contents import tree
from recipient.conftest import RunCli
from recipient.peer import Peer
from recipient.shared_models import SHARE

import model_sharing
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotFound,
    StaleAnswer,
    UntrustedSignature,
)

NAME = "ml_team.iris_model"
REF = f"{NAME}@Champion"
ONE = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"one" * 50}
TWO = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"two" * 50}


@pytest.fixture
def elsewhere() -> Iterator[Peer]:
    """Whoever answers at the new address."""
    with Peer() as peer:
        peer.publish(NAME, 1, ONE, "Champion")
        yield peer


@pytest.fixture
def seen(peer: Peer, vendor: model_sharing.Catalog) -> model_sharing.Catalog:
    peer.sequence = (5, 5)
    peer.publish(NAME, 1, ONE, "Champion")
    vendor.snapshot(REF)
    return vendor


@pytest.fixture
def told(elsewhere: Peer, tmp_path: Path) -> Path:
    path = tmp_path / "new.share"
    path.write_bytes(elsewhere.profile())
    return path


def is_the_same(elsewhere: Peer, peer: Peer) -> None:
    elsewhere.key, elsewhere.keys, elsewhere.sequence = peer.key, peer.keys, peer.sequence


def move(profile: Path, share: str = SHARE) -> model_sharing.Catalog:
    return model_sharing.mount(profile, share=share, name="vendor", move=True)


def test_what_was_seen_and_downloaded_stays(
    peer: Peer, elsewhere: Peer, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, peer)
    moved = move(told)
    assert moved.mount.endpoint.startswith(elsewhere.origin)
    assert moved.mount.profile_path == told
    assert moved.mount.keys == seen.mount.keys
    assert moved.mount.mounted_at == seen.mount.mounted_at
    assert model_sharing.catalog("vendor").mount == moved.mount
    assert tree(moved.snapshot(REF).folder) == ONE
    assert elsewhere.file_bytes_sent == 0
    elsewhere.sequence = (4, 9)
    with pytest.raises(StaleAnswer, match="as of"):
        model_sharing.catalog("vendor").snapshot(REF)
    elsewhere.sequence = (6, 0)
    elsewhere.publish(NAME, 2, TWO, "Champion")
    assert tree(model_sharing.catalog("vendor").snapshot(REF).folder) == TWO


def test_the_same_file_may_name_the_new_address(
    peer: Peer, elsewhere: Peer, seen: model_sharing.Catalog, profile: Path
) -> None:
    is_the_same(elsewhere, peer)
    profile.write_bytes(elsewhere.profile())
    with pytest.raises(InvalidState, match="--as vendor --move"):
        model_sharing.catalog("vendor").snapshot(REF)
    assert tree(move(profile).snapshot(REF).folder) == ONE


def test_a_key_that_the_pinned_one_vouches_for_is_the_same_provider(
    peer: Peer, elsewhere: Peer, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, peer)
    elsewhere.rotate()
    moved = move(told)
    assert moved.mount.key_fingerprint == elsewhere.key.public.fingerprint
    assert tree(moved.snapshot(REF).folder) == ONE


def test_somebody_with_another_key_is_refused_and_nothing_changes(
    elsewhere: Peer, seen: model_sharing.Catalog, told: Path
) -> None:
    shown = elsewhere.key.public.fingerprint
    with pytest.raises(UntrustedSignature, match=f"{seen.mount.key_fingerprint} was expected.*{shown}"):
        move(told)
    assert model_sharing.catalog("vendor").mount == seen.mount
    assert tree(seen.snapshot(REF).folder) == ONE


def test_what_is_not_the_same_mount_is_not_moved(
    peer: Peer, elsewhere: Peer, seen: model_sharing.Catalog, told: Path
) -> None:
    is_the_same(elsewhere, peer)
    with pytest.raises(InvalidParameter, match="by a name of its own"):
        move(told, "other")
    with pytest.raises(InvalidParameter, match="without trust"):
        model_sharing.mount(told, share=SHARE, name="vendor", move=True, trust_remote_code=True)
    with pytest.raises(NotFound, match="No catalog is mounted as 'nothing'"):
        model_sharing.mount(told, share=SHARE, name="nothing", move=True)
    assert model_sharing.catalog("vendor").mount == seen.mount


def test_on_the_command_line(
    peer: Peer, elsewhere: Peer, seen: model_sharing.Catalog, told: Path, run_cli: RunCli
) -> None:
    is_the_same(elsewhere, peer)
    done = run_cli("mount", told, SHARE, "--as", "vendor", "--move")
    assert done.returncode == 0, done.stderr
    assert f"Moved {SHARE} to {elsewhere.origin}" in done.stdout + done.stderr
