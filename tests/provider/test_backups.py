"""Rows are backed up, put back and moved: nothing half, nothing over something else, no secret left open."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from model_sharing_protocol.errors import (
    AlreadyExists,
    DiskFull,
    InvalidParameter,
    InvalidState,
    NotFound,
    UnsupportedOperation,
)
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.tables import audit_log, metadata
from model_sharing_provider.services.administration.backups import put_back
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.postgresql import PostgresServer
from support.provider_cli import CliRunner
from support.seeded_provider import seed
from support.small_disk import fill, small_disk

NAME = "prod.ml.scorer"


async def test_a_backup_is_whole_while_others_write(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)

    async def go_on_writing() -> None:
        for number in range(20):
            await admin.provider.shares.create(admin.context, f"share_{number}")

    writing = asyncio.create_task(go_on_writing())
    folder = await admin.provider.backups.create(admin.context, tmp_path / "backup")
    await writing
    assert {path.name for path in folder.iterdir()} == {"metastore.db", "secrets.json", "signing-keys.json"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    with closing(sqlite3.connect(folder / "metastore.db")) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert rows.execute("SELECT count(*) FROM model_versions").fetchone() == (1,)


async def test_a_backup_overwrites_nothing(admin: AdminClient, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    with pytest.raises(AlreadyExists, match="give a new folder for each backup"):
        await admin.provider.backups.create(admin.context, tmp_path / "backup")


async def test_a_backup_into_a_folder_that_does_not_exist_says_so(admin: AdminClient, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="backups does not exist; create it first"):
        await admin.provider.backups.create(admin.context, tmp_path / "backups" / "today")


async def test_a_backup_that_fails_leaves_nothing(
    admin: AdminClient, settings: Settings, tmp_path: Path
) -> None:
    settings.signing_keys_path.unlink()
    with pytest.raises(FileNotFoundError):
        await admin.provider.backups.create(admin.context, tmp_path / "backup")
    assert not [path for path in tmp_path.iterdir() if "backup" in path.name]


async def test_without_room_nothing_is_left_of_a_backup_or_of_what_is_put_back(
    admin: AdminClient, settings: Settings, tmp_path: Path
) -> None:
    whole = await admin.provider.backups.create(admin.context, tmp_path / "backup")
    with small_disk(tmp_path / "disk", 1) as disk:
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - 100_000)
        with pytest.raises(DiskFull, match="no disk space left for a backup"):
            await admin.provider.backups.create(admin.context, disk / "backup")
        home = disk / "home"
        files = home / "secrets.json", home / "signing-keys.json"
        with pytest.raises(DiskFull, match="no disk space left in"):
            put_back(whole, home / "metastore.db", files)
        assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]
        assert not (disk / "backup").exists()


async def test_a_home_in_use_is_not_put_over(admin: AdminClient, settings: Settings, tmp_path: Path) -> None:
    folder = await admin.provider.backups.create(admin.context, tmp_path / "backup")
    files = settings.secrets_path, settings.signing_keys_path
    with pytest.raises(AlreadyExists, match="into an empty home"):
        put_back(folder, settings.database_path, files)
    (folder / "secrets.json").unlink()
    with pytest.raises(NotFound, match=r"is not a backup: it has no secrets\.json"):
        put_back(folder, tmp_path / "new" / "metastore.db", [tmp_path / "new" / "secrets.json"])
    assert not (tmp_path / "new").exists()


async def test_the_commands_put_a_provider_back(
    admin: AdminClient,
    provider_home: Path,
    tmp_path: Path,
    provider_cli: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    await admin.share("acme", "globex", NAME)
    done = await asyncio.to_thread(provider_cli.succeed, "metastore", "backup", str(tmp_path / "backup"))
    assert "now copy the artifacts" in done.out
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "new"))
    shutil.copytree(provider_home / "artifacts", tmp_path / "new" / "artifacts")
    back = await asyncio.to_thread(provider_cli.succeed, "metastore", "restore", str(tmp_path / "backup"))
    assert "with 1 shares" in back.out
    checked = await asyncio.to_thread(provider_cli.succeed, "fsck", "--output", "json")
    assert (checked.json["num_versions"], checked.json["problems"]) == (1, [])
    again = await asyncio.to_thread(provider_cli, "metastore", "restore", str(tmp_path / "backup"))
    assert (again.code, again.out) == (5, "")


def contents(url: str) -> dict[str, list[Any]]:
    """All rows of a database but the numbers of audit events, which each database counts by itself."""
    engine = create_engine(url)
    with engine.connect() as connection:
        kept = {
            table.name: [column for column in table.columns if column is not audit_log.c.id]
            for table in metadata.sorted_tables
        }
        found = {
            name: [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]
            for name, columns in kept.items()
        }
    engine.dispose()
    return found


async def test_an_sqlite_metastore_moves_to_postgresql(
    settings: Settings, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Everything is there afterwards: who has which token, what is shared, and the next version's number."""
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        token = await seed(admin, tmp_path / "m")
        await admin.register(write_model(tmp_path / "three"), NAME)
        before = contents(f"sqlite:///{settings.database_path}")
        with postgres.database("ENCODING 'UTF8' TEMPLATE template0") as url:
            copied = await provider.backups.copy_to(admin.context, url)
            after = contents(url.replace("postgresql://", "postgresql+psycopg://"))
            assert after == before
            assert copied == {name: len(rows) for name, rows in before.items()}
            assert len(before["model_versions"]) == 3
            with pytest.raises(InvalidState, match="is not empty"):
                await provider.backups.copy_to(admin.context, url)
            async with open_provider(replace(settings, postgresql_url=url)) as moved:
                there = AdminClient.of(moved)
                holder = await moved.recipients.authenticate(there.context, token)
                assert holder.name == "globex"
                version = await there.register(tmp_path / "three", NAME)
                assert version.version == 4
                assert (await moved.fsck.check(there.context)).problems == []
                with pytest.raises(UnsupportedOperation, match="pg_dump"):
                    await moved.backups.create(there.context, tmp_path / "backup")


async def test_what_is_copied_to_must_be_a_database(admin: AdminClient, provider_cli: CliRunner) -> None:
    away = await asyncio.to_thread(
        provider_cli, "metastore", "copy", "--to", "postgresql://me:s3cr3t@127.0.0.1:1/rows"
    )
    assert away.code == 25
    assert "s3cr3t" not in away.err + away.out
    wrong = await asyncio.to_thread(provider_cli, "metastore", "copy", "--to", "mysql://me:s3cr3t@host/rows")
    assert wrong.code == 2
    assert "s3cr3t" not in wrong.err + wrong.out
