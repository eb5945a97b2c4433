"""The audit log leaves as one Parquet file: every event, denials too, and the export itself is one."""

from __future__ import annotations

import asyncio
import errno
import json
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_sharing_protocol.errors import AlreadyExists, DiskFull, InvalidParameter, PermissionDenied
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.services.administration import audit
from model_sharing_provider.services.administration.audit_export import EventFile
from support.admin_client import AdminClient
from support.provider_cli import CliRunner


async def be_busy(admin: AdminClient) -> None:
    """Shares, recipients, and one who may not."""
    await admin.share("acme", "globex")
    await admin.share("other", "initech")
    stranger = admin.provider.context(Caller(ANONYMOUS, "test", "192.0.2.7"))
    with pytest.raises(PermissionDenied):
        await admin.provider.shares.create(stranger, "mine")


async def logged(admin: AdminClient) -> list[AuditEvent]:
    """Events of the log, oldest first, before this read."""
    return list(reversed(await admin.provider.audit.latest(admin.context, 1000)))


async def test_every_event_is_in_the_file(admin: AdminClient, tmp_path: Path) -> None:
    await be_busy(admin)
    events = await logged(admin)
    path = tmp_path / "audit.parquet"
    count = await admin.provider.audit.export(admin.context, path)
    table = pq.read_table(path)
    rows = table.to_pylist()
    # The look at the log that `logged` took is in the file as well.
    assert count == len(rows) == len(events) + 1
    for row, event in zip(rows, events, strict=False):
        expected = to_record(event)
        for moment in ("at", "first_at"):
            assert row.pop(moment) == datetime.fromtimestamp(expected.pop(moment) / 1000, UTC)
        assert row == expected
    assert table.schema.field("at").type == pa.timestamp("ms", tz="UTC")
    (denied,) = [row for row in rows if row["outcome"] == "DENIED"]
    assert (denied["principal"], denied["object_name"], denied["address"]) == (
        "anonymous",
        "mine",
        "192.0.2.7",
    )
    assert denied["reason"].startswith("anonymous lacks CREATE_SHARE")
    exported = (await logged(admin))[-1]
    assert (exported.action, exported.outcome) == (AuditAction.EXPORT_AUDIT_LOG, Outcome.OK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if "audit" in each.name] == ["audit.parquet"]


async def test_a_log_larger_than_a_batch(
    admin: AdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await be_busy(admin)
    monkeypatch.setattr(audit, "_BATCH", 2)
    path = tmp_path / "audit.parquet"
    count = await admin.provider.audit.export(admin.context, path)
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == (count + 1) // 2
    assert [row["action"] for row in file.read().to_pylist()] == [
        event.action for event in (await logged(admin))[:count]
    ]


async def test_an_export_can_be_narrowed(admin: AdminClient, tmp_path: Path) -> None:
    await be_busy(admin)
    export = admin.provider.audit.export

    async def rows(name: str, **only: Any) -> list[dict[str, Any]]:
        await export(admin.context, tmp_path / name, **only)
        found: list[dict[str, Any]] = pq.read_table(tmp_path / name).to_pylist()
        return found

    assert {row["share"] for row in await rows("acme", share="acme")} == {"acme"}
    assert {row["principal"] for row in await rows("who", principal="anonymous")} == {"anonymous"}
    created = await rows("created", action=AuditAction.CREATE_SHARE, outcome="OK")
    assert [row["object_name"] for row in created] == ["acme", "other"]
    assert await rows("tomorrow", since=2**52) == []


async def test_others_get_no_file(admin: AdminClient, tmp_path: Path) -> None:
    stranger = admin.provider.context(Caller(ANONYMOUS, "test"))
    with pytest.raises(PermissionDenied):
        await admin.provider.audit.export(stranger, tmp_path / "audit.parquet")
    assert not (tmp_path / "audit.parquet").exists()
    refused = (await logged(admin))[-1]
    assert (refused.action, refused.outcome) == (AuditAction.EXPORT_AUDIT_LOG, Outcome.DENIED)


async def test_what_is_there_is_not_written_over(admin: AdminClient, tmp_path: Path) -> None:
    path = tmp_path / "audit.parquet"
    path.write_text("last month's")
    with pytest.raises(AlreadyExists, match="choose another name"):
        await admin.provider.audit.export(admin.context, path)
    assert path.read_text() == "last month's"
    with pytest.raises(InvalidParameter, match="cannot be written: No such file or directory"):
        await admin.provider.audit.export(admin.context, tmp_path / "nowhere" / "audit.parquet")
    with pytest.raises(InvalidParameter, match="cannot be written: File name too long"):
        await admin.provider.audit.export(admin.context, tmp_path / ("x" * 300))
    assert (await logged(admin))[-1].outcome is Outcome.FAILED


async def test_an_export_that_fails_leaves_nothing(
    admin: AdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await be_busy(admin)
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setattr(pq.ParquetWriter, "write_table", no_room)
    with pytest.raises(DiskFull, match="free some space"):
        await admin.provider.audit.export(admin.context, folder / "audit.parquet")
    assert list(folder.iterdir()) == []


async def test_an_export_that_is_interrupted_leaves_nothing(
    admin: AdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await be_busy(admin)
    folder = tmp_path / "exports"
    folder.mkdir()
    writing = asyncio.Event()
    loop = asyncio.get_running_loop()
    write = EventFile.write

    def announced(file: EventFile, events: Sequence[AuditEvent]) -> None:
        loop.call_soon_threadsafe(writing.set)
        write(file, events)

    monkeypatch.setattr(audit, "_BATCH", 1)
    monkeypatch.setattr(EventFile, "write", announced)
    export = asyncio.create_task(admin.provider.audit.export(admin.context, folder / "audit.parquet"))
    await writing.wait()
    export.cancel()
    with pytest.raises(asyncio.CancelledError):
        await export
    assert list(folder.iterdir()) == []


def test_from_the_command_line(tmp_path: Path, provider_cli: CliRunner) -> None:
    provider_cli.succeed("share", "create", "acme")
    assert provider_cli("share", "create", "acme").code == 5
    whole, failed = str(tmp_path / "audit.parquet"), str(tmp_path / "failed.parquet")
    assert provider_cli.succeed("audit", "export", "--parquet", whole).out == f"Wrote 2 events to {whole}\n"
    command = ("audit", "export", "--parquet", failed, "--outcome", "failed", "--since", "1h")
    assert json.loads(provider_cli.succeed(*command, "--output", "json").out) == {
        "path": failed,
        "num_events": 1,
    }
    assert [row["outcome"] for row in pq.read_table(whole).to_pylist()] == ["OK", "FAILED"]
    listed = provider_cli.succeed(
        "audit", "list", "--principal", "admin", "--action", AuditAction.EXPORT_AUDIT_LOG
    )
    assert listed.out.count("exportAuditLog") == 2
    assert provider_cli.succeed("audit", "list", "--principal", "nobody", "--output", "json").json == []
    assert provider_cli("audit", "export", "--parquet", whole).code == 5
    assert provider_cli("audit", "export", "--parquet", str(tmp_path)).code == 2
    missing = provider_cli("audit", "export")
    assert (missing.code, "--parquet" in missing.err) == (2, True)
