"""The first start: whole or not at all, whatever moment it dies at."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.configuration import read_settings
from model_sharing_provider.settings import Settings

DIES = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from model_sharing_provider.bootstrap import open_provider
    from model_sharing_provider.settings import Settings

    tables = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def count(connection, cursor, statement, *_):
        global tables
        tables += "CREATE TABLE" in statement
        if tables == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    async def start():
        async with open_provider(Settings(Path(sys.argv[1]))):
            pass

    asyncio.run(start())
"""


@pytest.mark.parametrize("table", [2, 9])
async def test_a_first_start_that_is_killed_while_it_makes_tables_starts_again(
    provider_home: Path, table: int
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(DIES), str(provider_home), str(table)]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ})
    assert await process.wait() == -signal.SIGKILL
    async with open_provider(Settings(provider_home)) as provider:
        assert provider.administrator.name == "admin"
    async with open_provider(Settings(provider_home)) as provider:
        assert provider.administrator.name == "admin"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODEL_SHARING_PUBLIC_URL", "ftp://x"),
        ("MODEL_SHARING_PUBLIC_URL", "http://[bad"),
        ("MODEL_SHARING_PUBLIC_URL", "vendor.example"),
        ("MODEL_SHARING_LOG", "loud"),
        ("MODEL_SHARING_PROVIDER_HOME", "/srv/what?"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidParameter, match=variable):
        read_settings()


async def test_a_home_may_have_any_other_name(tmp_path: Path) -> None:
    home = tmp_path / "models & co. 100% #1 é"
    for _ in range(2):
        async with open_provider(Settings(home)):
            assert sorted(path.name for path in tmp_path.iterdir()) == [home.name]
