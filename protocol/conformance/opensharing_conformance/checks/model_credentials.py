"""Checks of the temporary credentials of model versions."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.credential_checks import CredentialIds, credential_checks, credentials
from opensharing_conformance.judgement import NotTested
from opensharing_conformance.registry import Subject, proves

_CREDENTIALS = "temporary-model-version-credentials"
_MISSING_VERSION = str(2**31 - 2)


def _path(subject: Subject) -> tuple[str, ...]:
    model, rows = subject.contents.versions()
    return (*model.path, "versions", str(rows[0]["version"]), _CREDENTIALS)


def _missing(subject: Subject) -> tuple[str, ...]:
    model, _ = subject.contents.versions()
    return (*model.path, "versions", _MISSING_VERSION, _CREDENTIALS)


credential_checks(
    _path,
    _missing,
    CredentialIds(
        answered="OS-MODELS-DIR-001",
        is_json="OS-MODELS-DIR-002",
        given="OS-MODELS-DIR-003",
        single="OS-MODELS-DIR-004",
        fields="OS-MODELS-DIR-005",
        expiration="OS-MODELS-DIR-006",
        future="OS-MODELS-DIR-007",
        missing="OS-MODELS-DIR-008",
        token="OS-MODELS-DIR-009",  # noqa: S106
    ),
)


@proves("OS-MODELS-DIR-010")
def versions_that_are_not_ready(subject: Subject) -> None:
    models = [model for model in subject.expected.of_kind("models") if model.details.get("notReady")]
    if not models:
        raise NotTested("the expectations name no model with notReady")
    for model in models:
        for number in model.details["notReady"]:
            answer = subject.client.post(*model.path, "versions", str(number), _CREDENTIALS)
            shapes.require_refusal(answer)


@proves("OS-MODELS-DIR-011")
def body_and_content_type_are_optional(subject: Subject) -> None:
    credentials(subject, _path)
    shapes.require_status(subject.client.post(*_path(subject), body={}), 200)
