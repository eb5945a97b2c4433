"""Checks of an activation link, which is spent by them: only if a link is given."""

from __future__ import annotations

from datetime import UTC, datetime

from opensharing_conformance import shapes
from opensharing_conformance.checks.profile import require_url
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import NotTested, Violation, require
from opensharing_conformance.profiles import Profile, UnreadableProfile, parse_profile
from opensharing_conformance.registry import Subject, proves

# Links are opened by people, too, and a server may answer them by a page.
_AS_A_PROGRAM = {"Accept": "application/json"}


@proves("OS-ACTIVATION-001")
def gives_a_profile(subject: Subject) -> None:
    answer = _activated(subject)
    shapes.require_status(answer, 200)
    try:
        parse_profile(answer.body)
    except UnreadableProfile as error:
        raise Violation(str(error)) from None


@proves("OS-ACTIVATION-002")
def profile_is_complete(subject: Subject) -> None:
    profile = _profile(subject)
    shapes.long(profile.fields, "shareCredentialsVersion")
    require_url(profile.fields, "endpoint")
    shapes.text(profile.fields, "bearerToken")


@proves("OS-ACTIVATION-003")
def profile_has_not_expired(subject: Subject) -> None:
    said = _profile(subject).fields.get("expirationTime")
    if said is None:
        raise NotTested("the profile has no expirationTime")
    moment = shapes.iso_8601(shapes.text(_profile(subject).fields, "expirationTime"))
    require(moment > datetime.now(UTC), f"expirationTime is {said!r}, which has passed")


@proves("OS-ACTIVATION-004")
def token_is_accepted(subject: Subject) -> None:
    profile = _profile(subject)
    headers = {"Authorization": f"Bearer {profile.token}"}
    answer = subject.client.fetch(f"{profile.endpoint.rstrip('/')}/shares", headers)
    shapes.require_status(answer, 200)


@proves("OS-ACTIVATION-005")
def works_once(subject: Subject) -> None:
    _profile(subject)
    answer = subject.client.fetch(subject.expected.activation_link, _AS_A_PROGRAM)
    try:
        token = parse_profile(answer.body).token
    except UnreadableProfile:
        token = ""
    subject.redactor.learn(token)
    require(answer.status != 200 or not token, "a second visit gives a token again")


def _activated(subject: Subject) -> Answer:
    link = subject.expected.activation_link
    if not link:
        raise NotTested("no activation link is given; it would be spent")
    return subject.client.fetch(link, _AS_A_PROGRAM, fresh=False)


def _profile(subject: Subject) -> Profile:
    answer = _activated(subject)
    try:
        profile = parse_profile(answer.body)
    except UnreadableProfile as error:
        raise NotTested(str(error)) from None
    if answer.status != 200:
        raise NotTested(f"the link is answered {answer.status}")
    subject.redactor.learn(profile.token)
    return profile
