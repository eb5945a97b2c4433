"""The recipient's token is in its profile file and nowhere else: whatever goes wrong, and however it is shown."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator

import pytest
from recipient.peer import TOKEN, Handler, Peer, always

import model_sharing

REF = "ml_team.iris_model/1"

FAILURES: dict[str, Callable[[Handler], object]] = {
    "refused": lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "No."),
    "denied": lambda handler: handler.send_error_answer(403, "PERMISSION_DENIED", "No."),
    "broken": lambda handler: handler.send_error_answer(500, "INTERNAL_ERROR", ""),
    "busy": lambda handler: handler.send(503, b"", Retry_After="0"),
    "no JSON": lambda handler: handler.send(200, b"<html>", "text/html"),
    "elsewhere": lambda handler: handler.send(307, b"", Location="http://127.0.0.1:9/"),
    "no HTTP": lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "its own words": lambda handler: handler.send_error_answer(
        400, "INVALID_PARAMETER_VALUE", str(handler.headers["Authorization"])
    ),
}


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_says_it(
    peer: Peer, vendor: model_sharing.Catalog, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    caplog.set_level(logging.DEBUG)
    peer.answer = always(FAILURES[failure])
    with pytest.raises(model_sharing.SharingError) as raised:
        vendor.snapshot(REF)
    said = "".join(traceback.format_exception(raised.value))
    said += "".join(map(repr, chain(raised.value))) + caplog.text
    assert TOKEN not in said
