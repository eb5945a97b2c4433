"""Checks of the profile file that the suite was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from opensharing_conformance import shapes
from opensharing_conformance.judgement import NotTested, Violation, require
from opensharing_conformance.registry import Subject, proves


def require_url(fields: Mapping[str, Any], name: str) -> None:
    value = shapes.text(fields, name)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise Violation(f"{name} is {value[:100]!r}, not a URL") from None
    require(parts.scheme in ("http", "https") and bool(parts.netloc), f"{name} is {value[:100]!r}, not a URL")


@proves("OS-PROFILE-001")
def has_a_version(subject: Subject) -> None:
    version = shapes.long(subject.profile.fields, "shareCredentialsVersion")
    require(version >= 1, f"shareCredentialsVersion is {version}")


@proves("OS-PROFILE-002")
def has_an_endpoint(subject: Subject) -> None:
    require_url(subject.profile.fields, "endpoint")


@proves("OS-PROFILE-003")
def has_a_token(subject: Subject) -> None:
    if subject.profile.fields.get("shareCredentialsVersion") == 2:
        raise NotTested("a profile of version 2 need not have a bearer token")
    shapes.text(subject.profile.fields, "bearerToken")


@proves("OS-PROFILE-004")
def expires_at_a_time(subject: Subject) -> None:
    if subject.profile.fields.get("expirationTime") is None:
        raise NotTested("the profile has no expirationTime")
    shapes.iso_8601(shapes.text(subject.profile.fields, "expirationTime"))


@proves("OS-PROFILE-005")
def iceberg_endpoint(subject: Subject) -> None:
    if subject.profile.fields.get("icebergEndpoint") is None:
        raise NotTested("the profile has no icebergEndpoint")
    require_url(subject.profile.fields, "icebergEndpoint")


@proves("OS-PROFILE-006")
def token_is_accepted(subject: Subject) -> None:
    answer = subject.client.get("shares")
    require(answer.status not in (401, 403), f"the endpoint answers {answer.status} to the profile's token")
