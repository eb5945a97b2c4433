"""Downloads into folders that are there already: mounted disks, and folders in folders of others."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import sys
from pathlib import Path

import pytest

import model_sharing
from model_sharing.exports import destinations
from model_sharing.exports.copying import copy_files
from model_sharing.exports.destinations import SignaturePlaceWarning, copy_to_destination
from model_sharing_protocol.errors import AlreadyExists, DiskFull, InvalidState, UntrustedSignature
from model_sharing_protocol.manifest import Manifest, ManifestFile
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.small_disk import read_only, small_disk

REF = "ml_team.iris_model/1"
FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(70_000), "data/more/x": b"x"}


@pytest.fixture
def vendor(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> model_sharing.Catalog:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    return vendor


def test_a_mounted_empty_disk_is_filled(vendor: model_sharing.Catalog, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        (disk / "lost+found").mkdir(mode=0o700)
        vendor.download(REF, disk)
        assert read_tree(disk) == FILES
        assert vendor.verify(REF, disk) == len(FILES)
    assert (tmp_path / "disk.sig").exists()


def test_an_empty_folder_stays_the_folder_that_it_was(
    vendor: model_sharing.Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bind mounts and the current folder have to, and a folder with permissions of its own."""
    folder = tmp_path / "here"
    folder.mkdir(mode=0o750)
    (tmp_path / "link").symlink_to(folder)
    inode = folder.stat().st_ino
    monkeypatch.chdir(folder)
    vendor.download(REF, ".")
    assert read_tree(Path()) == FILES
    assert vendor.verify(REF, ".") == len(FILES)
    assert (folder.stat().st_ino, folder.stat().st_mode & 0o777) == (inode, 0o750)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(other)
    vendor.download(REF, tmp_path / "link")
    assert read_tree(other) == FILES


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has paths of open folders")
@pytest.mark.parametrize("exists", [False, True])
def test_who_takes_the_hidden_folder_over_moves_nothing_of_mine(tmp_path: Path, exists: bool) -> None:
    shared, mine, cached = tmp_path / "shared", tmp_path / "mine", tmp_path / "cached"
    for path, content in FILES.items():
        (cached / path).parent.mkdir(parents=True, exist_ok=True)
        (cached / path).write_bytes(content)
    mine.mkdir(mode=0o700)
    (mine / "thesis.txt").write_text("years of work")
    shared.mkdir()
    target = shared if exists else shared / "model"

    def take_over(_size: int) -> None:
        """Be another user, who may write to `shared`, between two files."""
        if not (tmp_path / "away").exists():
            (hidden,) = shared.iterdir()
            hidden.rename(tmp_path / "away")
            hidden.symlink_to(mine)

    manifest = Manifest.of(
        ManifestFile(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in FILES.items()
    )
    with contextlib.suppress(InvalidState):
        copy_to_destination(cached, manifest, b"{}", target, take_over)
    assert read_tree(mine) == {"thesis.txt": b"years of work"}
    assert mine.stat().st_mode & 0o777 == 0o700
    assert not target.is_symlink()


def test_where_nothing_can_be_written_beside_the_folder_the_signature_is_in_it(
    vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    (tmp_path / "outer" / "disk").mkdir(parents=True)
    with read_only(tmp_path / "outer"), small_disk(tmp_path / "outer" / "disk", 4) as disk:
        with pytest.raises(InvalidState, match=r"new could not be written.*: Read-only file system"):
            vendor.download(REF, disk.with_name("new"))
        with pytest.warns(SignaturePlaceWarning, match=r"model\.sig"):
            vendor.download(REF, disk)
        signature = (disk / "model.sig").read_bytes()
        assert read_tree(disk) == FILES | {"model.sig": signature}
        assert vendor.verify(REF, disk) == len(FILES)
        (disk / "added").touch()
        with pytest.raises(UntrustedSignature, match="added"):
            vendor.verify(REF, disk)


def test_a_disk_that_fills_up_is_empty_again(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 2, FILES | {"large.bin": random_bytes(3 * 1024 * 1024)})
    with small_disk(tmp_path / "disk", 2) as disk:
        with pytest.raises(DiskFull, match="disk"):
            vendor.download("ml_team.iris_model/2", disk)
        assert list(disk.iterdir()) == []
        vendor.download(REF, disk)
        assert read_tree(disk) == FILES


def test_what_fails_at_the_last_moment_leaves_nothing(
    vendor: model_sharing.Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Path:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(destinations, "_write_signature", fail)
    with pytest.raises(InvalidState, match="Input/output error"):
        vendor.download(REF, tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setattr(destinations, "signature_path", lambda folder: tmp_path / "no" / "where")
    with pytest.raises(InvalidState, match="new could not be written"):
        vendor.download(REF, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_a_killed_download_left_is_no_hindrance(vendor: model_sharing.Catalog, tmp_path: Path) -> None:
    (tmp_path / "out" / ".model-sharing-x1" / "data").mkdir(parents=True)
    (tmp_path / "out" / ".model-sharing-x1" / "data" / "weights.bin").write_bytes(b"half")
    vendor.download(REF, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES


def test_what_others_put_there_meanwhile_is_left_alone(
    vendor: model_sharing.Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_beside_another(folder: Path, manifest: Manifest, target: Path, copied: object) -> None:
        copy_files(folder, manifest, target)
        (tmp_path / "out" / "MLmodel").write_text("mine")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(destinations, "copy_files", copy_beside_another)
    with pytest.raises(AlreadyExists, match="meanwhile"):
        vendor.download(REF, tmp_path / "out")
    assert read_tree(tmp_path / "out") == {"MLmodel": b"mine"}
