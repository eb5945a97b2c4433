"""Atomic file writes: whole or not at all, nothing left behind, and synced to disk where asked for."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_sharing_protocol.atomic_files import new_file, write_file

CONTENTS = [bytes([number]) * 100_000 for number in range(8)]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_written_file_is_its_owners_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.touch(0o644)
    write_file(path, b"new")
    assert (path.read_bytes(), permissions(path)) == (b"new", 0o600)
    write_file(path, b"for all", mode=0o640, durable=False)
    assert (path.read_bytes(), permissions(path)) == (b"for all", 0o640)
    assert names(tmp_path) == ["secrets.json"]


def test_an_error_while_writing_leaves_the_old_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    write_file(path, b"old")
    with pytest.raises(KeyboardInterrupt), new_file(path) as fresh:
        fresh.write_bytes(b"half of what was to")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["secrets.json"]


def test_a_place_that_cannot_be_written_to_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "nowhere" / "file"):
        with pytest.raises(OSError, match=r"directory"):
            write_file(path, b"content")
    assert names(tmp_path) == ["folder"]


def test_writers_at_once_never_mix_what_they_write(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    write_file(path, CONTENTS[0])
    with ThreadPoolExecutor() as threads:
        written = [threads.submit(write_file, path, content, durable=False) for content in CONTENTS * 20]
        while not all(each.done() for each in written):
            assert path.read_bytes() in CONTENTS
    assert [each.result() for each in written] == [None] * len(written)
    assert names(tmp_path) == ["shared"]


@pytest.mark.parametrize(("durable", "synced"), [(True, ["new", "renamed"]), (False, [])])
def test_a_durable_file_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, synced: list[str]
) -> None:
    path = tmp_path / "secrets.json"
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append("renamed" if path.exists() else "new"))
    write_file(path, b"content", durable=durable)
    assert seen == synced
