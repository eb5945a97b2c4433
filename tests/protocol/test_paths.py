"""File paths inside a model: what passes the validator stays inside its folder, on every platform."""

from __future__ import annotations

import ntpath
import os
import posixpath
import sys
import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidParameter, UnsafePath
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.paths import check_no_twins, check_relative_path

# Pieces that path parsers trip over, glued together in any order, beside any text at all.
TRICKY = st.lists(
    st.sampled_from(
        [
            "..",
            ".",
            "/",
            "\\",
            "//",
            "C:",
            "c:",
            "\\\\host\\share",
            "\\\\?\\",
            "\0",
            "~",
            " ",
            "NUL",
            "con",
            "com1",
            "CONIN$",
            "lpt²",
            "a",
            "model.pkl",
            "MLmodel",
            "\u202e",
            "\uff0f",
            "\u2215",
            "\uff052e",
            "%2e%2e%2f",
            ":s",
            "é",
        ]
    ),
    max_size=8,
).map("".join)


def is_device(name: str) -> bool:
    """True for names such as `NUL` and `com1.txt`, which Windows takes for devices."""
    if sys.version_info >= (3, 13):
        return ntpath.isreserved(name)
    return PureWindowsPath(name).is_reserved()


FOLDER = "/srv/models/v1"
WINDOWS_FOLDER = "C:\\models\\v1"


def passes(path: str) -> bool:
    try:
        return check_relative_path(path) == path
    except UnsafePath:
        return False


@given(TRICKY | st.text(max_size=60))
@example("a/../../b")
@example("CONOUT$")
@example("nul .txt")
@example("a/com¹.bin")
def test_what_passes_stays_inside_its_folder_on_posix_and_on_windows(path: str) -> None:
    if not passes(path):
        return
    joined = posixpath.normpath(posixpath.join(FOLDER, path))
    assert joined.startswith(FOLDER + "/")
    assert str(Path(FOLDER, path).expanduser()).startswith(FOLDER + "/")
    windows = PureWindowsPath(WINDOWS_FOLDER, path)
    assert ntpath.normpath(str(windows)).startswith(WINDOWS_FOLDER + "\\")
    assert windows.relative_to(WINDOWS_FOLDER).parts == tuple(path.split("/"))
    for part in path.split("/"):
        assert not is_device(part)
        assert part == part.rstrip(". "), "Windows drops trailing dots and spaces"
    os.fsencode(path)
    assert "\0" not in path


@pytest.mark.parametrize(
    "path",
    [
        "MLmodel",
        "data/model.pkl",
        "a b/c-d_e.bin",
        ".hidden",
        "..data/x",
        "...x",
        "é/ü.txt",
        "a#1",
        "a%20b",
        "~x",
    ],
)
def test_ordinary_paths_pass_unchanged(path: str) -> None:
    assert check_relative_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../x",
        "a/./b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "C:\\x",
        "C:x",
        "\\\\h\\s",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "\ud800",
        "x:y",
        "a*",
        "a?",
        'a"',
        "<a",
        "a|b",
        "a.",
        "a ",
        "a./b",
        "con",
        "NUL.txt",
        "aux.tar.gz",
        "Com1",
        "lpt9.x",
        "conin$",
        "CONOUT$.log",
        "x" * 256,
        "é" * 128,
        "a/" * 600 + "a",
        "a/" * 100 + "a",
    ],
)
def test_dangerous_paths_are_refused_and_named(path: str) -> None:
    with pytest.raises(UnsafePath):
        check_relative_path(path)


@given(st.text("aAbBéÉß\u0301kK\u212a", min_size=1, max_size=4).filter(passes))
def test_spellings_that_a_file_system_may_take_for_one_file_are_refused(name: str) -> None:
    spellings = {
        name,
        name.lower(),
        name.upper(),
        name.casefold(),
        unicodedata.normalize("NFC", name),
        unicodedata.normalize("NFD", name),
        unicodedata.normalize("NFD", name.upper()),
    }
    for spelling in spellings - {name}:
        with pytest.raises(UnsafePath, match="same file"):
            check_no_twins([f"data/{name}", f"data/{spelling}"])


@pytest.mark.parametrize("paths", [("a", "a/b"), ("A", "a/b/c"), ("a/b", "a/B/c"), ("é", "e\u0301/x")])
def test_a_file_cannot_also_be_a_folder(paths: tuple[str, str]) -> None:
    for order in (paths, paths[::-1]):
        with pytest.raises(UnsafePath, match="folder"):
            check_no_twins(order)


def test_files_are_in_so_many_folders_at_most() -> None:
    deep = "/a" * 98
    check_no_twins(f"{number}{deep}/x" for number in range(2500))
    with pytest.raises(UnsafePath, match="more than 250000 folders"):
        check_no_twins(f"{number}{deep}/x" for number in range(2600))


def test_folders_that_differ_only_in_case_are_refused_only_where_files_meet() -> None:
    check_no_twins(["data/x", "Data/y"])
    with pytest.raises(UnsafePath):
        check_no_twins(["data/x", "Data/x"])


# Unicode's Default_Ignorable_Code_Point but for format characters, and what is blank without being a space.
IGNORABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2065\u2800\u3164\ufe00\ufe0f\uffa0\ufff0\U0001d159\U000e01ef"
)
UNSEEN = st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]) | st.sampled_from(
    [*IGNORABLE, "\u00a0", "\u2003", "\u202f", "\u3000", "\U000e0001", "\ufdd0", "\U0010ffff"]
)


@given(UNSEEN, st.sampled_from(["{}", "a{}b.bin", "data/MLmodel{}", "{}/x"]))
def test_what_cannot_be_seen_is_in_no_path_and_in_no_name(unseen: str, place: str) -> None:
    with pytest.raises(UnsafePath, match=f"the invisible character U\\+{ord(unseen):04X}"):
        check_relative_path(place.format(unseen))
    for kind in ("catalog", "schema", "model", "share", "recipient", "alias"):
        with pytest.raises(InvalidParameter, match=f"U\\+{ord(unseen):04X}"):
            normalize_name(kind, f"a{unseen}b")


@given(
    st.text("abA \u00a0\u200b\ufe0f\u3164\uff41\u212b\u00e5a\u030a\ufb01fi", min_size=1, max_size=4),
    st.data(),
)
def test_no_two_paths_of_a_model_look_alike(name: str, data: st.DataObject) -> None:
    """Paths are compared without ignorable characters and however a letter is composed."""

    def looks(text: str) -> str:
        seen = (each for each in text if each == " " or (each.isprintable() and each not in IGNORABLE))
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", "".join(seen)).casefold())

    other = data.draw(st.permutations(name).map("".join) | st.just(unicodedata.normalize("NFD", name)))
    if name != other and passes(name) and passes(other) and looks(name) == looks(other):
        with pytest.raises(UnsafePath, match="same file"):
            check_no_twins([name, other])


@pytest.mark.parametrize(
    "path",
    [
        "\U0001f600.bin",
        "\u6a21\u578b.bin",
        "e\u0301.txt",
        "\u0645\u0644\u0641.bin",
        "\u0e44\u0e1f\u0e25\u0e4c",
    ],
)
def test_every_script_may_be_written(path: str) -> None:
    assert check_relative_path(path) == path
