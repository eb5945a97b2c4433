"""The lineage that MLflow sends along in a header: base64 of JSON `{entities, lineages}`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter

HEADER = "X-Databricks-Lineage-Identifier"


def lineage_from_header(request: web.Request) -> dict[str, Any] | None:
    """What the header says, None without it. Raises InvalidParameter for one that cannot be read."""
    header = request.headers.get(HEADER)
    if not header:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(header, validate=True), type=dict[str, Any])
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidParameter(f"The header {HEADER} is not base64 of a JSON object.") from error
