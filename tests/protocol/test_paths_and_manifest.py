"""No path that passes leaves its folder on any system, and no two that pass meet in one file."""

from __future__ import annotations

import ntpath
import posixpath
from hashlib import sha256
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import CorruptArtifact, InvalidParameter, UnsafePath
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.paths import check_no_twins, check_relative_path

SHA = "0" * 64
HOSTILE = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "C:/x",
    "c:x",
    "\\\\server\\share\\x",
    "..\\x",
    "a\\b",
    "a\x00b",
    "a\nb",
    "file.txt:stream",
    "con",
    "CON.txt",
    "sub/nul.json",
    "com1",
    "LPT9.log",
    "trailing.",
    "trailing ",
    "x" * 1025,
    "é" * 128,
    "a?b",
    "a*b",
    '"quoted"',
    "a|b",
    "a\ud800",
]
segments = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
mean_segments = st.sampled_from(["..", ".", "", "C:", "con", "a", "B", "~", "x ", "y.", "\\", "%2e%2e", "é"])
paths = st.lists(segments | mean_segments, min_size=1, max_size=5).map("/".join)


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused_with_a_reason(path: str) -> None:
    with pytest.raises(UnsafePath, match="The path"):
        check_relative_path(path)


@pytest.mark.parametrize(
    "path", ["MLmodel", "data/model.pkl", "a b/c.txt", "日本/モデル", "%2e%2e/x", "a..b", "~"]
)
def test_ordinary_paths_pass(path: str) -> None:
    assert check_relative_path(path) == path


@given(paths)
def test_what_passes_stays_in_its_folder_everywhere(path: str) -> None:
    try:
        check_relative_path(path)
    except UnsafePath:
        return
    assert posixpath.normpath(posixpath.join("/top/folder", path)).startswith("/top/folder/")
    assert ntpath.normpath(ntpath.join("D:\\top", path)).startswith("D:\\top\\")
    assert not PureWindowsPath(path).is_reserved()
    assert len(PureWindowsPath(path).parts) == len(path.split("/"))


@pytest.mark.parametrize(
    "twins",
    [
        ("Model.pkl", "model.pkl"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("a", "a/b"),
        ("A/x", "a"),
        ("d/e", "d/e/f/g"),
    ],
)
def test_twins_are_refused_with_both_named(twins: tuple[str, str]) -> None:
    with pytest.raises(UnsafePath) as refusal:
        check_no_twins(twins)
    assert all(repr(twin) in refusal.value.message for twin in twins)


def test_a_manifest_is_sorted_sized_and_named_by_its_content() -> None:
    files = [ManifestFile("b", 2, SHA), ManifestFile("a", 1, "1" * 64)]
    manifest = Manifest.of(files)
    assert [file.path for file in manifest.files] == ["a", "b"]
    assert manifest.size == 3
    assert manifest.digest == Manifest.of(reversed(files)).digest
    assert manifest.digest != Manifest.of([*files[:1], ManifestFile("a", 1, "2" * 64)]).digest
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    "files",
    [
        [ManifestFile("a", 1, "short")],
        [ManifestFile("a", 1, "A" * 64)],
        [ManifestFile("a", -1, SHA)],
        [ManifestFile("a", 1, SHA), ManifestFile("a", 1, SHA)],
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(files: list[ManifestFile]) -> None:
    with pytest.raises(InvalidParameter):
        Manifest.of(files)


@given(st.binary(max_size=200))
def test_a_damaged_manifest_is_corrupt_never_something_else(data: bytes) -> None:
    with pytest.raises(CorruptArtifact):
        Manifest.from_json(data)


def test_a_file_is_hashed_in_pieces(tmp_path: Path) -> None:
    content = b"abc" * 1_000_000
    (tmp_path / "f").write_bytes(content)
    assert hash_file(tmp_path / "f") == (len(content), sha256(content).hexdigest())
