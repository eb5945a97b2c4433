"""Requests about tables: the state that they ask for, and what the client is able to read.

A request for what is not served is refused: the current rows would be a wrong answer that looks right.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation
from model_sharing_protocol.times import epoch_ms
from model_sharing_provider.domain.shared_tables import TableRevision
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


def read_revision(request: web.Request) -> TableRevision:
    """Revision of a table that the query string names. Raises InvalidParameter."""
    return _revision({name: request.query[name] for name in _STATES if name in request.query})


async def read_query(request: web.Request) -> tuple[TableRevision, int | None]:
    """Revision that a query's body or query string names, and its limit; an empty body asks for everything.

    Raises MalformedRequest, InvalidParameter.
    """
    query = await read_body(request, wire.TableQuery) if request.can_read_body else wire.TableQuery()
    if query.page_token:
        raise InvalidParameter("The pageToken was not issued by this table; start again without it.")
    in_body = {
        "version": query.version,
        "timestamp": query.timestamp,
        "startingVersion": query.starting_version,
        "endingVersion": query.ending_version,
        "startingTimestamp": query.starting_timestamp,
        "endingTimestamp": query.ending_timestamp,
    }
    in_address = {name: request.query[name] for name in _STATES if name in request.query}
    named = {name: str(value) for name, value in in_body.items() if value is not None}
    return _revision(in_address | named), query.limit_hint


def _revision(named: dict[str, str]) -> TableRevision:
    values = {name: _parsed(name, value) for name, value in named.items()}
    version, timestamp = values.pop("version", None), values.pop("timestamp", None)
    if version is not None and timestamp is not None:
        raise InvalidParameter("Ask for a version or for a timestamp, not for both.")
    return TableRevision(version, timestamp, changes=bool(values))


def _parsed(name: str, value: str) -> int:
    """Version number, or time in epoch ms; one without a zone is in UTC."""
    if not name.lower().endswith("timestamp"):
        if not _NUMBER.fullmatch(value):
            raise InvalidParameter(f"{name}={value[:100]!r} is not a version number.")
        return int(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidParameter(f"{name}={value[:100]!r} is not a time in ISO 8601.") from error
    return epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
