"""The stock `delta-sharing` client reads a share's inventory from our server.

It pins older versions of packages that we use, so it lives in a virtual environment of its own, made once.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from model_sharing_protocol.profile import write_profile
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.virtual_environments import virtual_environment

CLIENT = "delta-sharing==1.4.2"

STORY = """
import json, sys
import delta_sharing

profile = sys.argv[1]
client = delta_sharing.SharingClient(profile)

def table(name):
    return delta_sharing.load_as_pandas(f"{profile}#acme.information_schema.{name}")

print(json.dumps({
    "shares": [share.name for share in client.list_shares()],
    "schemas": [schema.name for schema in client.list_schemas(delta_sharing.Share("acme"))],
    "tables": [f"{table.schema}.{table.name}" for table in client.list_all_tables()],
    "models": table("models")[["schema", "name", "latest_version"]].values.tolist(),
    "versions": table("model_versions")[["model_name", "version", "size"]].values.tolist(),
    "aliases": table("model_aliases")[["alias", "version"]].values.tolist(),
    "column types": {name: str(kind) for name, kind in table("model_versions").dtypes.items()},
}))
"""


@pytest.fixture(scope="session")
def delta_sharing_python() -> Path:
    """The interpreter of an environment that holds the stock client."""
    return virtual_environment(CLIENT)


async def test_it_lists_shares_and_loads_the_inventory_as_pandas(
    admin: AdminClient, endpoint: str, tmp_path: Path, delta_sharing_python: Path
) -> None:
    folder = write_model(tmp_path / "m")
    first = await admin.register(folder, "prod.ml_team.scorer", "Champion")
    await admin.register(folder, "prod.ml_team.scorer")
    await admin.register(folder, "prod.hidden.secret")
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    await admin.share("not_for_globex", "initech", "prod.hidden.secret")
    write_profile(profile.to_json(), tmp_path / "globex.share")
    client = await asyncio.create_subprocess_exec(
        delta_sharing_python,
        "-W",
        "ignore",
        "-c",
        STORY,
        tmp_path / "globex.share",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ""},
    )
    said, _ = await client.communicate()
    assert client.returncode == 0
    seen = json.loads(said)
    assert seen["shares"] == ["acme"]
    assert seen["schemas"] == ["information_schema", "ml_team"]
    assert set(seen["tables"]) == {
        "information_schema.models",
        "information_schema.model_versions",
        "information_schema.model_aliases",
    }
    assert seen["models"] == [["ml_team", "scorer", 2]]
    assert seen["versions"] == [["scorer", 1, first.size], ["scorer", 2, first.size]]
    assert seen["aliases"] == [["Champion", 1]]
    assert seen["column types"]["created_at"].startswith("datetime64")
