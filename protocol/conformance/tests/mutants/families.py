"""Mutants of what every listing, every kind of asset and all credentials have alike."""

from __future__ import annotations

from collections.abc import Sequence

from mutants import contents
from mutants.mutations import (
    Mutation,
    answered,
    asked,
    body,
    header,
    ignore_parameter,
    ignore_value,
    items,
    names_are_case_sensitive,
    on,
    put,
    query,
    refused,
    same_ids,
    without,
)
from opensharing_conformance.transport import Response

Mutants = dict[str, Mutation]
NAME = "[^/]+"
IN_SCHEMA = f"shares/{NAME}/schemas/{NAME}"
MISSING = "conformance-suite-missing"
EMPTY = Response(200, {"content-type": "application/json; charset=utf-8"}, b"{}")


def of_listing(pattern: str, first: str, field: str) -> Mutants:
    """Mutants of a listing, whose ids count from the first one; `field` is a required one."""
    prefix, _, number = first.rpartition("-")
    mutations: Sequence[Mutation] = (
        answered(body(lambda page: page | {"items": "many"})),
        answered(header("content-type", "text/plain")),
        answered(items(without(field))),
        asked(query(lambda given: given | ({"maxResults": "2"} if given.get("maxResults") == "1" else {}))),
        ignore_parameter("pageToken"),
        ignore_value("maxResults", "0"),
        ignore_value("maxResults", "-.*"),
        lambda request, serve: EMPTY if MISSING in request.url else serve(request),
        names_are_case_sensitive,
    )
    return {
        f"{prefix}-{int(number) + offset:03d}": on(pattern, mutation)
        for offset, mutation in enumerate(mutations)
        if offset < 7 or pattern != "shares"
    }


def of_assets(kind: str, prefix: str) -> Mutants:
    """Mutants of a kind of asset."""
    every, of_schema, one = f"shares/{NAME}/all-{kind}", f"{IN_SCHEMA}/{kind}", f"{IN_SCHEMA}/{kind}/{NAME}"
    field = {"volumes": "storageLocation", "skills": "description"}.get(kind, "share")
    mutants = of_listing(every, f"{prefix}-001", field) | of_listing(of_schema, f"{prefix}-011", field)
    numbered = {
        31: on(every, answered(items(put(name="no good.name")))),
        32: on(of_schema, answered(items(put(schema="other")))),
        33: on(every, answered(items(put(id="17")))),
        34: on(every, answered(body(same_ids))),
        35: on(every, answered(items(put(shareId=contents.uuid("another"))))),
        36: on(every, answered(items(put(shareId=17)))),
        37: on(every, answered(body(lambda page: page | {"items": page["items"][1:]}))),
        38: on(of_schema, answered(body(lambda page: page | {"items": page["items"][:1]}))),
        41: on(one, answered(body(without("schema")))),
        42: on(one, answered(header("content-type", "text/html"))),
        43: on(one, answered(body(put(id=contents.uuid("another"))))),
        44: on(one, names_are_case_sensitive),
        45: on(one, lambda request, serve: EMPTY if MISSING in request.url else serve(request)),
    }
    return mutants | {f"{prefix}-{number:03d}": mutation for number, mutation in numbered.items()}


def of_credentials(pattern: str, ids: Sequence[str], wrapper: str = "") -> Mutants:
    """Mutants of credentials; ids in the order of `CredentialIds`, the last one is that of the media type."""

    def inner(change: Mutation) -> Mutation:
        return on(pattern, change, "POST")

    def fields(**values: object) -> Mutation:
        change = put(**values)
        return answered(body(lambda page: {wrapper: change(page[wrapper])} if wrapper else change(page)))

    keys = {"accessKeyId": "ASIA", "sessionToken": "session"}
    mutations = (
        inner(refused(500)),
        inner(fields(awsTempCredentials=None)),
        inner(fields(gcpOauthToken={"oauthToken": "ya29"})),
        inner(fields(awsTempCredentials=keys)),
        inner(fields(expirationTime=contents.FAR // 1000)),
        inner(fields(expirationTime=1_600_000_000_000)),
        inner(lambda request, serve: EMPTY if _is_missing(request.url) else serve(request)),
        inner(lambda request, serve: EMPTY if "Authorization" not in request.headers else serve(request)),
        inner(answered(header("content-type", "text/plain"))),
    )
    return dict(zip(ids, mutations, strict=False))


def _is_missing(url: str) -> bool:
    return MISSING in url or str(2**31 - 2) in url
