"""JSON schemas of the parameters that routes of several faces take, for OpenAPI."""

from __future__ import annotations

from model_sharing_protocol.names import MAX_NAME_LENGTH, MAX_VERSION
from model_sharing_provider.http.routes import Query, Schema

_PART = r"[^./\s\x00-\x1f\x7f]+"
TEXT: Schema = {"type": "string"}
NOT_EMPTY: Schema = {"type": "string", "minLength": 1}
BOOLEAN: Schema = {"type": "boolean"}
NAME: Schema = {"type": "string", "maxLength": MAX_NAME_LENGTH, "pattern": f"^{_PART}$"}
SCHEMA_NAME: Schema = {"type": "string", "pattern": rf"^{_PART}\.{_PART}$"}
MODEL_NAME: Schema = {"type": "string", "pattern": rf"^{_PART}\.{_PART}\.{_PART}$"}
VERSION: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_VERSION}
TERMS_DIGEST: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
PAGE_SIZE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
PAGE = (Query("max_results", PAGE_SIZE), Query("page_token", TEXT))
"""Page of a listing, as the registry's clients ask for it."""
