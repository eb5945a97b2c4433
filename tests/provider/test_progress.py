"""Registration and `fsck` say how far they are: in words, and by bytes inside of a large file."""

from __future__ import annotations

import io
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from rich.console import Console

from model_sharing_protocol.console.progress_bar import ProgressBar
from model_sharing_protocol.names import FullName
from model_sharing_protocol.progress import Progress
from support.admin_client import AdminClient
from support.files import random_bytes
from support.model_folder import write_model

MIB = 1024 * 1024
LARGE = random_bytes(40 * MIB)
NAME = FullName.parse("prod.ml.scorer")
HALF_A_LARGE_FILE = len(LARGE) // 2


@pytest.fixture
async def folder(admin: AdminClient, tmp_path: Path) -> Path:
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    return write_model(tmp_path / "m", {"weights.bin": LARGE, "empty": b""})


def phases(seen: list[Progress]) -> list[str]:
    return [phase for phase, _ in groupby(now.phase for now in seen)]


def check_told_by_bytes(seen: list[Progress], phase: str, size: int, files: int) -> None:
    """No step of that phase is a whole large file, none goes back, and the last one is everything."""
    steps = [now for now in seen if now.phase == phase]
    assert {(now.bytes_total, now.files_total) for now in steps} == {(size, files)}
    assert (steps[0].bytes_done, steps[0].files_done) == (0, 0)
    assert (steps[-1].bytes_done, steps[-1].files_done) == (size, files)
    assert all(
        0 <= after.bytes_done - before.bytes_done < HALF_A_LARGE_FILE for before, after in pairwise(steps)
    )


async def test_registering_tells_each_piece_of_a_large_file(admin: AdminClient, folder: Path) -> None:
    seen: list[Progress] = []
    version = await admin.provider.registration.register(admin.context, folder, NAME, progress=seen.append)
    assert phases(seen) == ["copying", "waiting for the disk", "publishing"]
    check_told_by_bytes(seen, "copying", version.size or 0, 3)


async def test_so_do_deltas(admin: AdminClient, folder: Path, tmp_path: Path) -> None:
    await admin.provider.registration.register(admin.context, folder, NAME)
    changed = write_model(tmp_path / "2", {"weights.bin": LARGE[:-1] + b"!"})
    seen: list[Progress] = []
    await admin.provider.registration.register(
        admin.context, changed, NAME, delta_from=1, progress=seen.append
    )
    assert phases(seen) == ["copying", "waiting for the disk", "making deltas", "publishing"]
    check_told_by_bytes(seen, "making deltas", len(LARGE), 1)


@pytest.mark.parametrize("quick", [False, True])
async def test_fsck_tells_each_piece_of_a_large_file(
    admin: AdminClient, folder: Path, provider_home: Path, quick: bool
) -> None:
    first = await admin.provider.registration.register(admin.context, folder, NAME)
    second = await admin.provider.registration.register(admin.context, folder, NAME)
    damaged = provider_home / "artifacts" / second.storage_path
    (damaged / "weights.bin").write_bytes(LARGE[:MIB])
    (damaged / "empty").unlink()
    seen: list[Progress] = []
    found = await admin.provider.fsck.check(admin.context, quick=quick, progress=seen.append)
    assert len(found.problems) == 2
    assert phases(seen) == ["checking", "looking for objects without a row"]
    steps = [now for now in seen if now.phase == "checking"]
    last = steps[-1]
    # The chunk maps are read, too, and how large they are is not known from the start.
    assert last.bytes_done == last.bytes_total
    assert 2 * (first.size or 0) < last.bytes_done < 2 * (first.size or 0) + MIB
    assert (last.files_done, last.files_total) == (6, 6)
    inside = [now for now in steps if MIB < now.bytes_done % len(LARGE) < HALF_A_LARGE_FILE]
    assert bool(inside) is not quick


def test_a_person_sees_the_phase_and_how_much_of_it_is_done() -> None:
    screen = io.StringIO()
    with ProgressBar(Console(file=screen, force_terminal=True, width=150)) as bar:
        bar.show(Progress("copying", 3_000_000, 12_000_000, 1, 3))
        bar._bar.refresh()
        bar.show(Progress("waiting for the disk"))
        bar._bar.refresh()
    assert "copying" in screen.getvalue()
    assert "3.0/12.0 MB" in screen.getvalue()
    assert "1/3 files" in screen.getvalue()
    last = screen.getvalue().rpartition("waiting for the disk")
    assert last[1]
    assert "12.0 MB" not in last[2]
