"""A provider is put back from an older backup: recipients refuse it until it says so, and then go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import StaleAnswer
from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.provider import MODEL, SHARE, ProviderProcess, as_admin, share_model, write_profile_for

REF = "ml_team.scorer@Champion"


def champion(home: Path, version: int) -> None:
    async def work(admin: AdminClient) -> None:
        await admin.provider.models.set_alias(admin.context, FullName.parse(MODEL), "Champion", version)

    as_admin(home, work)


def test_after_a_restore_recipients_go_on_when_they_are_told(tmp_path: Path, recipient_home: Path) -> None:
    home, folder = tmp_path / "provider", tmp_path / "backup"
    token = share_model(home, write_model(tmp_path / "one"), write_model(tmp_path / "two", {"new": b"2"}))

    async def back_up(admin: AdminClient) -> None:
        await admin.provider.backups.create(admin.context, folder)

    as_admin(home, back_up)
    served = ProviderProcess(home)
    with served:
        profile = write_profile_for(tmp_path / "globex.share", token, served.port)
        vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
        champion(home, 1)
        assert vendor.resolve(REF).version == 1
    for name in ("metastore.db", "metastore.db-wal", "metastore.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.copyfile(folder / "metastore.db", home / "metastore.db")
    with served, pytest.raises(StaleAnswer, match="went back to a backup"):
        vendor.resolve(REF)

    async def announce(admin: AdminClient) -> None:
        assert await admin.provider.backups.announce(admin.context) == 1

    as_admin(home, announce)
    with served:
        assert vendor.resolve(REF).version == 2
