"""Mutants of profiles, tokens, shares, schemas, skills and activation.

Those of the profile and of the activation link change what the server gives out.
"""

from __future__ import annotations

from collections.abc import Mapping

from mutants import contents
from mutants.families import EMPTY, NAME, Mutants, of_listing
from mutants.mutations import (
    Change,
    Mutation,
    Serve,
    answered,
    body,
    header,
    ignore_value,
    items,
    names_are_case_sensitive,
    on,
    put,
    raw,
    set_header,
    status,
    where,
    without,
)
from opensharing_conformance.transport import Request, Response

_SHARE, _SCHEMAS = f"shares/{NAME}", f"shares/{NAME}/schemas"
_LIVE = f"Bearer {contents.TOKEN}"


def _token(said: str) -> Mutation:
    """A request with this in the place of the token is served."""
    return where(
        lambda request: request.headers.get("Authorization", "") == said, set_header("authorization", _LIVE)
    )


def _challenge(change: Change) -> Mutation:
    return answered(change, 401)


def _activated(change: Change) -> Mutation:
    def mutated(request: Request, serve: Serve) -> Response:
        response = serve(request)
        return change(response) if request.url == contents.LINK and response.status == 200 else response

    return mutated


def _again(request: Request, serve: Serve) -> Response:
    response = serve(request)
    if request.url == contents.LINK and response.status == 404:
        profile = contents.profile(contents.ACTIVATED)
        return body(lambda _: profile)(Response(200, {"content-type": "application/json"}, b"{}"))
    return response


def _not_granted(request: Request, serve: Serve) -> Response:
    return EMPTY if contents.NOT_GRANTED in request.url else serve(request)


PROFILES: Mapping[str, Mapping[str, str | int]] = {
    "OS-PROFILE-001": {"shareCredentialsVersion": "one"},
    "OS-PROFILE-002": {"endpoint": "sharing.example"},
    "OS-PROFILE-003": {"bearerToken": 17},
    "OS-PROFILE-004": {"expirationTime": "next year"},
    "OS-PROFILE-005": {"icebergEndpoint": "somewhere"},
}
"""Fields of a profile that break a requirement."""

CORE: Mutants = {
    "OS-PROFILE-006": lambda request, serve: status(403)(serve(request)),
    "OS-CORE-001": on("shares", _token("")),
    "OS-CORE-002": on("shares", _token("Bearer conformance-suite-wrong-token")),
    "OS-CORE-003": _challenge(raw(b"no")),
    "OS-CORE-004": _challenge(header("content-type", "text/html")),
    "OS-CORE-005": _challenge(header("www-authenticate", None)),
    "OS-CORE-006": _token(f"Bearer {contents.EXPIRED}"),
    "OS-CORE-007": on(f"shares/{NAME}/all-skills", _token("")),
    **of_listing("shares", "OS-CORE-010", "name"),
    "OS-CORE-017": on("shares", answered(items(put(name="a name")))),
    "OS-CORE-018": on("shares", answered(items(put(id=contents.uuid("same"))))),
    "OS-CORE-019": on("shares", answered(items(put(id="17")))),
    "OS-CORE-020": on("shares", answered(items(put(displayName="x" * 256)))),
    "OS-CORE-021": on("shares", answered(items(put(comment="x" * 65537)))),
    "OS-CORE-022": on("shares", answered(items(put(properties={"team": 7})))),
    "OS-CORE-023": on("shares", answered(items(put(properties={"x" * 256: "y"})))),
    "OS-CORE-024": on("shares", answered(body(lambda page: page | {"items": page["items"][:1]}))),
    "OS-CORE-025": on(
        "shares",
        answered(body(lambda page: page | {"items": [*page["items"], {"name": contents.NOT_GRANTED}]})),
    ),
    "OS-CORE-026": on("shares", ignore_value("maxResults", "[a-z]+")),
    "OS-CORE-027": on("shares", answered(raw(b'{"error": "no"}'), 400)),
    "OS-CORE-030": on(_SHARE, answered(body(lambda answer: answer["share"]))),
    "OS-CORE-031": on(_SHARE, answered(header("content-type", "application/json"))),
    "OS-CORE-032": on(_SHARE, answered(body(lambda answer: {"share": without("id")(answer["share"])}))),
    "OS-CORE-033": on(_SHARE, names_are_case_sensitive),
    "OS-CORE-034": on(_SHARE, answered(status(400), 404)),
    "OS-CORE-035": on(_SHARE, answered(raw(b"<h1>Not found</h1>"), 404)),
    "OS-CORE-036": on(_SHARE, answered(header("content-type", "text/html"), 404)),
    "OS-CORE-037": on(f"shares/{NAME}/all-models", _not_granted),
    **of_listing(_SCHEMAS, "OS-CORE-040", "share"),
    "OS-CORE-049": on(_SCHEMAS, answered(items(put(name="a.b")))),
    "OS-CORE-050": on(_SCHEMAS, answered(items(put(share="Globex")))),
    "OS-CORE-051": on(_SCHEMAS, answered(body(lambda page: page | {"items": page["items"][:1]}))),
    "OS-CORE-052": on(_SCHEMAS, answered(body(lambda page: page | {"items": page["items"][1:]}))),
    "OS-SKILLS-061": on(f"shares/{NAME}/all-skills", answered(items(put(name="Read--PDF")))),
    "OS-SKILLS-062": on(f"shares/{NAME}/all-skills", answered(items(put(description="x" * 1025)))),
    "OS-SKILLS-063": on(f"shares/{NAME}/all-skills", answered(items(put(compatibility="x" * 501)))),
    "OS-SKILLS-064": on(f"shares/{NAME}/all-skills", answered(items(put(metadata={"a": ["b"]})))),
    "OS-SKILLS-065": on(f"shares/{NAME}/all-skills", answered(items(put(storageLocation="s3://b/other/")))),
    "OS-ACTIVATION-001": _activated(raw(b"<html>")),
    "OS-ACTIVATION-002": _activated(body(without("endpoint"))),
    "OS-ACTIVATION-003": _activated(body(put(expirationTime="2021-11-12T00:12:29.0Z"))),
    "OS-ACTIVATION-004": _activated(body(put(bearerToken="another-token-0123456789"))),
    "OS-ACTIVATION-005": _again,
}
