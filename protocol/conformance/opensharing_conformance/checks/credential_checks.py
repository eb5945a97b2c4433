"""Checks of temporary credentials, which models, tables, volumes and skills have alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opensharing_conformance import shapes
from opensharing_conformance.client import NO_TOKEN, Answer
from opensharing_conformance.judgement import NotTested, Violation, require
from opensharing_conformance.registry import Subject, proves

_FIELDS = {
    "awsTempCredentials": ("accessKeyId", "secretAccessKey", "sessionToken"),
    "azureUserDelegationSas": ("sasToken",),
    "gcpOauthToken": ("oauthToken",),
    "r2Credentials": ("accessKeyId", "secretAccessKey", "sessionToken"),
}
_YEAR_2286_S = 10**10

Path = Callable[[Subject], tuple[str, ...]]
"""Gives the path of the credentials of one asset."""


@dataclass(frozen=True, slots=True)
class CredentialIds:
    """Ids of what is required of the credentials of a kind of asset."""

    answered: str
    given: str
    single: str
    fields: str
    expiration: str
    future: str
    missing: str
    token: str
    is_json: str = ""


def credential_checks(path: Path, missing: Path, ids: CredentialIds, wrapper: str = "") -> None:
    """Register the checks of credentials, which may be in a field `wrapper` of the answer."""
    _answers(path, missing, ids)
    _contents(path, ids, wrapper)


def credentials(subject: Subject, path: Path, wrapper: str = "") -> Mapping[str, Any]:
    """Credentials that the server gives; NotTested if it gives none for this store."""
    answer = _given(_post(subject, path))
    body = shapes.json_object(answer)
    body = shapes.as_object(body.get(wrapper), wrapper) if wrapper else body
    for kind, names in _FIELDS.items():
        for name in names:
            held = body.get(kind)
            if isinstance(held, dict) and isinstance(held.get(name), str):
                subject.redactor.learn(held[name])
    return body


def _answers(path: Path, missing: Path, ids: CredentialIds) -> None:
    @proves(ids.answered)
    def answered(subject: Subject) -> None:
        answer = _post(subject, path)
        if answer.status != 200:
            require(answer.status < 500 or answer.status == 501, f"the status is {answer.status}")
            shapes.require_error_body(answer)
            raise NotTested(f"the server gives no credentials for this store (HTTP {answer.status})")
        shapes.json_object(answer)

    @proves(ids.missing)
    def not_there(subject: Subject) -> None:
        _given(_post(subject, path))
        answer = subject.client.post(*missing(subject))
        shapes.require_status(answer, 404)
        shapes.require_error_body(answer)

    @proves(ids.token)
    def token(subject: Subject) -> None:
        answer = subject.client.post(*path(subject), token=NO_TOKEN)
        shapes.require_status(answer, 401)

    if ids.is_json:

        @proves(ids.is_json)
        def is_json(subject: Subject) -> None:
            shapes.require_content_type(_given(_post(subject, path)), shapes.JSON)


def _contents(path: Path, ids: CredentialIds, wrapper: str) -> None:
    @proves(ids.given)
    def given(subject: Subject) -> None:
        require(bool(_kinds(credentials(subject, path, wrapper))), "no credentials are in the answer")

    @proves(ids.single)
    def single(subject: Subject) -> None:
        kinds = _kinds(credentials(subject, path, wrapper))
        require(len(kinds) <= 1, f"{', '.join(kinds)} are in one answer")

    @proves(ids.fields)
    def fields(subject: Subject) -> None:
        body = credentials(subject, path, wrapper)
        for kind in _kinds(body):
            for name in _FIELDS[kind]:
                value = shapes.as_object(body[kind], kind).get(name)
                if not isinstance(value, str) or not value:
                    raise Violation(f"{name} of {kind} is missing or not text")

    @proves(ids.expiration)
    def expiration(subject: Subject) -> None:
        moment = shapes.long(credentials(subject, path, wrapper), "expirationTime")
        require(moment > _YEAR_2286_S, f"expirationTime is {moment}, not in milliseconds")

    @proves(ids.future)
    def future(subject: Subject) -> None:
        moment = shapes.long(credentials(subject, path, wrapper), "expirationTime")
        late = moment > time.time() * 1000 or moment < _YEAR_2286_S
        require(late, f"expirationTime is {moment}, which has passed")


def _kinds(body: Mapping[str, Any]) -> list[str]:
    return [kind for kind in _FIELDS if body.get(kind) is not None]


def _post(subject: Subject, path: Path) -> Answer:
    return subject.client.post(*path(subject))


def _given(answer: Answer) -> Answer:
    if answer.status != 200:
        raise NotTested(f"the server gives no credentials for this store (HTTP {answer.status})")
    return answer
