"""Queries of a share's information schema, as a Delta Sharing client sends them."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp
import pyarrow.parquet as pq


async def query_table(
    endpoint: str, token: str, table: str
) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """The rows of a table, its `metaData`, and its version header."""
    url = f"{endpoint}/shares/acme/schemas/information_schema/tables/{table}/query"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
            version = answer.headers["delta-table-version"]
            protocol, head, file = (json.loads(line) for line in (await answer.read()).splitlines())
        assert protocol == {"protocol": {"minReaderVersion": 1}}
        async with session.get(file["file"]["url"]) as answer:
            content = await answer.read()
    assert len(content) == file["file"]["size"]
    return pq.read_table(io.BytesIO(content)).to_pylist(), head["metaData"], version
