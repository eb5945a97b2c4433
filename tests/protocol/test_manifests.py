"""Manifests: what a version consists of, exactly; and digests, the names of bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.digests import check_sha256, hash_file
from model_sharing_protocol.errors import CorruptArtifact, InvalidParameter, UnsafePath
from model_sharing_protocol.manifest import Manifest, ManifestFile

SHA = hashlib.sha256(b"weights").hexdigest()
FILES = st.dictionaries(
    st.lists(st.text("abc_é", min_size=1, max_size=4), min_size=3, max_size=3).map("/".join),
    st.tuples(st.integers(0, 2**50), st.binary(min_size=32, max_size=32).map(bytes.hex)),
    max_size=8,
).map(lambda files: [ManifestFile(path, size, sha) for path, (size, sha) in files.items()])


@given(FILES)
def test_a_manifest_comes_back_from_json_as_it_was(files: list[ManifestFile]) -> None:
    manifest = Manifest.of(files)
    again = Manifest.from_json(manifest.to_json())
    assert (again, again.digest, again.size) == (manifest, manifest.digest, sum(file.size for file in files))


@given(FILES, st.randoms())
def test_the_order_in_which_files_are_named_does_not_change_the_digest(
    files: list[ManifestFile], chance: object
) -> None:
    assert Manifest.of(files) == Manifest.of(reversed(files))


@pytest.mark.parametrize(
    "changed",
    [ManifestFile("b", 7, SHA), ManifestFile("a", 8, SHA), ManifestFile("a", 7, "0" * 64)],
    ids=["path", "size", "content"],
)
def test_whatever_changes_in_a_file_changes_the_digest(changed: ManifestFile) -> None:
    assert Manifest.of([changed]).digest != Manifest.of([ManifestFile("a", 7, SHA)]).digest


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ([ManifestFile("../x", 1, SHA)], UnsafePath),
        ([ManifestFile("a", 1, SHA), ManifestFile("A", 1, SHA)], UnsafePath),
        ([ManifestFile("a", 1, SHA), ManifestFile("a/b", 1, SHA)], UnsafePath),
        ([ManifestFile("a", 1, SHA), ManifestFile("a", 1, SHA)], InvalidParameter),
        ([ManifestFile("a", -1, SHA)], InvalidParameter),
        ([ManifestFile("a", 1, SHA.upper())], InvalidParameter),
        ([ManifestFile("a", 1, "../../etc/passwd")], InvalidParameter),
    ],
)
def test_a_manifest_of_what_must_not_be_served_cannot_be_made(
    files: list[ManifestFile], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        Manifest.of(files)


def test_a_stored_manifest_is_validated_again_when_it_is_read() -> None:
    evil = Manifest((ManifestFile("../x", 1, SHA),)).to_json()
    for data in (evil, b"", b"{}", b'{"files":[{"path":"a"}]}', b'{"files":["\xff"]}', b"[" * 100_000):
        with pytest.raises(CorruptArtifact):
            Manifest.from_json(data)


def test_a_manifest_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_sharing_protocol.manifest.MAX_FILES", 2)
    Manifest.of(ManifestFile(f"f{n}", 1, SHA) for n in range(2))
    with pytest.raises(InvalidParameter, match="more than 2 files"):
        Manifest.of(ManifestFile(f"f{n}", 1, SHA) for n in range(3))


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 17])
def test_a_file_is_hashed_whole_whatever_its_size(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "f").write_bytes(content)
    assert hash_file(tmp_path / "f") == (size, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", "٣" * 64])
def test_what_is_not_a_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        check_sha256(text)
