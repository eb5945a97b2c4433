"""API of the Hugging Face Hub: revisions, listings of files, descriptions, and the words of errors."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import (
    NotFound,
    PathNotFound,
    PermissionDenied,
    TermsNotAccepted,
    Unauthenticated,
    VersionNotFound,
)
from model_sharing_protocol.hugging_face import files, headers, messages, paths
from model_sharing_protocol.hugging_face.files import CommitFiles
from model_sharing_protocol.hugging_face.model_info import ModelFacts, matches, model_info
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.model_formats import ModelFormat, ModelSummary
from model_sharing_protocol.revisions import Revision, commit_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = ModelFacts(
    namespace="llm",
    name="tiny",
    created_at=1_700_000_000_000,
    updated_at=1_700_000_000_000,
    format=ModelFormat.HUGGINGFACE,
    license="apache-2.0",
    summary=ModelSummary(
        parameters=7, dtype="BF16", task="text-generation", languages=("en",), library="transformers"
    ),
)


def commit(*listed: str) -> CommitFiles:
    made = [ManifestFile(path, 3, hashlib.sha256(path.encode()).hexdigest()) for path in sorted(listed)]
    return CommitFiles(COMMIT, made)


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("3", Revision(number=3)),
        ("main", Revision(alias="main", or_newest=True)),
        ("Champion", Revision(alias="champion")),
        (COMMIT, Revision(commit=COMMIT)),
        ("1" * 40, Revision(commit="1" * 40)),
        ("0", Revision(alias="0")),
        ("deadbeef", Revision(alias="deadbeef")),
    ],
)
def test_a_revision_is_a_number_an_alias_or_a_commit(text: str, revision: Revision) -> None:
    assert Revision.parse(text) == revision


@pytest.mark.parametrize("text", ["refs/pr/1", "", "v1.0", "a b", "x" * 300, "\u202e"])
def test_a_word_that_no_version_can_have_is_a_missing_revision(text: str) -> None:
    with pytest.raises(VersionNotFound):
        Revision.parse(text)


def test_a_commit_is_the_beginning_of_the_digest() -> None:
    assert commit_of(f"sha256:{COMMIT}{'f' * 24}") == COMMIT


def test_a_folder_lists_its_files_and_folders_and_a_recursive_listing_all_below() -> None:
    found = commit("README.md", "a/b/x", "a/b/y", "a/z", "a-b", "b/c/d/e")
    top, rest = found.tree()
    assert [(entry.type, entry.path) for entry in top] == [
        ("file", "README.md"),
        ("file", "a-b"),
        ("directory", "a"),
        ("directory", "b"),
    ]
    assert rest == ""
    assert [entry.path for entry in found.tree("a")[0]] == ["a/b", "a/z"]
    assert [entry.path for entry in found.tree("a", recursive=True)[0]] == ["a/b", "a/b/x", "a/b/y", "a/z"]
    everything = [entry.path for entry in found.tree(recursive=True)[0]]
    assert everything[:5] == ["README.md", "a-b", "a", "a/b", "a/b/x"]
    assert everything[7:] == ["b", "b/c", "b/c/d", "b/c/d/e"]
    assert commit().tree() == ([], "")
    for missing in ("c", "a/b/x", "a/"):
        with pytest.raises(PathNotFound):
            found.tree(missing)


names = st.lists(st.sampled_from(["a", "b", "a-b", "a0", "é"]), min_size=1, max_size=4).map("/".join)


@given(st.sets(names, max_size=30), st.booleans(), st.integers(1, 5))
def test_pages_of_a_listing_are_the_listing(listed: set[str], recursive: bool, size: int) -> None:
    listed = {path for path in listed if not any(other.startswith(f"{path}/") for other in listed)}
    found = commit(*listed)
    whole, _ = found.tree(recursive=recursive)
    files_there = {entry.path for entry in whole if entry.type == "file"}
    folders = {entry.path for entry in whole if entry.type == "directory"}
    assert files_there == {path for path in listed if recursive or "/" not in path}
    parents = {
        "/".join(path.split("/")[:depth]) for path in listed for depth in range(1, path.count("/") + 1)
    }
    assert folders == {path for path in parents if recursive or "/" not in path}
    assert len(whole) == len(files_there) + len(folders)
    paged, start = [], ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "TREE_PAGE", size)
        while True:
            page, start = found.tree(recursive=recursive, start=start)
            paged += page
            if not start:
                break
    assert paged == whole


def test_a_file_is_described_as_git_lfs_does() -> None:
    file = ManifestFile("model.safetensors", 5, hashlib.sha256(b"hello").hexdigest())
    (entry,), _ = CommitFiles(COMMIT, [file]).tree()
    assert entry.lfs == messages.TreeLfs(file.sha256, 5, len(files.pointer_of(file)))
    # `git hash-object` of the pointer.
    pointer = files.pointer_of(file)
    assert entry.oid == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
    encoded = msgspec.json.decode(msgspec.json.encode(entry))
    assert encoded["lfs"].keys() == {"oid", "size", "pointerSize"}


def test_paths_that_are_not_there_are_left_out() -> None:
    found = commit("a/x", "b").at(["a", "a/x", "b", "c", "", "a/"])
    assert [(entry.type, entry.path) for entry in found] == [
        ("directory", "a"),
        ("file", "a/x"),
        ("file", "b"),
    ]
    with pytest.raises(PathNotFound):
        commit("a/x").file("a")


def test_a_model_is_described_in_the_words_of_the_hub() -> None:
    info = msgspec.json.decode(msgspec.json.encode(model_info(MODEL, commit("config.json"))))
    assert info["id"] == info["modelId"] == "llm/tiny"
    assert (info["sha"], info["siblings"]) == (COMMIT, [{"rfilename": "config.json"}])
    assert (info["private"], info["gated"]) == (True, False)
    assert info["tags"] == ["transformers", "huggingface", "text-generation", "en", "license:apache-2.0"]
    assert info["safetensors"] == {"parameters": {"BF16": 7}, "total": 7}
    assert info["createdAt"] == "2023-11-14T22:13:20.000Z"
    listed = msgspec.json.decode(msgspec.json.encode(model_info(MODEL)))
    assert "sha" not in listed and "siblings" not in listed
    blobs = model_info(MODEL, commit("config.json"), blobs=True).siblings
    assert isinstance(blobs, tuple) and blobs[0].lfs and blobs[0].size == 3


def test_models_are_found_by_name_tags_and_task() -> None:
    info = model_info(MODEL)
    assert matches(info, search="TINY", filters=["transformers", "license:apache-2.0"])
    assert matches(info, task="text-generation")
    assert not matches(info, task="fill-mask")
    assert not matches(info, filters=["gguf"])
    assert not matches(info, search="large")


def test_an_error_has_the_word_that_clients_tell_it_by() -> None:
    words = {kind: headers.error_word(kind("why")) for kind in (NotFound, VersionNotFound, PathNotFound)}
    assert list(words.values()) == ["RepoNotFound", "RevisionNotFound", "EntryNotFound"]
    assert headers.error_word(Unauthenticated("who?")) == "RepoNotFound"
    assert headers.error_word(TermsNotAccepted("read them")) == "GatedRepo"
    assert headers.error_headers(PermissionDenied("x"), "two\r\nlines, é") == {
        "X-Error-Message": "two lines, \\xe9"
    }


def test_paths_are_quoted_as_clients_quote_them() -> None:
    assert paths.file_path("a.b", "c", "refs/pr/1", "d e/f#g") == "/a.b/c/resolve/refs%2Fpr%2F1/d%20e/f%23g"
    assert paths.tree_path("a", "b", "main", "c/d") == "/api/models/a/b/tree/main/c%2Fd"
    assert headers.next_link("https://x/y") == {"Link": '<https://x/y>; rel="next"'}
    assert headers.next_link("") == {}
