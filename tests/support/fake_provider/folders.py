"""Volumes and skills of the fake provider: their messages, by the kind and the name."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from support.fake_provider.models import SHARE, Files, digest_of

if TYPE_CHECKING:
    from support.fake_provider.server import FakeProvider, Handler


def serve_folder(handler: Handler, parts: list[str]) -> None:
    """Answer what is asked about volumes and skills, and whatever else there is not."""
    fake = handler.fake
    match parts:
        case ["shares", _, ("all-volumes" | "all-skills") as listing] if fake.folders:
            kind = listing.removeprefix("all-")
            handler.send_items([_message(fake, name) for of, name in fake.folders if of == kind])
        case ["shares", _, "schemas", schema, kind, name] if (kind, f"{schema}.{name}") in fake.folders:
            handler.send_json(200, _message(fake, f"{schema}.{name}"))
        case ["shares", _, "schemas", schema, kind, name, "query"] if (
            kind,
            f"{schema}.{name}",
        ) in fake.folders and not fake.folders_by_credentials:
            _serve_query(handler, name, fake.folders[kind, f"{schema}.{name}"])
        case ["shares", _, "schemas", _, "volumes", _, "temporary-volume-credentials"] if (
            fake.folder_credentials is not None
        ):
            handler.send_json(200, fake.folder_credentials)
        case _:
            handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "There is nothing here.")


def _serve_query(handler: Handler, name: str, files: Files) -> None:
    fake = handler.fake
    with fake.lock:
        fake.tickets += 1
        ticket = fake.tickets
    metadata = {"id": "1", "name": name, "numFiles": len(files), "size": sum(map(len, files.values()))}
    lines: list[dict[str, Any]] = [
        {"protocol": {"minReaderVersion": 1}},
        {"metaData": metadata},
        *({"file": _file(path, content, fake.origin, ticket)} for path, content in files.items()),
    ]
    for edit in (fake.edit_query, fake.edit_answer):
        lines = edit(lines) if edit else lines
    body = "".join(json.dumps(line) + "\n" for line in lines)
    handler.send(200, body.encode(), "application/x-ndjson; charset=utf-8")


def _message(fake: FakeProvider, name: str) -> dict[str, Any]:
    schema, _, own = name.partition(".")
    place = {
        "name": own,
        "schema": schema,
        "share": SHARE,
        "storageLocation": fake.folder_location or f"s3://lake/{own}",
    }
    return place | {"description": fake.skills_say}


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
