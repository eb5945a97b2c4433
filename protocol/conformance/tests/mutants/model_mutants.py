"""Mutants of model versions, aliases and the credentials of versions."""

from __future__ import annotations

from mutants import contents
from mutants.families import EMPTY, IN_SCHEMA, NAME, Mutants, of_listing
from mutants.mutations import (
    Serve,
    answered,
    body,
    header,
    items,
    names_are_case_sensitive,
    on,
    put,
    refused,
    where,
    without,
)
from opensharing_conformance.transport import Request, Response

_VERSIONS = f"{IN_SCHEMA}/models/{NAME}/versions"
_VERSION = f"{_VERSIONS}/{NAME}"
_ALIAS = f"{IN_SCHEMA}/models/{NAME}/aliases/{NAME}"
_CREDENTIALS = f"{_VERSION}/temporary-model-version-credentials"


def _pending(page: contents.Row) -> contents.Row:
    if not page["items"]:
        return page
    row = page["items"][0]
    more = contents.version(row["share"], row["schema"], row["modelName"], contents.PENDING)
    return page | {"items": [*page["items"], more]}


def _alias_in_its_case(request: Request, serve: Serve) -> Response:
    known = request.url.rpartition("/")[2] in contents.ALIASES
    return serve(request) if known else refused(404)(request, serve)


def _credentials_of_pending(request: Request, serve: Serve) -> Response:
    url = request.url.replace(f"versions/{contents.PENDING}/", "versions/1/")
    return serve(Request(request.method, url, request.headers, request.body))


MODELS: Mutants = {
    **of_listing(_VERSIONS, "OS-MODELS-021", "status"),
    "OS-MODELS-051": on(_VERSIONS, answered(items(put(status="FAILED_REGISTRATION")))),
    "OS-MODELS-052": on(_VERSION, answered(body(put(status="DONE")))),
    "OS-MODELS-053": on(_VERSIONS, answered(items(put(version=1)))),
    "OS-MODELS-054": on(_VERSIONS, answered(items(put(modelName="another")))),
    "OS-MODELS-055": on(_VERSIONS, answered(items(put(runId=17)))),
    "OS-MODELS-056": on(_VERSIONS, answered(body(lambda page: page | {"items": page["items"][:2]}))),
    "OS-MODELS-057": on(_VERSIONS, answered(body(_pending))),
    "OS-MODELS-058": on(_VERSIONS, answered(items(put(id="17")))),
    "OS-MODELS-061": on(_VERSION, answered(body(without("storageLocation")))),
    "OS-MODELS-062": on(_VERSION, answered(header("content-type", "application/json"))),
    "OS-MODELS-063": on(_VERSION, answered(body(put(storageLocation="s3://elsewhere")))),
    "OS-MODELS-064": on(_VERSION, names_are_case_sensitive),
    "OS-MODELS-065": on(_VERSION, where(lambda request: str(2**31 - 2) in request.url, lambda *_: EMPTY)),
    "OS-MODELS-066": on(_VERSION, where(lambda request: "/first" in request.url, refused(500))),
    "OS-MODELS-071": on(_ALIAS, answered(body(put(version=1)))),
    "OS-MODELS-072": on(_ALIAS, _alias_in_its_case),
    "OS-MODELS-073": on(_ALIAS, where(lambda request: "missing" in request.url, lambda *_: EMPTY)),
    "OS-MODELS-074": on(_ALIAS, answered(body(without("status")))),
    "OS-MODELS-075": on(_ALIAS, answered(header("content-type", "text/plain"))),
    "OS-MODELS-DIR-010": on(_CREDENTIALS, _credentials_of_pending, "POST"),
    "OS-MODELS-DIR-011": on(_CREDENTIALS, where(lambda request: bool(request.body), refused(415)), "POST"),
}
