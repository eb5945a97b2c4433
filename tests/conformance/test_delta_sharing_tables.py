"""The stock `delta-sharing` client loads tables at external locations into pandas."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.processes.virtual_environments import virtual_environment

STORY = """
import json, sys
import delta_sharing

def table(name, **options):
    return delta_sharing.load_as_pandas(f"{sys.argv[1]}#acme.{name}", **options)

print(json.dumps({
    "flowers": sorted(table("training.flowers")[["petals", "kind"]].values.tolist()),
    "first": len(table("training.flowers", version=0)),
    "limited": len(table("training.flowers", limit=2)),
    "plain": sorted(table("training.plain")[["score", "year"]].values.tolist()),
}))
"""


@pytest.fixture
async def provider(provider_home: Path, tmp_path: Path) -> AsyncIterator[ProviderServices]:
    async with open_provider(Settings(provider_home, external_locations=(tmp_path.as_uri(),))) as opened:
        yield opened


async def test_it_loads_tables_with_partitions_and_versions(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    rows = pa.table({"kind": ["a b/c%ü", "x"], "petals": [4, 5]})
    for _ in range(2):
        write_deltalake(str(tmp_path / "flowers"), rows, mode="append", partition_by=["kind"])
    (tmp_path / "plain" / "year=2026").mkdir(parents=True)
    pq.write_table(pa.table({"score": [0.5]}), tmp_path / "plain" / "year=2026" / "part.parquet")
    code = await admin.share("acme", "globex")
    for name in ("flowers", "plain"):
        await admin.provider.shares.add_table(
            admin.context, "acme", (tmp_path / name).as_uri(), SharedName("training", name)
        )
    profile = await admin.activate(code, endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    client = await asyncio.create_subprocess_exec(
        virtual_environment("delta-sharing==1.4.2"),
        *("-W", "ignore", "-c", STORY, tmp_path / "globex.share"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ""},
    )
    said, _ = await client.communicate()
    assert client.returncode == 0
    assert json.loads(said) == {
        "flowers": [[4, "a b/c%ü"], [4, "a b/c%ü"], [5, "x"], [5, "x"]],
        "first": 2,
        "limited": 2,
        "plain": [[0.5, "2026"]],
    }
