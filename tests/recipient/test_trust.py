"""A mount believes the provider's key and what it signed, and nothing else, however it is passed off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import model_sharing
from model_sharing import KeyRotationWarning
from model_sharing_protocol.dsse import SigningKey
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidParameter,
    NotFound,
    SharingError,
    StaleAnswer,
    UntrustedSignature,
)
from model_sharing_protocol.signatures import Bundle, SignedName, sign_manifest
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import read_tree
from support.recipient_cli import RunCli

NAME = "ml_team.iris_model"
REF = f"{NAME}/1"
ONE = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"one" * 50}
TWO = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"two" * 50}


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """Two versions; Champion is the second."""
    fake_provider.publish(NAME, 1, ONE)
    fake_provider.publish(NAME, 2, TWO, "Champion")
    return fake_provider


def fingerprint(fake_provider: FakeProvider) -> str:
    return fake_provider.key.public.fingerprint


# The key.


def test_the_key_is_pinned_when_the_share_is_mounted(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    assert vendor.mount.key_fingerprint == fingerprint(fake_provider)
    assert model_sharing.catalog("vendor").mount == vendor.mount


def test_a_fingerprint_that_was_told_another_way_is_checked(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    stranger = SigningKey.generate().public.fingerprint
    with pytest.raises(
        UntrustedSignature, match=f"Expected .*{stranger}.*lists {fingerprint(fake_provider)}"
    ):
        model_sharing.mount(profile, share=SHARE, name="vendor", key_fingerprint=stranger)
    with pytest.raises(InvalidParameter, match="fingerprint"):
        model_sharing.mount(profile, share=SHARE, name="vendor", key_fingerprint="abc")
    assert not list((home / "mounts").glob("*.json"))
    for _ in range(2):
        mounted = model_sharing.mount(
            profile, share=SHARE, name="vendor", key_fingerprint=fingerprint(fake_provider).upper()
        )
        assert mounted.mount.key_fingerprint == fingerprint(fake_provider)
    with pytest.raises(UntrustedSignature, match=f"Expected the key {stranger}"):
        model_sharing.mount(profile, share=SHARE, name="vendor", key_fingerprint=stranger)


def test_a_provider_that_lists_no_key_is_not_mounted(fake_provider: FakeProvider, profile: Path) -> None:
    fake_provider.keys = []
    with pytest.raises(UntrustedSignature, match="lists none"):
        model_sharing.mount(profile, share=SHARE, name="vendor")


def test_a_new_key_that_the_pinned_one_vouches_for_is_followed(
    shared: FakeProvider, vendor: model_sharing.Catalog, profile: Path
) -> None:
    vendor.snapshot(REF)
    shared.rotate()
    shared.rotate()
    shared.requests.clear()
    with pytest.warns(
        KeyRotationWarning, match=f"now trusts the key {fingerprint(shared)}, which the previous key"
    ):
        vendor.snapshot(REF)
    # What was signed with the old key stays good: only the state and the keys were asked for.
    paths = [request.path.partition("?")[0] for request in shared.requests]
    assert [path.rsplit("/", 1)[1] for path in paths] == ["1", "keys"]
    assert model_sharing.catalog("vendor").mount.key_fingerprint == fingerprint(shared)
    assert read_tree(vendor.snapshot(f"{NAME}@Champion").folder) == TWO
    assert model_sharing.mount(profile, share=SHARE, name="vendor").mount.keys[0] == shared.keys[0].pem


@pytest.mark.parametrize("listing", ["both", "new alone"])
def test_a_new_key_that_the_pinned_one_does_not_vouch_for_is_refused(
    shared: FakeProvider, vendor: model_sharing.Catalog, profile: Path, listing: str
) -> None:
    pinned = fingerprint(shared)
    shared.rotate(endorsed=False)
    if listing == "new alone":
        del shared.keys[0]
    both = f"Expected .*key {pinned}.*(lists|uses) {fingerprint(shared)}, which that key does not endorse"
    for refused in (
        lambda: vendor.snapshot(REF),
        lambda: vendor.resolve(f"{NAME}@Champion"),
        lambda: model_sharing.mount(profile, share=SHARE, name="vendor"),
    ):
        with pytest.raises(UntrustedSignature, match=both):
            refused()
    assert model_sharing.catalog("vendor").mount.key_fingerprint == pinned
    assert not shared.file_requests()


def test_an_earlier_key_signs_nothing_new(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    """A thief of the old key can say nothing to those who have followed."""
    old = shared.key
    shared.rotate()
    with pytest.warns(KeyRotationWarning):
        vendor.resolve(REF)
    newest, shared.key = fingerprint(shared), old
    with pytest.raises(
        UntrustedSignature, match=f"Expected .*{newest}, but received one that names {fingerprint(shared)}"
    ):
        model_sharing.catalog("vendor").resolve(REF)


# What it signs.


def strip(field: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {name: value for name, value in answer.items() if name != field}


def test_an_answer_without_its_signature_is_refused(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    shared.edit_version = strip("state")
    for ref in (REF, f"{NAME}@Champion"):
        with pytest.raises(
            UntrustedSignature, match=f"has no signature; expected one by {fingerprint(shared)}"
        ):
            vendor.resolve(ref)
    shared.edit_version = None
    shared.edit_query = lambda lines: [
        {"metaData": strip("bundle")(line["metaData"])} if "metaData" in line else line for line in lines
    ]
    with pytest.raises(UntrustedSignature, match=f"has no signature; expected one by {fingerprint(shared)}"):
        vendor.snapshot(REF)
    assert not shared.file_requests()


def test_one_version_served_as_another_is_refused_naming_both(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """Whatever of the answer the attacker makes fit; what is signed cannot be made to fit."""
    queries: dict[int, list[dict[str, Any]]] = {}

    def record(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        queries[lines[1]["metaData"]["version"]["version"]] = lines
        return lines

    shared.edit_query = record
    vendor.snapshot(REF)

    def substitute(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The first version's answer, with the number of the second."""
        return described_as({**queries[1][1]["metaData"]["version"], "version": 2})

    def substitute_unsigned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        version = {**substitute(lines)[1]["metaData"]["version"]}
        del version["state"]
        return described_as(version)

    def substitute_files(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The first version's files, under what was signed of the second."""
        return described_as(lines[1]["metaData"]["version"])

    def described_as(version: dict[str, Any]) -> list[dict[str, Any]]:
        protocol, metadata, *files = queries[1]
        return [protocol, {"metaData": {**metadata["metaData"], "version": version}}, *files]

    signed_as = f"{NAME} version 1 of the share {SHARE}"
    for edit, refused in (
        (substitute, f"for {NAME} version 2 .* received one for {NAME} version 1"),
        (substitute_unsigned, f"answer for {NAME} version 2 has no signature"),
        (
            substitute_files,
            f"Expected the signature of {NAME} version 2 of .*, but received that of {signed_as}",
        ),
    ):
        shared.edit_query = edit
        with pytest.raises(UntrustedSignature, match=refused):
            vendor.snapshot(f"{NAME}/2")

    # Version 1 is in the cache: an answer that version 2 has its content is not believed either.
    one = vendor.snapshot(REF).version

    def with_content_of_one(version: dict[str, Any]) -> dict[str, Any]:
        return {**version, "digest": one.digest}

    def substitute_content(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return described_as(with_content_of_one(lines[1]["metaData"]["version"]))

    shared.edit_query, shared.edit_version = substitute_content, with_content_of_one
    for look in (vendor.snapshot, vendor.resolve):
        with pytest.raises(
            UntrustedSignature, match=f"with the content {one.digest}; what was signed is version 2"
        ):
            look(f"{NAME}/2")


def test_other_files_under_a_good_signature_are_refused(
    shared: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """They are what the answer's digest says, and not what was signed."""
    honest = sign_manifest(shared.key, SignedName(SHARE, NAME, 1), vendor.snapshot(REF).manifest, 0)
    shared.publish(NAME, 1, {**ONE, "planted.py": b"boom"})

    def store_bundle(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[1]["metaData"]["bundle"] = msgspec.to_builtins(honest)
        return lines

    shared.edit_query = store_bundle
    with pytest.raises(UntrustedSignature, match=r"'planted\.py'.*expected no such file"):
        vendor.snapshot(REF)


def test_a_state_of_something_else_is_refused(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    answers: list[dict[str, Any]] = []

    def record(answer: dict[str, Any]) -> dict[str, Any]:
        answers.append(answer)
        return answer

    shared.edit_version = record
    vendor.resolve(REF)
    shared.edit_version = lambda answer: answers[0]
    with pytest.raises(
        UntrustedSignature, match=f"Expected .* for {NAME}@champion .* received one for {NAME} version 1"
    ):
        vendor.resolve(f"{NAME}@Champion")
    with pytest.raises((UntrustedSignature, CorruptArtifact), match=r"version 2.*version 1"):
        vendor.resolve(f"{NAME}/2")


@pytest.mark.parametrize("ref", [REF, f"{NAME}@Champion"])
def test_a_replayed_older_answer_is_refused_naming_both(
    shared: FakeProvider, vendor: model_sharing.Catalog, ref: str
) -> None:
    answers: list[dict[str, Any]] = []

    def record(answer: dict[str, Any]) -> dict[str, Any]:
        answers.append(answer)
        return answer

    shared.edit_version = record
    vendor.resolve(ref)
    shared.models[NAME].aliases["Champion"] = 1
    shared.sequence = (1, 2)
    assert vendor.resolve(f"{NAME}@Champion").version == 1
    shared.edit_version = lambda _: answers[0]
    with pytest.raises(StaleAnswer, match=r"change 1/1.*change 1/2.*seen before"):
        vendor.resolve(ref)
    if "@" in ref:
        with pytest.raises(StaleAnswer, match=r"version 2, is as of .* when it was version 1"):
            vendor.snapshot(ref)
    shared.edit_version = None
    assert vendor.resolve(ref).version == 1


def test_a_deliberate_move_back_is_followed(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    ref = f"{NAME}@Champion"
    versions = []
    for sequence, version in enumerate((2, 1, 2, 1)):
        shared.models[NAME].aliases["Champion"], shared.sequence = version, (5, sequence)
        versions.append(vendor.resolve(ref).version)
    shared.sequence = (6, 0)
    versions.append(vendor.resolve(ref).version)
    assert versions == [2, 1, 2, 1, 1]


def test_a_signature_that_was_damaged_in_the_cache_is_fetched_again(
    shared: FakeProvider, vendor: model_sharing.Catalog, home: Path
) -> None:
    vendor.snapshot(REF)
    (kept,) = (home / "cache" / "refs").glob("*/*.sig")
    content = kept.read_bytes()
    shared.requests.clear()
    for damaged in (b"", content[:-1], content.replace(b"0.3", b"0.2"), None):
        kept.unlink() if damaged is None else kept.write_bytes(damaged)
        vendor.snapshot(REF)
        assert Bundle.from_json(kept.read_bytes()) == vendor.snapshot(REF).bundle
    assert sum(request.path.endswith("/query") for request in shared.requests) == 4
    assert not shared.file_requests()


# What was downloaded.


@pytest.fixture
def downloaded(shared: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path) -> Path:
    vendor.download(REF, tmp_path / "out")
    shared.stop()
    return tmp_path / "out"


def test_a_download_is_verified_without_the_provider(vendor: model_sharing.Catalog, downloaded: Path) -> None:
    assert vendor.verify(REF, downloaded) == 2
    moved = downloaded.with_name("moved.sig")
    (downloaded.parent / "out.sig").rename(moved)
    assert vendor.verify(REF, downloaded, moved) == 2
    with pytest.raises(NotFound, match=r"out\.sig"):
        vendor.verify(REF, downloaded)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path: Path) -> None:
    """Symbolic link to the same bytes."""
    target = path.rename(path.parents[1] / "elsewhere")
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: flip(folder / "MLmodel"), "MLmodel"),
        (lambda folder: (folder / "MLmodel").unlink(), "'MLmodel'.*found no such file"),
        (lambda folder: (folder / "new.py").write_text("boom"), r"'new\.py'.*expected no such file"),
        (lambda folder: (folder / ".hidden").touch(), "hidden"),
        (lambda folder: link(folder / "MLmodel"), "'MLmodel'.*a link"),
        (lambda folder: (folder / "more").symlink_to("/etc"), "'more'.*a link"),
        (lambda folder: flip(folder.with_name("out.sig")), "signature|signed"),
    ],
    ids=["changed", "missing", "extra", "hidden", "symlink", "symlinked folder", "signature"],
)
def test_a_download_that_was_changed_is_refused(
    vendor: model_sharing.Catalog, downloaded: Path, change: Callable[[Path], object], said: str
) -> None:
    change(downloaded)
    with pytest.raises(UntrustedSignature, match=said):
        vendor.verify(REF, downloaded)


def test_a_download_is_not_accepted_as_another_version_or_by_alias(
    vendor: model_sharing.Catalog, downloaded: Path
) -> None:
    with pytest.raises(
        UntrustedSignature, match=r"Expected .* version 2 .*, but received that of .* version 1"
    ):
        vendor.verify(f"{NAME}/2", downloaded)
    with pytest.raises(InvalidParameter, match="by its number"):
        vendor.verify(f"{NAME}@Champion", downloaded)


def test_a_signature_is_not_written_over_a_file(
    shared: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    (tmp_path / "out.sig").write_text("mine")
    with pytest.raises(SharingError, match=r"out\.sig.*Nothing was touched"):
        vendor.download(REF, tmp_path / "out")
    assert (tmp_path / "out.sig").read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_the_command_line_pins_prints_verifies_and_refuses(
    fake_provider: FakeProvider, profile: Path, run_cli: RunCli, tmp_path: Path
) -> None:
    fake_provider.publish(NAME, 1, ONE, "Champion")
    uri = f"models:/vendor.{NAME}"
    pin = ("mount", profile, SHARE, "--as", "vendor", "--key-fingerprint")
    refused = run_cli(*pin, SigningKey.generate().public.fingerprint)
    assert (refused.returncode, refused.stderr.count("\n")) == (23, 1)
    assert fingerprint(fake_provider) in run_cli(*pin, fingerprint(fake_provider)).stdout
    assert run_cli("key", "vendor").stdout == fake_provider.key.public.pem
    assert run_cli("download", f"{uri}@Champion", "out").returncode == 0
    assert "2 files are as the provider signed them" in run_cli("verify", f"{uri}/1", "out").stdout
    flip(tmp_path / "out" / "MLmodel")
    assert run_cli("verify", f"{uri}/1", "out").returncode == 23
    fake_provider.sequence = (0, 0)
    assert run_cli("show", f"{uri}@Champion").returncode == 24
    fake_provider.sequence = (1, 1)
    fake_provider.rotate()
    done = run_cli("show", f"{uri}@Champion")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith(f"warning: 'vendor' now trusts the key {fingerprint(fake_provider)}")
