"""The recipient's token is in its profile file and nowhere else, whatever goes wrong, however it is shown."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import model_sharing
from support.fake_provider.faults import always
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.recipient_cli import RunCli
from support.shared_catalog import shared_catalog_of

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
    """An error and those before it that are shown with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_says_it(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    caplog.set_level(logging.DEBUG)
    fake_provider.answer = always(FAILURES[failure])
    with pytest.raises(model_sharing.SharingError) as raised:
        vendor.snapshot(REF)
    said = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert TOKEN not in said + "".join(map(repr, chain(raised.value)))


def test_nothing_that_is_kept_or_shown_says_it(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    profile: Path,
    run_cli_process: RunCli,
    tmp_path: Path,
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"flavors: {}"}, "Champion")
    said = [
        repr(vendor),
        repr(vendor.mount),
        repr(shared_catalog_of(vendor)),
        repr(vendor.mount.read_profile()),
    ]
    for arguments in (["mounts"], ["list"], ["download", f"models:/vendor.{REF}", "out"], ["cache", "list"]):
        done = run_cli_process(*arguments)
        assert done.returncode == 0
        said += [done.stdout, done.stderr]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != profile]
    assert TOKEN in profile.read_text()
    assert len(written) > 5
    assert TOKEN.encode() not in b"".join(written)
    assert TOKEN not in "".join(said)
