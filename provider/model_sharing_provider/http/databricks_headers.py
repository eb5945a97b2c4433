"""Headers of Databricks clients: the lineage of a version, and the workspace that a response comes from.

MLflow sends lineage along with versions, as base64 of JSON `{entities, lineages}`, and keeps the id of the
workspace with each run.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter

LINEAGE_HEADER = "X-Databricks-Lineage-Identifier"
WORKSPACE_HEADER = "X-Databricks-Org-Id"
WORKSPACE_ID = 1
"""Id of the only workspace that a provider has."""


def lineage_from_header(request: web.Request) -> dict[str, Any] | None:
    """Lineage in a request's header, or None. Raises InvalidParameter for a header that cannot be read."""
    header = request.headers.get(LINEAGE_HEADER)
    if not header:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(header, validate=True), type=dict[str, Any])
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidParameter(f"The header {LINEAGE_HEADER} is not base64 of a JSON object.") from error
