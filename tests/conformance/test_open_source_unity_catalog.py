"""Clients of open-source Unity Catalog: its Python client, and MLflow's `uc:` registry on a local disk.

The client pins an older aiohttp than ours, so it lives in a virtual environment of its own, made once.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import UnsafePath
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType, VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.notebook import notebook
from support.processes.virtual_environments import virtual_environment

CLIENT = "unitycatalog-client==0.7.0"
STORY = """
import asyncio, json, sys
from unitycatalog.client import *
from unitycatalog.client.exceptions import BadRequestException

async def main():
    async with ApiClient(Configuration(host=sys.argv[1] + "/api/2.1/unity-catalog")) as api:
        api.set_default_header("Authorization", "Bearer " + sys.argv[2])
        catalogs, schemas, models = CatalogsApi(api), SchemasApi(api), RegisteredModelsApi(api)
        grants = GrantsApi(api)
        await catalogs.create_catalog(CreateCatalog(name="shop", comment="Of the shop"))
        await schemas.create_schema(CreateSchema(name="ml", catalog_name="shop"))
        new = CreateRegisteredModel(name="scorer", catalog_name="shop", schema_name="ml")
        model = await models.create_registered_model(new)
        version = CreateModelVersion(
            model_name="scorer", catalog_name="shop", schema_name="ml", source="file:///m", run_id="r"
        )
        created = await ModelVersionsApi(api).create_model_version(version)
        try:
            await models.delete_registered_model("shop.ml.scorer", force=False)
            refused = False
        except BadRequestException:
            refused = True
        use = [PermissionsChange(principal="ann", add=[Privilege.USE_CATALOG], remove=[])]
        granted = await grants.update("catalog", "shop", UpdatePermissions(changes=use))
        seen = await grants.get("catalog", "shop")
        known = await grants.get("catalog", "kept")
        left = (await models.list_registered_models()).registered_models
        print(json.dumps({
            "owner": model.owner,
            "by": [model.created_by, model.updated_by, created.created_by, created.updated_by],
            "status": created.status,
            "kept": refused and [each.name for each in left],
            "known": known.to_dict(), "granted": granted.to_dict(), "seen": seen.to_dict(),
            "tables": (await TablesApi(api).list_tables("shop", "ml")).tables,
            "volumes": (await VolumesApi(api).list_volumes("shop", "ml")).volumes,
            "functions": (await FunctionsApi(api).list_functions("shop", "ml")).functions,
        }, default=str))

asyncio.run(main())
"""
MODEL = "prod.ml_team.scorer"


@pytest.fixture(scope="session")
def unity_catalog_python() -> Path:
    """The interpreter of an environment that holds the open-source client."""
    return virtual_environment(CLIENT)


def host(server: TestServer) -> str:
    return str(server.make_url("/")).rstrip("/")


async def test_its_client_sets_up_a_metastore(
    admin: AdminClient, server: TestServer, provider_home: Path, unity_catalog_python: Path
) -> None:
    await admin.provider.principals.create(admin.context, "ann", PrincipalType.USER)
    await admin.provider.catalogs.create(admin.context, "kept")
    manage = PrivilegeChange("ann", frozenset({Privilege.MANAGE, Privilege.USE_CATALOG}), frozenset())
    await admin.provider.permissions.update(admin.context, SecurableType.CATALOG, "kept", [manage])
    token = (provider_home / "admin.token").read_text()
    client = await asyncio.create_subprocess_exec(
        *(unity_catalog_python, "-W", "ignore", "-c", STORY, host(server), token),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ""},
    )
    said, _ = await client.communicate()
    assert client.returncode == 0
    seen = json.loads(said)
    assert (seen["owner"], seen["status"]) == ("admin", "PENDING_REGISTRATION")
    assert seen["by"] == ["admin"] * 4
    assert seen["kept"] == ["scorer"]
    # In its own words, and without MANAGE: it fails on what its enumeration does not have.
    held = {"principal": "ann", "privileges": ["USE CATALOG"]}
    assert seen["known"]["privilege_assignments"] == [held]
    assert seen["granted"]["privilege_assignments"] == seen["seen"]["privilege_assignments"] == [held]
    assert seen["tables"] == seen["volumes"] == seen["functions"] == []


async def test_mlflow_registers_and_loads_by_files_of_this_machine(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), MODEL)
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "MLFLOW_REGISTRY_URI": f"uc:{host(server)}",
        "MLFLOW_UC_OSS_TOKEN": (provider_home / "admin.token").read_text(),
    }
    folder = write_model(tmp_path / "new", {"weights.bin": b"w" * 100_000})
    with notebook(tmp_path, environment) as book:
        await asyncio.to_thread(book.run, "import mlflow")
        await asyncio.to_thread(book.run, f'mlflow.register_model("{folder}", "{MODEL}")')
        for number in (1, 2):
            download = (
                f'mlflow.artifacts.download_artifacts("models:/{MODEL}/{number}", dst_path="got{number}")'
            )
            await asyncio.to_thread(book.run, download)
    assert (tmp_path / "got2" / "weights.bin").read_bytes() == b"w" * 100_000
    found = await admin.provider.versions.get(admin.context, FullName.parse(MODEL), 2)
    assert (found.status, found.created_by) == (VersionStatus.READY, "admin")
    assert (await admin.provider.fsck.check(admin.context)).problems == []


async def test_a_link_that_a_client_left_there_is_not_followed(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path
) -> None:
    """Who writes below the artifact root itself could point at any file that the server may read."""
    secret = tmp_path / "secret"
    secret.write_text("of the server")
    await admin.register(write_model(tmp_path / "m"), MODEL)
    name = FullName.parse(MODEL)
    for linked in ("weights.bin", "folder/weights.bin"):
        version = await admin.provider.uploads.create(admin.context, name, NewVersion(source="x"), linked)
        location = admin.provider.file_locations.location("127.0.0.1", version)
        assert location == artifacts.location(f"direct/{version.id}")
        folder = Path(location.removeprefix("file://"))
        folder.mkdir(parents=True)
        if "/" in linked:
            (tmp_path / "elsewhere").mkdir()
            (tmp_path / "elsewhere" / "weights.bin").write_text("of the server")
            (folder / "folder").symlink_to(tmp_path / "elsewhere")
        else:
            (folder / linked).symlink_to(secret)
        with pytest.raises(UnsafePath, match="link"):
            await admin.provider.finalization.finalize(admin.context, name, version.version, any_format=True)
        failed = await admin.provider.versions.get(admin.context, name, version.version)
        assert failed.status is VersionStatus.FAILED_REGISTRATION
    assert secret.read_text() == "of the server"


async def test_only_clients_of_this_machine_learn_where_files_are(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, MODEL)
    recalled = await admin.register(folder, MODEL)
    await admin.provider.recalls.recall(admin.context, FullName.parse(MODEL), recalled.version, "leaks")
    url = server.make_url(f"/api/2.1/unity-catalog/models/{MODEL}/versions")
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}

    async def locations(**more: str) -> list[str]:
        async with aiohttp.ClientSession(headers=headers) as client, client.get(url, headers=more) as answer:
            return [each["storage_location"] for each in (await answer.json())["model_versions"]]

    # A recalled version is not to be used, and a proxy may stand for anybody.
    assert [each.partition(":")[0] for each in await locations()] == ["file", "urn"]
    assert [each.partition(":")[0] for each in await locations(**{"X-Forwarded-For": "::1"})] == [
        "urn",
        "urn",
    ]
    found = await admin.provider.versions.get(admin.context, FullName.parse(MODEL), 1)
    location = admin.provider.file_locations.location
    assert location("127.0.0.1", found)
    # The files of another provider's may not be here yet.
    assert location("127.0.0.1", replace(found, origin_provider="acme", origin_version=1)) is None
    for address in ("10.0.0.1", "203.0.113.9", "2001:db8::1", "", "unix"):
        assert admin.provider.file_locations.location(address, found) is None
