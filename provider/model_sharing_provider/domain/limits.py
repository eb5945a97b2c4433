"""Limits of free text: every list carries the texts that users wrote once.

Lengths are in bytes of UTF-8, since those determine the size of a response. Tags have the limits of Unity
Catalog (`services.registry.tags`), names those of `names`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from model_sharing_protocol.errors import InvalidParameter

MAX_COMMENT = 16 * 1024
MAX_SOURCE = 4096
MAX_ID = 255
MAX_PROPERTIES = 100
MAX_PROPERTIES_BYTES = 16 * 1024
MAX_PROPERTY_KEY = 255
MAX_PROFILE = 16 * 1024
MAX_LINEAGE = 16 * 1024
MAX_SIGNATURE = 1024 * 1024
MAX_LICENSE = 255
MAX_SUMMARY = 16 * 1024
MAX_STATUS_MESSAGE = 4096
MAX_RECALL_REASON = 1024
MAX_EVENT_TEXT = 2048


def size_of(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def check_text(what: str, text: str, limit: int) -> str:
    """Check the length of a text, and return it. Raises InvalidParameter with its size and the limit."""
    if (size := size_of(text)) > limit:
        raise InvalidParameter(f"The {what} has {size} bytes; at most {limit} are allowed.")
    return text


def check_comment(comment: str) -> str:
    """Check a description, and return it. Raises InvalidParameter if it is too long."""
    return check_text("comment", comment, MAX_COMMENT)


def check_origin(source: str, run_id: str, logged_model_id: str) -> None:
    """Check the lengths of a version's origin. Raises InvalidParameter."""
    check_text("source", source, MAX_SOURCE)
    check_text("run_id", run_id, MAX_ID)
    check_text("model_id", logged_model_id, MAX_ID)


def check_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """Check properties, and return them. Raises InvalidParameter for too many, or too long ones."""
    if len(properties) > MAX_PROPERTIES:
        raise InvalidParameter(
            f"The request has {len(properties)} properties; at most {MAX_PROPERTIES} are allowed."
        )
    for key in properties:
        check_text("key of a property", key, MAX_PROPERTY_KEY)
    written = "".join(part for item in properties.items() for part in item)
    check_text("properties together", written, MAX_PROPERTIES_BYTES)
    return dict(properties)


def check_lineage(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check a lineage record, and return it. Raises InvalidParameter if its JSON is too long."""
    check_text("lineage", json.dumps(payload, ensure_ascii=False), MAX_LINEAGE)
    return payload


def shortened(text: str, limit: int) -> str:
    """Text shortened to `limit` bytes, with a note of its full size."""
    if (size := size_of(text)) <= limit:
        return text
    note = f"… ({size} bytes)"
    kept = text.encode(errors="replace")[: limit - size_of(note)].decode(errors="ignore")
    return kept + note
