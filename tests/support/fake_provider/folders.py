"""Volumes and skills of the fake provider: their messages, by the kind and the name."""

from __future__ import annotations

import json
import time
from typing import Any

from support.fake_provider.models import SHARE, Files, digest_of


def folder_message(name: str) -> dict[str, Any]:
    """Message about a volume or skill, called `schema.name`."""
    schema, _, own = name.partition(".")
    place = {"name": own, "schema": schema, "share": SHARE, "storageLocation": f"s3://lake/{own}"}
    return place | {"description": "Reads PDF files."}


def query_lines(name: str, files: Files, origin: str, ticket: int) -> list[dict[str, Any]]:
    """Lines of the answer to a query of its files."""
    size = sum(map(len, files.values()))
    metadata = {"id": "1", "name": name, "numFiles": len(files), "size": size}
    return [
        {"protocol": {"minReaderVersion": 1}},
        {"metaData": metadata},
        *({"file": _file(path, content, origin, ticket)} for path, content in files.items()),
    ]


def _file(path: str, content: bytes, origin: str, ticket: int) -> dict[str, Any]:
    digest = digest_of(content)
    return {
        "url": f"{origin}/files/{digest}?ticket={ticket}",
        "id": digest,
        "etag": digest,
        "path": path,
        "size": len(content),
        "expirationTimestamp": int(time.time() * 1000) + 300_000,
    }


def as_body(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
