"""Requests about tables: the state that they ask for, and what the client is able to read.

A request for what is not served is refused: the current rows would be a wrong answer that looks right.
"""

from __future__ import annotations

import re
from datetime import datetime

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation
from model_sharing_provider.http.bodies import read_body

CAPABILITIES = "delta-sharing-capabilities"
FILE_ID_HASH = "fileidhash"
_PARQUET = "parquet"
_STATES = (
    *("version", "timestamp", "startingVersion", "endingVersion"),
    *("startingTimestamp", "endingTimestamp"),
)
_NUMBER = re.compile(r"[0-9]{1,18}")


def capability_headers(request: web.Request) -> dict[str, str]:
    """Headers that tell which of the client's capabilities this response uses.

    Raises UnsupportedOperation for a client that reads no Parquet or asks for hashes of file ids, and
    InvalidParameter for a header that cannot be read.
    """
    if request.headers.get(FILE_ID_HASH, "").strip():
        raise UnsupportedOperation("File ids are not hashes of paths here; leave out the header fileidhash.")
    header = request.headers.get(CAPABILITIES, "")
    offered = _capabilities(header)
    if "fileidhash" in offered:
        raise UnsupportedOperation("File ids are not hashes of paths here; leave out fileidhash.")
    formats = offered.get("responseformat", {_PARQUET})
    if not formats <= {_PARQUET, "delta"}:
        known = ", ".join(sorted(formats))
        raise InvalidParameter(f"The response format {known!r} is unknown; give parquet.")
    if _PARQUET not in formats:
        raise UnsupportedOperation("Tables are served in the response format parquet; accept it, too.")
    return {CAPABILITIES: f"responseformat={_PARQUET}"} if header else {}


def _capabilities(header: str) -> dict[str, set[str]]:
    """Capabilities in a header: `responseformat=delta,parquet;readerfeatures=…`, whatever their case."""
    found: dict[str, set[str]] = {}
    for part in filter(None, (part.strip() for part in header.split(";"))):
        name, separator, values = part.partition("=")
        if not separator:
            raise InvalidParameter(f"The capability {part[:100]!r} has no value.")
        found[name.strip().lower()] = {value.strip().lower() for value in values.split(",")}
    return found


def check_current_state(request: web.Request) -> None:
    """Raise UnsupportedOperation if the query string names another state of a table than the current one.

    Raises InvalidParameter for a version or a time that cannot be read.
    """
    for name in _STATES:
        if (value := request.query.get(name)) is not None:
            _refuse_state(name, value, is_time=name.lower().endswith("timestamp"))


async def read_query(request: web.Request) -> wire.TableQuery:
    """Query in the body; an empty body asks for everything.

    Raises MalformedRequest, InvalidParameter, and UnsupportedOperation for another state of the table.
    """
    query = await read_body(request, wire.TableQuery) if request.can_read_body else wire.TableQuery()
    for name, value in (
        ("version", query.version),
        ("timestamp", query.timestamp),
        ("startingVersion", query.starting_version),
        ("endingVersion", query.ending_version),
        ("startingTimestamp", query.starting_timestamp),
        ("endingTimestamp", query.ending_timestamp),
    ):
        if value is not None:
            _refuse_state(name, str(value), is_time=isinstance(value, str))
    if query.page_token:
        raise InvalidParameter("The pageToken was not issued by this table; start again without it.")
    return query


def _refuse_state(name: str, value: str, *, is_time: bool) -> None:
    if is_time:
        try:
            datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidParameter(f"{name}={value[:100]!r} is not a time in ISO 8601.") from error
    elif not _NUMBER.fullmatch(value):
        raise InvalidParameter(f"{name}={value[:100]!r} is not a version number.")
    raise UnsupportedOperation(f"This table has no history: leave out {name} for its current rows.")
