"""Contents of the conformant server: what it shares, and with whom."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

TOKEN = "recipient-token-0123456789"
EXPIRED = "expired-token-0123456789"
ACTIVATED = "activated-token-0123456789"
ENDPOINT = "https://sharing.example/delta-sharing"
LINK = "https://sharing.example/activation/3f9a"
FILES = "https://files.example"
FAR = 4_102_444_800_000
"""Year 2100, in milliseconds."""
Row = dict[str, Any]


def uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def _share(name: str) -> Row:
    return {
        "name": name,
        "id": uuid(name),
        "displayName": f"The {name}",
        "comment": "Models and what they are made of",
        "properties": {"team": "research"},
    }


SHARES = {"Acme": _share("Acme"), "Globex": _share("Globex")}
NOT_GRANTED = "Initech"
SCHEMAS = ("Ml_team", "Vision")
ASSETS = {
    "models": ("Scorer", "Ranker"),
    "tables": ("Orders", "Customers"),
    "volumes": ("Prompts", "Images"),
    "skills": ("read-pdf", "review-code"),
}
READY, PENDING = (1, 2, 3), 4
ALIASES = {"Champion": 2}
COLUMNS = ("day", "amount")
CURRENT = 2
"""Current version of each table; each version has added one file."""


def asset(kind: str, share: str, schema: str, name: str) -> Row:
    place = f"{share}/{schema}/{name}"
    row = {
        "name": name,
        "schema": schema,
        "share": share,
        "shareId": SHARES[share]["id"],
        "id": uuid(f"{kind}/{place}"),
    }
    location = f"s3://bucket/{kind}/{place}"
    match kind:
        case "models":
            return row | {"comment": "A model", "storageLocation": location}
        case "tables":
            return row | {"location": location, "accessModes": ["url", "dir"], "auxiliaryLocations": []}
        case "volumes":
            return row | {"storageLocation": location}
    return row | {
        "description": "Does what its name says",
        "storageLocation": location,
        "license": "Apache-2.0",
        "compatibility": "Python 3.11",
        "allowedTools": "Read Bash",
        "metadata": {"team": "research"},
    }


def assets(kind: str, share: str, schema: str | None = None) -> list[Row]:
    return [
        asset(kind, share, each, name) for each in SCHEMAS if schema in (None, each) for name in ASSETS[kind]
    ]


def version(share: str, schema: str, model: str, number: int) -> Row:
    place = f"{share}/{schema}/{model}/{number}"
    return {
        "modelName": model,
        "schema": schema,
        "share": share,
        "version": number,
        "status": "PENDING_REGISTRATION" if number == PENDING else "READY",
        "storageLocation": f"s3://bucket/models/{place}",
        "id": uuid(place),
        "source": "runs:/1",
        "runId": "1",
        "comment": "A version",
    }


def metadata(table: Row) -> Row:
    fields = [{"name": name, "type": "string", "nullable": True, "metadata": {}} for name in COLUMNS]
    return {
        "id": table["id"],
        "format": {"provider": "parquet"},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": ["day"],
        "location": table["location"],
        "accessModes": table["accessModes"],
    }


def content(number: int) -> bytes:
    return b"PAR1" + b"rows" * (number + 1) + b"PAR1"


def file(table: Row, number: int) -> Row:
    return {
        "url": f"{FILES}/{table['id']}/{number}?X-Amz-Signature=signed-{number}",
        "id": uuid(f"{table['id']}/{number}"),
        "partitionValues": {"day": "2026-01-01"},
        "size": len(content(number)),
        "stats": json.dumps({"numRecords": 1}),
        "expirationTimestamp": FAR,
    }


def change(table: Row, number: int) -> Row:
    return file(table, number) | {"timestamp": 1_760_000_000_000 + number, "version": number}


def profile(token: str) -> Row:
    return {
        "shareCredentialsVersion": 1,
        "endpoint": ENDPOINT + "/",
        "icebergEndpoint": "https://sharing.example/iceberg",
        "bearerToken": token,
        "expirationTime": "2099-11-12T00:12:29.0Z",
    }


def expectations() -> Row:
    """What the operator of the server would write down."""
    models = [
        {"name": name, "versions": list(READY), "notReady": [PENDING], "aliases": dict(ALIASES)}
        for name in ASSETS["models"]
    ]
    schemas = [
        {
            "name": schema,
            "models": models,
            **{kind: list(ASSETS[kind]) for kind in ASSETS if kind != "models"},
        }
        for schema in SCHEMAS
    ]
    return {
        "shares": [{"name": share, "schemas": schemas} for share in SHARES],
        "notGranted": [NOT_GRANTED],
        "expiredToken": EXPIRED,
        "activationLink": LINK,
    }
