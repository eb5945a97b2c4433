"""Every error has a row of its own, and comes back from the wire as itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model_sharing_protocol import errors
from model_sharing_protocol.errors import LocalError, SharingError, error_from_open_sharing

SHARED_EXIT_CODES = {
    # A value that cannot be right, wherever it is found.
    2: {"InvalidParameter", "MalformedRequest"},
    # A fault of ours; `LocalError` is only a parent.
    1: {"SharingError", "InternalError", "LocalError"},
}


def all_errors(kind: type[SharingError] = SharingError) -> Iterator[type[SharingError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


def test_exit_codes_tell_errors_apart() -> None:
    by_code: dict[int, set[str]] = {}
    for kind in all_errors():
        by_code.setdefault(kind.row.exit_code, set()).add(kind.__name__)
    for code, names in by_code.items():
        assert len(names) == 1 or names == SHARED_EXIT_CODES[code]
    assert 0 not in by_code


@pytest.mark.parametrize("kind", [kind for kind in all_errors() if not issubclass(kind, LocalError)])
def test_an_error_survives_the_wire_as_itself_or_its_word(kind: type[SharingError]) -> None:
    row = kind.row
    received = error_from_open_sharing(row.open_sharing_status, row.open_sharing_code, "why")
    assert received.message == "why"
    assert received.row.open_sharing_code == row.open_sharing_code
    assert received.row.open_sharing_status == row.open_sharing_status


def test_an_unknown_code_is_told_by_its_status() -> None:
    assert type(error_from_open_sharing(404, "NEW_WORD", "x")) is errors.NotFound
    assert type(error_from_open_sharing(410, "RESOURCE_DOES_NOT_EXIST", "x")) is errors.ActivationLinkUsed
    assert type(error_from_open_sharing(418, "TEAPOT", "x")) is errors.InternalError


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    assert {kind.__name__ for kind in all_errors()} == {
        line.split("──")[1].split()[0] if "──" in line else "SharingError"
        for line in errors.__doc__.splitlines()
        if "──" in line or line.strip() == "SharingError"
    }
