"""Errors: every one has its row, its exit code, and its way over the wire and back."""

from __future__ import annotations

import inspect
from collections import defaultdict

import pytest

from model_sharing_protocol import errors
from model_sharing_protocol.error_responses import error_from_open_sharing
from model_sharing_protocol.errors import ErrorRow, LocalError, SharingError

CLASSES = sorted(
    (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SharingError)),
    key=lambda kind: kind.__name__,
)
ON_THE_WIRE = {
    "RESOURCE_DOES_NOT_EXIST": 404,
    "INVALID_PARAMETER_VALUE": 400,
    "MALFORMED_REQUEST": 400,
    "UNSUPPORTED_OPERATION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "INTERNAL_ERROR": 500,
}


def test_every_error_is_in_the_tree_that_the_docstring_draws() -> None:
    drawn = {line.strip("│├└─ ").split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line}
    assert drawn == {kind.__name__ for kind in CLASSES} - {"SharingError"}


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind not in (SharingError, LocalError)])
def test_every_error_has_a_row_and_a_meaning_of_its_own(kind: type[SharingError]) -> None:
    assert kind.__doc__, "the reference shows its first line"
    assert isinstance(kind.__dict__.get("row"), ErrorRow)


def test_scripts_can_tell_errors_apart_by_exit_code() -> None:
    by_code: dict[int, set[str]] = defaultdict(set)
    for kind in CLASSES:
        by_code[kind.row.exit_code].add(kind.__name__)
    shared = {code: names for code, names in by_code.items() if len(names) > 1}
    assert shared == {
        1: {"SharingError", "InternalError", "LocalError"},
        2: {"InvalidParameter", "MalformedRequest"},
        4: {"NotFound", "PathNotFound", "VersionNotFound"},
        18: {"UnsupportedOperation", "MethodNotAllowed"},
    }
    assert 0 not in by_code
    assert all(code < 126 or code == 130 for code in by_code)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_of_the_server_reads_as_itself_or_as_a_broader_one_at_the_recipient(
    kind: type[SharingError],
) -> None:
    row = kind.row
    read = error_from_open_sharing(row.open_sharing_status, row.open_sharing_code, "why")
    assert read.message == "why"
    assert read.row.open_sharing_status == row.open_sharing_status
    assert read.row.open_sharing_code == row.open_sharing_code


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in CLASSES
        if not issubclass(
            kind,
            errors.ActivationLinkUsed
            | errors.DiskFull
            | errors.UnsupportedEncoding
            | errors.MethodNotAllowed
            | errors.MetastoreUnavailable
            | errors.StaleReplica
            | errors.ArtifactStoreUnavailable
            | errors.IssuerUnavailable
            | errors.TooManyRequests
            | errors.FeedTokenExpired
            | errors.VersionRecalled
            | errors.TermsNotAccepted,
        )
    ],
)
def test_only_the_codes_and_statuses_of_the_specification_go_over_the_wire(kind: type[SharingError]) -> None:
    assert ON_THE_WIRE[kind.row.open_sharing_code] == kind.row.open_sharing_status


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "SOMETHING_NEW", errors.NotFound),
        (403, "VERSION_RECALLED", errors.VersionRecalled),
        (403, "TERMS_NOT_ACCEPTED", errors.TermsNotAccepted),
        (401, "", errors.Unauthenticated),
        (403, "", errors.PermissionDenied),
        (400, "", errors.InvalidParameter),
        (410, "RESOURCE_DOES_NOT_EXIST", errors.ActivationLinkUsed),
        (410, "FEED_TOKEN_EXPIRED", errors.FeedTokenExpired),
        (405, "UNSUPPORTED_OPERATION", errors.MethodNotAllowed),
        (415, "UNSUPPORTED_OPERATION", errors.UnsupportedEncoding),
        (429, "REQUEST_LIMIT_EXCEEDED", errors.TooManyRequests),
        (503, "INTERNAL_ERROR", errors.MetastoreUnavailable),
        (507, "INTERNAL_ERROR", errors.DiskFull),
        (502, "BAD_GATEWAY", errors.InternalError),
    ],
)
def test_a_code_that_is_not_known_is_read_by_its_status(
    status: int, code: str, kind: type[SharingError]
) -> None:
    assert type(error_from_open_sharing(status, code, "why")) is kind
