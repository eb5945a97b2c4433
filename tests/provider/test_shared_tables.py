"""Tables at external locations are shared as they are, and read by URLs that end with the access."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from model_sharing_protocol.errors import InvalidParameter, NotFound, PermissionDenied, UnsupportedOperation
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.model_folder import write_model

FLOWERS = {"day": ["2026-01-01", "2026-01-02", None], "kind": ["a b/c%ü", "x", "y"], "petals": [4, 5, 6]}
NAME = SharedName("training", "flowers")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder with a Delta table, a folder of Parquet files, and a secret beside it."""
    lake = tmp_path / "lake"
    write_deltalake(str(lake / "flowers"), pa.table(FLOWERS), partition_by=["day", "kind"])
    for number in (1, 2):
        folder = lake / "plain" / f"year=202{number}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"score": [number * 0.5]}), folder / "part.parquet")
    (lake / "plain" / "_SUCCESS").touch()
    pq.write_table(pa.table({"secret": [1]}), tmp_path / "secret.parquet")
    return lake


@pytest.fixture
async def provider(provider_home: Path, lake: Path) -> AsyncIterator[ProviderServices]:
    async with open_provider(Settings(provider_home, external_locations=(lake.as_uri(),))) as opened:
        yield opened


class Reader:
    """A recipient of the share `acme`."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._url = f"{endpoint}/shares/acme"
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})

    async def ask(self, path: str, body: Any = None, method: str = "GET") -> tuple[int, Any, list[Any]]:
        async with self._session.request(method, self._url + path, json=body) as answer:
            lines = [json.loads(line) for line in (await answer.read()).splitlines()]
            return answer.status, answer.headers, lines

    async def query(self, table: str, body: Any = None) -> tuple[int, Any, list[Any]]:
        schema, _, name = table.partition(".")
        return await self.ask(f"/schemas/{schema}/tables/{name}/query", body or {}, "POST")

    async def fetch(self, url: str, **headers: str) -> tuple[int, bytes]:
        async with aiohttp.ClientSession() as anybody, anybody.get(url, headers=headers) as answer:
            return answer.status, await answer.read()

    async def rows(self, table: str, body: Any = None) -> list[dict[str, Any]]:
        status, _, (_, _, *files) = await self.query(table, body)
        assert status == 200
        found = []
        for line in files:
            status, content = await self.fetch(line["file"]["url"])
            assert (status, len(content)) == (200, line["file"]["size"])
            values = line["file"]["partitionValues"]
            found += [row | values for row in pq.read_table(io.BytesIO(content)).to_pylist()]
        return found

    async def close(self) -> None:
        await self._session.close()


@pytest.fixture
async def reader(admin: AdminClient, endpoint: str, lake: Path) -> AsyncIterator[Reader]:
    code = await admin.share("acme", "globex")
    shares = admin.provider.shares
    await shares.add_table(admin.context, "acme", (lake / "flowers").as_uri(), NAME)
    await shares.add_table(admin.context, "acme", (lake / "plain").as_uri(), SharedName("results", "plain"))
    reader = Reader(endpoint, (await admin.activate(code, endpoint)).bearer_token)
    yield reader
    await reader.close()


async def test_a_delta_table_is_read_with_its_partitions_and_versions(reader: Reader, lake: Path) -> None:
    _, headers, lines = await reader.query("training.flowers")
    assert (headers["delta-table-version"], len(lines)) == ("0", 5)
    assert lines[1]["metaData"]["partitionColumns"] == ["day", "kind"]
    whole = sorted(await reader.rows("training.flowers"), key=lambda row: int(row["petals"]))
    assert [[row[name] for name in FLOWERS] for row in whole] == list(
        map(list, zip(*FLOWERS.values(), strict=True))
    )
    write_deltalake(str(lake / "flowers"), pa.table(FLOWERS), mode="append", partition_by=["day", "kind"])
    assert len(await reader.rows("training.flowers")) == 6
    assert len(await reader.rows("training.flowers", {"version": 0})) == 3
    assert len(await reader.rows("training.flowers", {"timestamp": "2100-01-01T00:00:00Z"})) == 6
    for body, code in (
        ({"version": 9}, "INVALID_PARAMETER_VALUE"),
        ({"timestamp": "2000-01-01T00:00:00Z"}, "INVALID_PARAMETER_VALUE"),
        ({"startingVersion": 0}, "UNSUPPORTED_OPERATION"),
    ):
        status, _, (error,) = await reader.query("training.flowers", body)
        assert (status, error["errorCode"]) == (400, code), body
    _, _, limited = await reader.query("training.flowers", {"limitHint": 1})
    assert len(limited) == 3


async def test_a_parquet_folder_is_a_table_without_history(reader: Reader) -> None:
    rows = await reader.rows("results.plain")
    assert sorted((row["year"], row["score"]) for row in rows) == [("2021", 0.5), ("2022", 1.0)]
    status, _, (error,) = await reader.query("results.plain", {"version": 0})
    assert (status, error["errorCode"]) == (400, "UNSUPPORTED_OPERATION")


async def test_recipients_find_tables_by_walking(reader: Reader) -> None:
    _, _, (schemas,) = await reader.ask("/schemas")
    assert [(each["name"], each.get("hasModels", True)) for each in schemas["items"]] == [
        ("information_schema", False),
        ("results", False),
        ("training", False),
    ]
    _, _, (every,) = await reader.ask("/all-tables")
    names = [f"{each['schema']}.{each['name']}" for each in every["items"]]
    assert names[-2:] == ["results.plain", "training.flowers"]
    _, _, (models,) = await reader.ask("/schemas/training/models")
    assert models == {}
    _, _, (table,) = await reader.ask("/schemas/TRAINING/tables/Flowers")
    assert table["id"] == every["items"][-1]["id"]


async def test_a_replaced_file_is_an_error_and_not_other_data(reader: Reader, lake: Path) -> None:
    _, _, lines = await reader.query("results.plain")
    url = lines[2]["file"]["url"]
    (replaced,) = (lake / "plain" / "year=2021").iterdir()
    pq.write_table(pa.table({"score": [7.5]}), replaced)
    status, body = await reader.fetch(url)
    assert (status, json.loads(body)["errorCode"]) == (400, "INVALID_PARAMETER_VALUE")
    replaced.unlink()
    assert (await reader.fetch(url))[0] == 400


async def test_urls_end_with_the_access_and_name_no_path(
    admin: AdminClient, reader: Reader, lake: Path
) -> None:
    _, _, lines = await reader.query("training.flowers")
    url = lines[2]["file"]["url"]
    assert "parquet" not in url and "flowers" not in url
    assert (await reader.fetch(url, Range="bytes=0-3"))[1] == b"PAR1"
    assert (await reader.fetch(url.replace("/assets/", "/tables/")))[0] in (403, 404)
    await admin.provider.shares.remove(admin.context, "acme", "training.flowers")
    assert (await reader.fetch(url))[0] == 403
    assert (await reader.query("training.flowers"))[0] == 404


async def test_links_out_of_the_location_are_not_followed(reader: Reader, lake: Path, tmp_path: Path) -> None:
    (lake / "plain" / "year=2030").mkdir()
    (lake / "plain" / "year=2030" / "part.parquet").symlink_to(tmp_path / "secret.parquet")
    status, _, (error,) = await reader.query("results.plain")
    assert (status, error["errorCode"]) == (403, "PERMISSION_DENIED")


async def test_terms_of_the_share_come_first(admin: AdminClient, reader: Reader) -> None:
    terms = admin.provider.provider_terms
    await terms.set(admin.context, SecurableType.SHARE, "acme", version="1", text="For evaluation.")
    status, _, (error,) = await reader.query("training.flowers")
    assert (status, error["errorCode"]) == (403, "TERMS_NOT_ACCEPTED")


async def test_what_cannot_be_shared_is_refused(admin: AdminClient, lake: Path, tmp_path: Path) -> None:
    await admin.share("acme", "globex")
    shares = admin.provider.shares
    refused: tuple[tuple[str, type[Exception]], ...] = (
        ("prod.ml.flowers", InvalidParameter),
        (tmp_path.as_uri(), PermissionDenied),
        ((lake / "nothing").as_uri(), NotFound),
    )
    for location, error in refused:
        with pytest.raises(error):
            await shares.add_table(admin.context, "acme", location, NAME)
    mapped = lake / "mapped"
    write_deltalake(str(mapped), pa.table({"a": [1]}))
    log = mapped / "_delta_log" / "00000000000000000000.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in action:
            action["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
            schema = json.loads(action["metaData"]["schemaString"])
            annotations = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-a"}
            schema["fields"][0]["metadata"] = annotations
            action["metaData"]["schemaString"] = json.dumps(schema)
    log.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(UnsupportedOperation, match="column mapping"):
        await shares.add_table(admin.context, "acme", mapped.as_uri(), NAME)


async def test_our_recipient_lists_them_beside_its_models(
    admin: AdminClient, endpoint: str, lake: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    await admin.provider.shares.add_table(admin.context, "acme", (lake / "flowers").as_uri(), NAME)
    await admin.provider.shares.add_volume(
        admin.context, "acme", (lake / "plain").as_uri(), SharedName("training", "raw")
    )
    write_profile((await admin.activate(code, endpoint)).to_json(), tmp_path / "globex.share")

    async def run(*arguments: str, module: str = "model_sharing.cli") -> str:
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, *(("-m", module) if module else ()), *arguments),
            cwd=tmp_path,
            env={**os.environ, "MODEL_SHARING_HOME": str(tmp_path / "home")},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await command.communicate()
        assert command.returncode == 0
        return said.decode()

    await run("mount", "globex.share", "acme", "--as", "vendor")
    listed = json.loads(await run("list", "vendor", "--output", "json"))
    assert [(each["kind"], each["full_name"]) for each in listed] == [
        ("model", "vendor.ml_team.scorer"),
        ("table", "vendor.training.flowers"),
        ("volume", "vendor.training.raw"),
    ]
    assert listed[1]["address"] == "acme.training.flowers"
    assert "table" in await run("list", "vendor.training")
    assert "table" not in await run("list", "vendor.ml_team")
    # Schemas of tables and volumes alone are not among those of models.
    code = "import model_sharing; print(model_sharing.catalog('vendor').list_schemas())"
    assert await run("-c", code, module="") == "['ml_team']\n"
