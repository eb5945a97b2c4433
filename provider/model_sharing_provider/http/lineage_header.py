"""Lineage header of MLflow: base64 of JSON `{entities, lineages}`, sent along with versions."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter

LINEAGE_HEADER = "X-Databricks-Lineage-Identifier"


def lineage_from_header(request: web.Request) -> dict[str, Any] | None:
    """Lineage that came with a request, or None. Raises InvalidParameter for a header that cannot be read."""
    header = request.headers.get(LINEAGE_HEADER)
    if not header:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(header, validate=True), type=dict[str, Any])
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidParameter(f"The header {LINEAGE_HEADER} is not base64 of a JSON object.") from error
