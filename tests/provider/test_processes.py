"""Several processes on one home, and processes that die: nothing half-visible, lost or doubled."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName, ModelRef
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.admin_process import start

NAME = FullName.parse("prod.ml_team.scorer")
KILLS = 8


async def all_versions(admin: AdminClient) -> list[int]:
    numbers: list[int] = []
    page = PageRequest()
    while True:
        found = await admin.provider.versions.page(admin.context, NAME, page)
        numbers += [version.version for version in found.items]
        if found.last_key is None:
            return numbers
        page = PageRequest(after=found.last_key)


@pytest.mark.parametrize("settings", ["local", "postgresql"], indirect=True)
async def test_registrations_and_alias_moves_from_several_processes(
    admin: AdminClient, settings: Settings, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, str(NAME), "Champion")
    script = """
        async def one(admin):
            version = await admin.register(FOLDER, str(NAME))
            await admin.provider.models.set_alias(admin.context, NAME, "Champion", version.version)

        async def work(admin):
            for _ in range(4):
                await asyncio.gather(*(one(admin) for _ in range(6)))
    """
    started = [await start(script, settings, folder) for _ in range(4)]
    ended = asyncio.gather(*(process.communicate() for process in started))
    while not ended.done():
        # A reader never sees the alias gone between its two places.
        assert (await admin.provider.models.get(admin.context, NAME)).aliases.keys() == {"Champion"}
        await asyncio.sleep(0.01)
    for process, (said, _) in zip(started, await ended, strict=True):
        assert process.returncode == 0, said.decode()
    assert await all_versions(admin) == list(range(1, 98))


async def test_killed_while_registering(admin: AdminClient, settings: Settings, tmp_path: Path) -> None:
    """Whatever moment the process dies at: what it acknowledged is there, and what is there is whole."""
    folder = write_model(tmp_path / "m", {f"{n}.bin": bytes([n]) * 50_000 for n in range(20)})
    await admin.register(folder, str(NAME))
    script = """
        async def work(admin):
            while True:
                version = await admin.register(FOLDER, str(NAME))
                print(version.version, flush=True)
    """
    acknowledged = {1}
    dice = random.Random(7)
    for _ in range(KILLS):
        process = await start(script, settings, folder)
        assert process.stdout is not None
        acknowledged.add(int(await process.stdout.readline()))
        await asyncio.sleep(dice.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
        acknowledged |= {int(line) for line in rest.split()}
    present = await all_versions(admin)
    assert acknowledged <= set(present)
    assert len(present) == len(set(present))
    for number in present:
        async with admin.provider.database.read() as rows:
            model = await rows.models.find(NAME)
            assert model is not None
            version = await rows.versions.find(model.id, number)
        assert version is not None
        stored = settings.home / "artifacts" / version.storage_path
        assert {path.name for path in stored.iterdir()} == {path.name for path in folder.iterdir()}
        assert sum(path.stat().st_size for path in stored.iterdir()) == version.size


async def test_a_full_disk_is_named_and_leaves_nothing(
    admin: AdminClient, settings: Settings, tmp_path: Path
) -> None:
    """A limit on the size of files stands for the disk: the operating system refuses in the same way."""
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    before = sorted((settings.home / "artifacts").rglob("*"))
    large = write_model(tmp_path / "large", {"a.bin": b"a" * 3_000_000, "b.bin": b"b" * 9_000_000})
    script = """
        import resource
        async def work(admin):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
            try:
                await admin.register(FOLDER, str(NAME))
            except Exception as error:
                print(type(error).__name__, error)
    """
    process = await start(script, settings, large)
    said, _ = await process.communicate()
    assert said.startswith(b"DiskFull The artifact store has no space left for"), said.decode()
    assert [path for path in sorted((settings.home / "artifacts").rglob("*")) if path.is_file()] == [
        path for path in before if path.is_file()
    ]
    assert await all_versions(admin) == [1]


async def test_what_was_acknowledged_is_there_after_a_new_start(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home")
    folder = write_model(tmp_path / "m")
    async with open_provider(settings) as provider:
        first = await AdminClient.of(provider).register(folder, str(NAME), "Champion")
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        model = await admin.provider.models.get(admin.context, NAME)
        assert (model.latest_version, model.aliases) == (first.version, {"Champion": 1})
        with pytest.raises(NotFound):
            await provider.models.set_alias(admin.context, NAME, "Next", 2)
        assert ModelRef.parse(f"models:/{NAME}@Champion").alias == "Champion"
