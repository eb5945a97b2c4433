"""A server that does all that the specification says, in the memory of this process.

It is written from the specification alone and shares no code with any product: its mutants show what the
suite catches, and it shows that the suite accuses nobody who is innocent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mutants import contents
from mutants.contents import CURRENT, FAR, Row
from opensharing_conformance.transport import Request, Response

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson; charset=utf-8"
_PAGE = 500


class Refused(Exception):
    """Error that a client is told."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def malformed() -> Refused:
    return Refused(400, "INVALID_PARAMETER_VALUE")


def not_found() -> Refused:
    return Refused(404, "RESOURCE_DOES_NOT_EXIST")


@dataclass(frozen=True, slots=True)
class Call:
    """Request, taken apart; names of `at` are those of what is there."""

    request: Request
    query: Mapping[str, str]
    at: Mapping[str, str]

    @property
    def table(self) -> Row:
        return contents.asset("tables", self.at["share"], self.at["schema"], self.at["name"])

    @property
    def body(self) -> Row:
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            raise malformed() from None
        if not isinstance(body, dict):
            raise malformed()
        return body

    @property
    def capabilities(self) -> Mapping[str, str]:
        said = header(self.request, "delta-sharing-capabilities").lower()
        return dict(part.split("=", 1) for part in said.split(";") if "=" in part)


Handler = Callable[["ConformantServer", Call], Response]


class ConformantServer:
    """Server in memory, as a transport of the suite. `activations` counts visits of the link."""

    def __init__(self) -> None:
        self.activations = 0

    def send(self, request: Request) -> Response:
        try:
            return self._route(request)
        except Refused as refused:
            headers = {"content-type": JSON}
            if refused.status == 401:
                headers["www-authenticate"] = "Bearer"
            body = {"errorCode": refused.code, "message": "That did not work."}
            return Response(refused.status, headers, json.dumps(body).encode())

    def _route(self, request: Request) -> Response:
        address = urlsplit(request.url)
        if request.url.startswith(contents.FILES):
            return _file(request, address.path)
        if request.url == contents.LINK:
            return self._activate()
        path = [unquote(part) for part in address.path.removeprefix("/delta-sharing/").split("/")]
        if header(request, "authorization") not in (
            f"Bearer {contents.TOKEN}",
            f"Bearer {contents.ACTIVATED}",
        ):
            raise Refused(401, "UNAUTHENTICATED")
        query = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        for method, pattern, handler in _ROUTES:
            at = _matched(pattern.split("/"), path)
            if method == request.method and at is not None:
                return handler(self, Call(request, query, _known(at)))
        raise not_found()

    def _activate(self) -> Response:
        self.activations += 1
        if self.activations > 1:
            raise not_found()
        return answer(contents.profile(contents.ACTIVATED))


def header(request: Request, name: str) -> str:
    return next((value for key, value in request.headers.items() if key.lower() == name), "")


def answer(body: Row) -> Response:
    return Response(200, {"content-type": JSON}, json.dumps(body).encode())


def lines(rows: Iterable[Row], version: int, capabilities: str = "") -> Response:
    headers = {"content-type": NDJSON, "delta-table-version": str(version)}
    if capabilities:
        headers["delta-sharing-capabilities"] = capabilities
    return Response(200, headers, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _matched(pattern: Sequence[str], path: Sequence[str]) -> dict[str, str] | None:
    if len(pattern) != len(path):
        return None
    at = {}
    for part, name in zip(pattern, path, strict=True):
        if part.startswith("{"):
            at[part[1:-1]] = name
        elif part != name:
            return None
    return at


def _known(at: Mapping[str, str]) -> dict[str, str]:
    """Names as they are written here; raises what a client is told of those that are not there."""
    kinds = {"models": "model", "tables": "table", "volumes": "volume", "skills": "skill"}
    known: dict[str, Iterable[str]] = {"share": contents.SHARES, "schema": contents.SCHEMAS}
    found = dict(at)
    if "kind" in at and at["kind"].removeprefix("all-") not in kinds:
        raise not_found()
    if "name" in at:
        known["name"] = contents.ASSETS[at["kind"]]
    for part, names in known.items():
        if part in at:
            same = [name for name in names if name.lower() == at[part].lower()]
            if not same:
                raise not_found()
            found[part] = same[0]
    return found


def _page(call: Call, rows: Sequence[Row]) -> Response:
    size = call.query.get("maxResults", str(_PAGE))
    if not re.fullmatch(r"\d{1,10}", size):
        raise malformed()
    token = call.query.get("pageToken", "")
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise malformed() from None
    end = start + min(int(size), _PAGE)
    page: Row = {"items": list(rows[start:end])}
    if end < len(rows):
        page["nextPageToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer(page)


def _shares(_: ConformantServer, call: Call) -> Response:
    return _page(call, list(contents.SHARES.values()))


def _share(_: ConformantServer, call: Call) -> Response:
    return answer({"share": contents.SHARES[call.at["share"]]})


def _schemas(_: ConformantServer, call: Call) -> Response:
    return _page(call, [{"name": name, "share": call.at["share"]} for name in contents.SCHEMAS])


def _assets(_: ConformantServer, call: Call) -> Response:
    kind = call.at["kind"].removeprefix("all-")
    if ("schema" in call.at) == call.at["kind"].startswith("all-"):
        raise not_found()
    return _page(call, contents.assets(kind, call.at["share"], call.at.get("schema")))


def _asset(_: ConformantServer, call: Call) -> Response:
    row = contents.asset(call.at["kind"], call.at["share"], call.at["schema"], call.at["name"])
    return answer(row | {"format": "delta"} if call.at["kind"] == "tables" else row)


def _of_model(call: Call) -> tuple[str, str, str]:
    if call.at["kind"] != "models":
        raise not_found()
    return call.at["share"], call.at["schema"], call.at["name"]


def _versions(_: ConformantServer, call: Call) -> Response:
    model = _of_model(call)
    return _page(call, [contents.version(*model, number) for number in contents.READY])


def _version(_: ConformantServer, call: Call) -> Response:
    model = _of_model(call)
    if not call.at["version"].isdigit():
        raise malformed()
    if int(call.at["version"]) not in (*contents.READY, contents.PENDING):
        raise not_found()
    return answer(contents.version(*model, int(call.at["version"])))


def _alias(_: ConformantServer, call: Call) -> Response:
    model = _of_model(call)
    for alias, number in contents.ALIASES.items():
        if alias.lower() == call.at["alias"].lower():
            return answer(contents.version(*model, number))
    raise not_found()


def _credentials(call: Call) -> Row:
    place = f"{call.at['share']}/{call.at['name']}"
    keys = {"accessKeyId": "ASIA0123", "secretAccessKey": f"secret-of-{place}", "sessionToken": "session"}
    return {"awsTempCredentials": keys, "expirationTime": FAR}


def _version_credentials(server: ConformantServer, call: Call) -> Response:
    _version(server, call)
    if int(call.at["version"]) == contents.PENDING:
        raise malformed()
    return answer(_credentials(call))


def _asset_credentials(_: ConformantServer, call: Call) -> Response:
    kind = call.at["kind"]
    if call.at["credentials"] != f"temporary-{kind.removesuffix('s')}-credentials":
        raise not_found()
    if kind != "tables":
        return answer(_credentials(call))
    location = call.body.get("location", call.table["location"])
    if location != call.table["location"]:
        raise malformed()
    return answer({"credentials": {"location": location, **_credentials(call)}})


def _table_version(_: ConformantServer, call: Call) -> Response:
    require_time(call.query.get("startingTimestamp"))
    return Response(200, {"delta-table-version": str(CURRENT)})


def require_time(value: Any) -> None:
    if value is None:
        return
    try:
        datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise malformed() from None


def version_of(parameters: Mapping[str, Any]) -> int:
    """Version that is asked for: the current one unless there is another."""
    version, moment = parameters.get("version"), parameters.get("timestamp")
    require_time(moment)
    if version is None:
        return CURRENT
    if moment is not None or not str(version).isdigit() or int(version) > CURRENT:
        raise malformed()
    return int(version)


def _head(call: Call, delta: bool) -> list[Row]:
    about = contents.metadata(call.table)
    if not delta:
        return [{"protocol": {"minReaderVersion": 1}}, {"metaData": about}]
    return [
        {"protocol": {"deltaProtocol": {"minReaderVersion": 1, "minWriterVersion": 2}}},
        {"metaData": {"deltaMetadata": about}},
    ]


def _formats(call: Call) -> tuple[bool, str]:
    """True for the format delta, and the capabilities that are used."""
    asked = call.capabilities
    wanted = asked.get("responseformat", "parquet").split(",")
    delta = wanted == ["delta"]
    used = ["responseformat=delta" if delta else "responseformat=parquet"]
    if asked.get("includeendstreamaction") == "true":
        used.append("includeendstreamaction=true")
    return delta, ";".join(used) if asked else ""


def _metadata(_: ConformantServer, call: Call) -> Response:
    version = version_of(call.query)
    delta, used = _formats(call)
    return lines(_head(call, delta), version, used.partition(";")[0])


def _query(_: ConformantServer, call: Call) -> Response:
    scheme = header(call.request, "fileidhash").lower()
    if scheme not in ("", "parquet", "delta"):
        raise malformed()
    version = version_of(call.body)
    delta, used = _formats(call)
    since = call.body.get("startingVersion")
    numbers = range(version + 1) if since is None else range(int(since), CURRENT + 1)
    rows = [*_head(call, delta), *(_file_line(call, number, since is not None, delta) for number in numbers)]
    if "includeendstreamaction" in used:
        rows.append({"endStreamAction": {"minUrlExpirationTimestamp": FAR}})
    response = lines(rows, version if since is None else int(since), used)
    headers = dict(response.headers) | ({"fileidhash": scheme} if scheme else {})
    return Response(200, headers, response.body)


def _file_line(call: Call, number: int, is_change: bool, delta: bool) -> Row:
    if is_change and not delta:
        return {"add": contents.change(call.table, number)}
    file = contents.file(call.table, number)
    if delta:
        return {"file": {"id": file["id"], "deltaSingleAction": {"add": {"path": file["url"]}}}}
    return {"file": file}


def _changes(_: ConformantServer, call: Call) -> Response:
    start = call.query.get("startingVersion", "")
    if not start.isdigit() or int(start) > CURRENT:
        raise malformed()
    added = ({"add": contents.change(call.table, number)} for number in range(int(start), CURRENT + 1))
    return lines([*_head(call, delta=False), *added], int(start))


def _file(request: Request, path: str) -> Response:
    if header(request, "authorization"):
        raise malformed()
    return Response(200, {"content-type": "application/octet-stream"}, contents.content(int(path[-1])))


_ASSET = "shares/{share}/schemas/{schema}/{kind}/{name}"
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "shares", _shares),
    ("GET", "shares/{share}", _share),
    ("GET", "shares/{share}/schemas", _schemas),
    ("GET", "shares/{share}/{kind}", _assets),
    ("GET", "shares/{share}/schemas/{schema}/{kind}", _assets),
    ("GET", _ASSET, _asset),
    ("GET", _ASSET + "/versions", _versions),
    ("GET", _ASSET + "/versions/{version}", _version),
    ("GET", _ASSET + "/aliases/{alias}", _alias),
    ("POST", _ASSET + "/versions/{version}/temporary-model-version-credentials", _version_credentials),
    ("GET", _ASSET + "/version", _table_version),
    ("GET", _ASSET + "/metadata", _metadata),
    ("POST", _ASSET + "/query", _query),
    ("GET", _ASSET + "/changes", _changes),
    ("POST", _ASSET + "/{credentials}", _asset_credentials),
)
