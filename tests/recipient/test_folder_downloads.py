"""Volumes and skills are downloaded as they were listed, all or nothing, and go on where they stopped."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.downloads.fetch_folder import FolderJob, fetch_folder
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing.downloads.transfer.transfer import Target
from model_sharing.exports.staging import place_files, staging_folder, staging_path
from model_sharing_protocol.errors import (
    AlreadyExists,
    CorruptArtifact,
    InvalidParameter,
    InvalidState,
    MissingDependency,
    NotASharingServer,
    NotFound,
    ServerUnreachable,
    SharingError,
    UnsafePath,
    UnsupportedOperation,
    UntrustedCode,
)
from model_sharing_protocol.manifest import Manifest, ManifestFile
from support.fake_provider import faults
from support.fake_provider.models import SHARE, digest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.recipient_cli import RunCli

NAME = "evaluation.prompts"
LARGE = random_bytes(2 * RANGE_BYTES + 12_345)
FILES = {"one.txt": b"Why?", "more/two ü.txt": b"How?" * 1000, "more/empty.bin": b"", "weights.bin": LARGE}


@pytest.fixture
def folders(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.folders["volumes", NAME] = FILES
    fake_provider.folders["skills", "agents.read-pdf"] = {"SKILL.md": b"---\n", "scripts/read.py": b"print()"}
    return fake_provider


def found_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("exists", [False, True])
def test_a_volume_is_there_as_it_was_listed(
    vendor: model_sharing.Catalog, tmp_path: Path, exists: bool
) -> None:
    target = tmp_path / "prompts"
    if exists:
        target.mkdir()
    seen: list[model_sharing.Progress] = []
    folder = vendor.download_volume(f"vendor.{NAME}", target, progress=seen.append)
    assert found_in(target) == FILES
    size = sum(map(len, FILES.values()))
    assert (folder.path, folder.size, folder.fetched, folder.reused) == (target, size, size, 0)
    assert folder.files == tuple(sorted(FILES))
    assert [seen[0].phase, seen[-1].phase] == ["asking the provider", "done"]
    assert (seen[-1].bytes_done, seen[-1].files_done) == (size, len(FILES))
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {
        0o666 & ~_umask()
    }
    assert not [path for path in tmp_path.iterdir() if "model-sharing" in path.name]
    with pytest.raises(AlreadyExists):
        vendor.download_volume(NAME, target)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


@pytest.mark.usefixtures("folders")
def test_some_files_of_it(vendor: model_sharing.Catalog, tmp_path: Path) -> None:
    vendor.download_volume(NAME, tmp_path / "some", include="more/", exclude="*.bin")
    assert set(found_in(tmp_path / "some")) == {"more/two ü.txt"}
    with pytest.raises(NotFound, match="no such files"):
        vendor.download_volume(NAME, tmp_path / "none", include="nothing")
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("folders")
async def test_a_skill_by_code_that_awaits(vendor: model_sharing.Catalog, tmp_path: Path) -> None:
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        plan = await catalog.plan_folder_download("skill", "agents.read-pdf", tmp_path / "read-pdf")
        assert [(file.path, file.fetched) for file in plan.files] == [("SKILL.md", 4), ("scripts/read.py", 7)]
        assert not (tmp_path / "read-pdf").exists()
        folder = await catalog.download_skill("agents.read-pdf", tmp_path / "read-pdf")
        assert folder.full_name == "vendor.agents.read-pdf"
        await catalog.download_volume(NAME, tmp_path / "prompts", file="one.txt")
    assert set(found_in(tmp_path / "read-pdf")) == {"SKILL.md", "scripts/read.py"}
    assert found_in(tmp_path / "prompts") == {"one.txt": b"Why?"}


def test_a_download_goes_on_where_it_stopped(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    target = tmp_path / "prompts"
    folders.faults = [faults.cut_after(5_000_000)]
    folders.default_fault = faults.answer_status(500)
    with pytest.raises(ServerUnreachable, match="goes on where it stopped"):
        vendor.with_limits(jobs=1).download_volume(NAME, target)
    assert not target.exists() and staging_path(target).is_dir()
    folders.default_fault = None
    before, size = folders.file_bytes_sent, sum(map(len, FILES.values()))
    assert before >= 5_000_000
    assert vendor.plan_folder_download("volume", NAME, target).fetched == size - before
    folder = vendor.download_volume(NAME, target)
    assert folders.file_bytes_sent == size
    assert (folder.fetched, folder.reused) == (size - before, before)
    assert found_in(target) == FILES
    assert not staging_path(target).exists()


def test_what_was_replaced_in_between_is_fetched_again(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.faults = [faults.cut_after(5_000_000)]
    folders.default_fault = faults.answer_status(500)
    with pytest.raises(ServerUnreachable):
        vendor.with_limits(jobs=1).download_volume(NAME, tmp_path / "prompts")
    folders.default_fault = None
    changed = FILES | {"weights.bin": LARGE[::-1]}
    folders.folders["volumes", NAME] = changed
    assert vendor.download_volume(NAME, tmp_path / "prompts").reused == 0
    assert found_in(tmp_path / "prompts") == changed


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[list[Any]], list[Any]]:
    """Change of the files in an answer to a query."""

    def edit(lines: list[Any]) -> list[Any]:
        for line in lines:
            if "file" in line:
                change(line["file"])
        return lines

    return edit


def test_what_one_provider_left_is_not_anothers(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    good, evil = {"a.txt": b"good", "b.txt": b"b"}, {"a.txt": b"evil", "b.txt": b"b"}
    known = digest_of(good["a.txt"])
    folders.folders["volumes", NAME] = evil
    # It says of its file what the other one says, and breaks off after it.
    folders.edit_query = edited(
        lambda file: file.update(id=known, etag=None) if file["path"] == "a.txt" else file.update(size=2)
    )
    with pytest.raises(CorruptArtifact):
        vendor.with_limits(jobs=1).download_volume(NAME, tmp_path / "prompts", progress=False)
    with FakeProvider() as other:
        other.folders["volumes", NAME] = good
        other.edit_query = edited(lambda file: file.update(etag=None))
        (tmp_path / "other.share").write_bytes(other.profile())
        trusted = model_sharing.mount(tmp_path / "other.share", share=SHARE, name="trusted")
        folder = trusted.download_volume(NAME, tmp_path / "prompts", progress=False)
    assert found_in(tmp_path / "prompts") == good
    assert folder.reused == 0


@pytest.mark.parametrize("size", [10**15, 2**62])
def test_a_plan_costs_nothing_however_large_files_are_said_to_be(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path, size: int
) -> None:
    folders.folders["volumes", NAME] = {"one.txt": b"Why?"}
    folders.edit_query = edited(lambda file: file.update(size=size))
    tracemalloc.start()
    assert vendor.plan_folder_download("volume", NAME, tmp_path / "prompts").fetched == size
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50_000_000


@pytest.mark.parametrize("size", [-1, 2**63, 10**400])
def test_no_file_has_such_a_size(folders: FakeProvider, run_cli: RunCli, tmp_path: Path, size: int) -> None:
    folders.edit_query = edited(lambda file: file.update(size=size))
    answer = run_cli("download", f"volumes:/vendor.{NAME}", tmp_path / "prompts", "--dry-run")
    assert (answer.returncode, "which no file has" in answer.stderr) == (2, True), answer.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has paths of open folders")
@pytest.mark.parametrize("exists", [False, True])
def test_who_takes_the_hidden_folder_over_leads_nowhere(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path, exists: bool
) -> None:
    folders.folders["volumes", NAME] = {"one.txt": b"Why?"}
    target, mine = tmp_path / "prompts", tmp_path / "mine"
    mine.mkdir()
    (mine / "tree").mkdir()
    (mine / "thesis.txt").write_text("years of work")
    if exists:
        target.mkdir()
    with staging_folder(target) as staging:
        # Another user, who may write beside it, is faster than all that comes.
        staging_path(target).rename(tmp_path / "away")
        staging_path(target).symlink_to(mine)
        (staging / ("0" * 64)).write_bytes(b"left")
        listed = Manifest.of([ManifestFile("one.txt", 4, "1" * 64)])
        (staging / ("1" * 64)).write_bytes(b"Why?")
        fetch_folder(FolderJob(listed, staging, Unused(), NoObserver(), 1))
        place_files(staging, iter([(staging / ("1" * 64), "one.txt")]), target)
    assert found_in(target) == {"one.txt": b"Why?"}
    assert found_in(mine) == {"thesis.txt": b"years of work"}
    assert not staging_path(target).exists()


class Unused:
    """Source of files that are all here."""

    def run(self, file: ManifestFile, target: Target) -> None:
        raise AssertionError(file)

    def stop(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def test_no_file_is_taken_for_what_a_killed_download_left(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.folders["volumes", NAME] = files = {".model-sharing-x/a.txt": b"a", "b.txt": b"b"}
    (tmp_path / "prompts" / ".model-sharing-left").mkdir(parents=True)
    vendor.download_volume(NAME, tmp_path / "prompts", progress=False, trust_remote_code=True)
    assert found_in(tmp_path / "prompts") == files
    assert not (tmp_path / "prompts" / ".model-sharing-left").exists()


def test_addresses_that_expire_are_renewed(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.refuse_tickets_below = 2
    vendor.download_volume(NAME, tmp_path / "prompts")
    assert found_in(tmp_path / "prompts") == FILES


def test_a_server_without_ranges(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.default_fault = faults.ignore_range
    assert vendor.download_volume(NAME, tmp_path / "prompts").fetched == sum(map(len, FILES.values()))
    assert found_in(tmp_path / "prompts") == FILES


def _edited(**changes: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Other values in the line about `one.txt`."""

    def edit(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for line in lines:
            if line.get("file", {}).get("path") == "one.txt":
                line["file"] |= changes
        return lines

    return edit


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"etag": "another"}, InvalidState, "was replaced"),
        ({"size": 5}, CorruptArtifact, "sends 4 bytes"),
        ({"size": 3}, CorruptArtifact, "sends 4 bytes"),
        ({"size": -1}, SharingError, "negative size"),
        ({"size": 2**62}, SharingError, "bytes free"),
        ({"path": "../one.txt"}, UnsafePath, r"\.\."),
        ({"path": "/tmp/one.txt"}, UnsafePath, "absolute"),
        ({"path": "C:\\one.txt"}, UnsafePath, "contains"),
        ({"path": "a\0b"}, UnsafePath, "invisible"),
        ({"path": ".git/config"}, UnsafePath, "git"),
        ({"path": "MORE/EMPTY.bin"}, UnsafePath, "same file"),
        ({"path": "more"}, UnsafePath, "folder of"),
        ({"path": "weights.bin"}, SharingError, "twice"),
        ({"url": "http://169.254.169.254/latest"}, NotASharingServer, "elsewhere"),
        ({"url": "file:///etc/passwd"}, NotASharingServer, "elsewhere"),
        ({"path": 7}, NotASharingServer, "path"),
    ],
    ids=str,
)
def test_what_is_not_as_it_has_to_be_is_refused(
    folders: FakeProvider,
    vendor: model_sharing.Catalog,
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    folders.edit_query = _edited(**changes)
    (tmp_path / "in").mkdir()
    with pytest.raises(error, match=message):
        vendor.download_volume(
            NAME, tmp_path / "in" / "prompts", exclude="weights.bin" if "size" in changes else None
        )
    assert not (tmp_path / "in" / "prompts").exists()
    assert not list(tmp_path.rglob("one.txt"))


def test_more_bytes_than_were_announced(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.default_fault = faults.add_a_byte
    with pytest.raises(CorruptArtifact):
        vendor.download_volume(NAME, tmp_path / "prompts", file="one.txt")


def test_a_server_that_says_that_a_file_was_replaced(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    def refuse(handler: Any, content: bytes, start: int, end: int) -> None:
        handler.send_error_answer(400, "INVALID_STATE", "gone")

    folders.default_fault = refuse
    with pytest.raises(InvalidState, match="was replaced or removed"):
        vendor.download_volume(NAME, tmp_path / "prompts")


def test_fewer_files_than_were_announced(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.edit_query = lambda lines: lines[:-1]
    with pytest.raises(CorruptArtifact, match="announced 4 files"):
        vendor.download_volume(NAME, tmp_path / "prompts")


def test_files_that_tools_run_unasked_need_trust(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.folders["skills", "agents.sly"] = {"SKILL.md": b"---\n", ".envrc": b"rm -rf ~"}
    with pytest.raises(UntrustedCode, match="trust-remote-code"):
        vendor.download_skill("agents.sly", tmp_path / "sly")
    assert not (tmp_path / "sly").exists() and not folders.file_requests()
    vendor.download_skill("agents.sly", tmp_path / "sly", trust_remote_code=True)
    assert (tmp_path / "sly" / ".envrc").exists()


def test_a_provider_that_gives_credentials_alone(
    folders: FakeProvider,
    vendor: model_sharing.Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders.folders_by_credentials = True
    with pytest.raises(NotFound):
        vendor.download_volume("evaluation.nothing", tmp_path / "prompts")
    sas = {"azureUserDelegationSas": {"sasToken": "secret"}, "expirationTime": 4_102_444_800_000}
    folders.folder_credentials = sas
    with pytest.raises(UnsupportedOperation, match="'s3://lake/prompts'; of such stores") as refused:
        vendor.download_volume(NAME, tmp_path / "prompts")
    assert "secret" not in str(refused.value)
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    with pytest.raises(MissingDependency, match="pip install pyarrow"):
        vendor.download_volume(NAME, tmp_path / "prompts")


@pytest.mark.usefixtures("folders")
def test_a_destination_is_for_one_download(vendor: model_sharing.Catalog, tmp_path: Path) -> None:
    target = tmp_path / "prompts"
    with staging_folder(target) as staging:
        for _ in range(2):
            with pytest.raises(InvalidState, match="Another process"):
                vendor.download_volume(NAME, target)
        assert staging.is_dir()
    assert not staging_path(target).exists()
    (tmp_path / "elsewhere").mkdir()
    staging_path(target).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidState, match="not a folder of yours"):
        vendor.download_volume(NAME, target)
    assert not list((tmp_path / "elsewhere").iterdir())
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(AlreadyExists):
        vendor.download_volume(NAME, tmp_path / "link")
    with pytest.raises(InvalidParameter, match="does not exist"):
        vendor.download_volume(NAME, tmp_path / "no" / "folder")


@pytest.mark.usefixtures("folders")
def test_a_disk_without_locks(
    vendor: model_sharing.Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    vendor.download_volume(NAME, tmp_path / "prompts")
    assert found_in(tmp_path / "prompts") == FILES
    assert not staging_path(tmp_path / "prompts").exists()


@pytest.mark.usefixtures("folders")
def test_a_place_that_cannot_be_written(vendor: model_sharing.Catalog) -> None:
    with pytest.raises(InvalidState, match="could not be written"):
        vendor.download_volume(NAME, "/proc/prompts")


def test_a_download_of_which_nothing_arrived_leaves_nothing(
    folders: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    folders.default_fault = faults.answer_status(500)
    with pytest.raises(ServerUnreachable):
        vendor.download_volume(NAME, tmp_path / "prompts", include="one.txt")
    assert not [path for path in tmp_path.iterdir() if "prompts" in path.name]


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("name", ["prompts", "other.evaluation.prompts", "a.b.c.d", "../x.y", ""])
def test_names_that_are_none(vendor: model_sharing.Catalog, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidParameter):
        vendor.download_volume(name, tmp_path / "prompts")
    with pytest.raises(InvalidParameter, match="'table' is not a kind"):
        vendor.plan_folder_download("table", NAME, tmp_path / "prompts")


@pytest.mark.usefixtures("vendor")
async def test_a_download_that_is_cancelled_ends(folders: FakeProvider, tmp_path: Path) -> None:
    folders.default_fault = faults.slowly(0.05)
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        target = tmp_path / "prompts"
        work = asyncio.ensure_future(catalog.download_volume(NAME, target))
        while not (await catalog.plan_folder_download("volume", NAME, target)).reused:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not (tmp_path / "prompts").exists()
        folders.default_fault = None
        assert (await catalog.download_volume(NAME, tmp_path / "prompts")).reused > 0


@pytest.mark.usefixtures("folders")
def test_the_command_line(run_cli: RunCli, tmp_path: Path) -> None:
    uri = f"volumes:/vendor.{NAME}"
    planned = run_cli("download", uri, "prompts", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "weights.bin" in planned.stdout and "Would fetch 32" in planned.stdout + planned.stderr
    assert not (tmp_path / "prompts").exists()
    said = json.loads(run_cli("download", uri, "prompts", "--dry-run", "--output", "json").stdout)
    assert (said["dry_run"], len(said["files"])) == (True, 4)
    done = run_cli("download", uri, "prompts", "--file", "one.txt")
    assert (done.returncode, found_in(tmp_path / "prompts")) == (0, {"one.txt": b"Why?"})
    assert "the volume vendor.evaluation.prompts (1 file, 4 B) to prompts" in done.stdout
    done = run_cli("download", "skills:/vendor.agents.read-pdf", "read-pdf", "--output", "json")
    assert json.loads(done.stdout)["files"] == ["SKILL.md", "scripts/read.py"]
    for arguments, message in (
        ((uri, "prompts"), "not an empty folder"),
        ((uri, "other", "--verify"), "no digests"),
        (("volumes:/vendor.prompts", "other"), "catalog.schema.volume"),
        (("skills:/nobody.agents.read-pdf", "other"), "nobody"),
    ):
        refused = run_cli("download", *arguments)
        assert refused.returncode != 0 and message in refused.stderr, refused
        assert "Traceback" not in refused.stderr


def test_a_scheme_that_is_none_is_named_with_those_that_are(run_cli: RunCli, tmp_path: Path) -> None:
    answer = run_cli("download", f"volume:/vendor.{NAME}", tmp_path / "prompts")
    assert answer.returncode == 2
    assert "'volume:/'; write volumes:/, skills:/ or models:/." in answer.stderr
