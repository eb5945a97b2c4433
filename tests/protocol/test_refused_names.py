"""File names that programs act upon unasked: in no model, or only in one of a provider who is trusted."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import UnsafePath
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.paths import check_model_path
from model_sharing_protocol.refused_names import (
    HARMLESS,
    NEEDS_TRUST,
    REFUSED,
    REFUSED_AT_THE_TOP,
    acts_unasked,
)

GUIDE = Path(__file__).parents[2] / "docs" / "reference" / "file-names.md"
WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in map(chr, range(0x21, 0x7F))}
UNSEEN = ["\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\ufe0f", "\u034f", "\U000e0100"]


def manifest(*paths: str) -> Manifest:
    return Manifest.of(ManifestFile(path, 0, "0" * 64) for path in paths)


def passes(*paths: str) -> bool:
    try:
        return manifest(*paths) is not None
    except UnsafePath:
        return False


def spellings(name: str) -> set[str]:
    """Spellings that some file system or program takes for this name."""
    return {
        name,
        name.upper(),
        name.title(),
        name.translate(WIDE),
        name.replace("s", "\u017f"),
        name.replace("k", "\u212a"),
        name.replace(".", "\uff0e"),
        *(name[:2] + unseen + name[2:] for unseen in UNSEEN),
        *(name + ending for ending in (".", " ", ". .", "::$DATA", ":x", "::$INDEX_ALLOCATION", "\u200b")),
    }


@pytest.mark.parametrize("name", [name.replace("*", "any") for name in REFUSED])
def test_in_no_spelling_and_at_no_depth_is_it_in_a_model(name: str) -> None:
    for spelled in spellings(name):
        for path in (spelled, f"{spelled}/config", f"data/{spelled}", f"a/b/{spelled}/hooks/x"):
            with pytest.raises(UnsafePath):
                manifest("MLmodel", path)


@pytest.mark.parametrize("name", ["git~1", "GIT~1", "GITATT~1", "GI7EBA~1", "gitmod~2.txt", "a~1.b"])
def test_short_names_of_windows_may_be_any_file(name: str) -> None:
    for path in (name, f"{name}/config", f"a/{name}"):
        with pytest.raises(UnsafePath, match="short name"):
            manifest(path)


@pytest.mark.parametrize("name", sorted(REFUSED_AT_THE_TOP))
def test_what_the_stock_verifier_leaves_out_is_refused_where_it_does(name: str) -> None:
    for path in (name, name.upper(), f"{name}/x"):
        with pytest.raises(UnsafePath, match=r"git.*remove it"):
            manifest(path)
    if name in HARMLESS:
        assert manifest(f"artifacts/base_model/{name}")


@pytest.mark.parametrize("folder", ["", "a/", "data/b/c/", "bare.git/"])
@pytest.mark.parametrize(
    "parts",
    [
        ("HEAD", "objects/x", "refs/heads/x"),
        ("head", "Objects/pack/p", "REFS/x"),
        ("HEAD", "objects", "refs"),
        ("HEAD", "\uff4fbjects/x", "refs/x"),
        ("HEAD", "commondir"),
    ],
)
def test_a_bare_repository_is_one_at_any_depth_and_in_any_case(folder: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(UnsafePath, match="git repository"):
        manifest("MLmodel", *(folder + part for part in parts))
    assert manifest("MLmodel", *(f"{number}/{part}" for number, part in enumerate(parts)))
    assert manifest("MLmodel", *(folder + part for part in parts[1:]))


PARTS = ("HEAD", "head", "objects/x", "refs/heads/x", "config", "commondir")
CONTENTS = {"HEAD": "ref: refs/heads/main\n", "head": "0" * 40, "commondir": "other\n"}


@pytest.mark.parametrize("below", ["", "a/"])
def test_what_passes_is_no_repository_to_git(tmp_path: Path, below: str) -> None:
    chosen = [parts for count in range(len(PARTS)) for parts in combinations(PARTS, count)]
    passed = [parts for parts in chosen if passes(*(below + part for part in parts))]
    assert len(chosen) / 3 < len(passed) < len(chosen)
    stop = {"GIT_CEILING_DIRECTORIES": str(tmp_path), "PATH": os.environ["PATH"]}
    for number, parts in enumerate(passed):
        folder = tmp_path / str(number) / below
        for path in ("other/HEAD", "other/objects/x", "other/refs/x", *parts):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(CONTENTS.get(path.rsplit("/", 1)[-1], ""))
        command = ["git", "rev-parse", "--git-dir"]
        found = subprocess.run(command, cwd=folder, env=stop, capture_output=True, check=False)
        assert found.returncode == 128, parts


@pytest.mark.parametrize("pattern", [pattern for pattern in NEEDS_TRUST if pattern != ".*"])
def test_what_tools_run_unasked_may_be_registered_but_needs_trust(pattern: str) -> None:
    name = pattern.replace("*", "some")
    for path in (name, f"code/{name}", f"{name}/x", f"a/{name.upper()}", name.translate(WIDE)):
        assert check_model_path(path) == path
        assert acts_unasked(path) == NEEDS_TRUST[pattern]


@pytest.mark.parametrize(
    "name",
    sorted(
        {".envrc", ".env", ".vscode", ".idea", ".devcontainer", ".vimrc", ".exrc", ".nvim.lua", ".bashrc"}
        | {".gdbinit", ".lldbinit", ".pdbrc", ".Rprofile", ".npmrc", ".netrc", ".mise.toml", ".ghci"}
        | {".dir-locals.el", ".python-version", ".pre-commit-config.yaml", ".gitmodules", ".something-new"}
    ),
)
def test_hidden_names_need_trust_unless_they_are_known_to_be_harmless(name: str) -> None:
    for path in (name, f"{name}/settings.json", f"code/{name}"):
        assert acts_unasked(check_model_path(path))
    for harmless in HARMLESS:
        assert acts_unasked(f"data/{harmless}/x") is None


@pytest.mark.parametrize(
    "path",
    sorted(
        {"MLmodel", "data/model.pth", "code/setup.py", "code/Makefile", "model.py", "requirements.txt"}
        | {"head/weights.bin", "objects/x", "a.git", "git", "digit~12345678.bin", "\U0001f600.bin"}
    ),
)
def test_ordinary_names_are_nobodys_business(path: str) -> None:
    assert check_model_path(path) == path
    assert acts_unasked(path) is None


@given(st.text("giIt.GT\u0130\u0131\uff0e\uff47\u2024\u00ad\u200b~1 ", max_size=7))
def test_nothing_that_passes_comes_down_to_git(name: str) -> None:
    try:
        check_model_path(name)
    except UnsafePath:
        return
    bare = "".join(each for each in name if unicodedata.category(each) != "Cf")
    assert unicodedata.normalize("NFKC", bare).casefold().rstrip(". ") not in (".git", "git~1")


def test_the_guide_tells_of_every_name() -> None:
    told = GUIDE.read_text()
    for name in (*REFUSED, *REFUSED_AT_THE_TOP, *NEEDS_TRUST, *HARMLESS):
        assert f"`{name}`" in told, name
