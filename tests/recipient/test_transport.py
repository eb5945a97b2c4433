"""Whatever answers, a clear error comes of it; and the token goes to one address only."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_sharing
from model_sharing.client import sharing_client
from model_sharing.transport import bounds
from model_sharing_protocol.errors import (
    InternalError,
    InvalidProfile,
    InvalidState,
    NotASharingServer,
    NotFound,
    ServerUnreachable,
    SharingError,
    TokenExpired,
    TooManyRequests,
    Unauthenticated,
    UnsupportedOperation,
)
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.patience import PATIENCE


@pytest.mark.parametrize(
    ("send", "error"),
    [
        (lambda handler: handler.send(200, b"<html>hello</html>", "text/html"), NotASharingServer),
        (lambda handler: handler.send(404, b"<html>hello</html>", "text/html"), NotASharingServer),
        (lambda handler: handler.send_json(200, {"items": "none"}), NotASharingServer),
        (lambda handler: handler.send_json(200, [1, 2]), NotASharingServer),
        (lambda handler: handler.send(200, b"[" * 500_000), NotASharingServer),
        (lambda handler: handler.send(200, b"\xff\xfe"), NotASharingServer),
        (lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "No."), Unauthenticated),
        (lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "No."), NotFound),
        (lambda handler: handler.send_error_answer(500, "INTERNAL_ERROR", ""), InternalError),
        (lambda handler: handler.send(503, b"busy", "text/plain", Retry_After="0"), ServerUnreachable),
        (lambda handler: handler.send(429, b"busy", "text/plain", Retry_After="0"), TooManyRequests),
        (lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"), NotASharingServer),
    ],
)
def test_each_answer_has_its_error(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    send: Callable[[Handler], object],
    error: type[SharingError],
) -> None:
    fake_provider.answer = always(send)
    with pytest.raises(error) as raised:
        vendor.list_models()
    assert raised.type is error
    assert TOKEN not in str(raised.value)


@pytest.mark.filterwarnings("ignore::model_sharing.InvalidItemWarning")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["items", "name", "schema", "share", "nextPageToken"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_makes_anything_but_a_listing_or_an_error_of_ours(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, body: bytes
) -> None:
    fake_provider.answer = always(lambda handler: handler.send(200, body))
    try:
        assert isinstance(vendor.list_models(), list)
    except SharingError as error:
        assert "Traceback" not in error.message


def test_an_endless_body_is_not_read_on(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = 0

    def pour(handler: Handler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while sent < 1 << 30:
            handler.wfile.write(b" " * 65536)
            sent += 65536

    fake_provider.answer = always(pour)
    with pytest.raises(NotASharingServer, match="more than"):
        vendor.list_models()
    time.sleep(0.1)
    assert sent < 200 * 1024 * 1024


def test_a_compressed_bomb_is_not_unpacked(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    bomb = gzip.compress(b" " * (200 * 1024 * 1024))
    fake_provider.answer = always(lambda handler: handler.send(200, bomb, Content_Encoding="gzip"))
    with pytest.raises(NotASharingServer):
        vendor.list_models()


def test_an_endless_listing_ends(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    fake_provider.answer = always(
        lambda handler: handler.send_json(200, {"items": [], "nextPageToken": "again"})
    )
    with pytest.raises(NotASharingServer, match="does not end"):
        vendor.list_models()


def test_passing_faults_are_not_noticed(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"x"})
    faults = iter([502, 503, 429])

    def stumble(handler: Handler) -> bool:
        status = next(faults, None)
        if status is not None:
            handler.send(status, b"", "text/plain", Retry_After="0")
        return status is not None

    fake_provider.answer = stumble
    assert [model.full_name for model in vendor.list_models()] == ["vendor.ml_team.iris_model"]


def test_a_long_retry_after_is_not_waited_for(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.answer = always(lambda handler: handler.send(503, b"", "text/plain", Retry_After="86400"))
    started = time.monotonic()
    with pytest.raises(ServerUnreachable):
        vendor.list_models()
    assert time.monotonic() - started < PATIENCE


def test_the_token_is_not_sent_after_a_redirect(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    with FakeProvider() as sink:
        fake_provider.answer = always(
            lambda handler: handler.send(307, b"", Location=f"{sink.origin}/delta-sharing/shares")
        )
        with pytest.raises(NotASharingServer, match="redirect"):
            vendor.list_models()
        assert sink.requests == []


def test_an_expired_token_is_told_apart_from_a_revoked_one(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path
) -> None:
    fake_provider.answer = always(lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "No."))
    with pytest.raises(Unauthenticated, match="rotated or revoked"):
        vendor.list_models()
    profile.write_bytes(fake_provider.profile(expirationTime="2020-01-01T00:00:00Z"))
    with pytest.raises(TokenExpired, match="expired at 2020-01-01"):
        vendor.list_models()


def test_a_renewed_token_in_the_same_file_is_followed(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path
) -> None:
    profile.write_bytes(fake_provider.profile(bearerToken="old"))
    with pytest.raises(Unauthenticated):
        vendor.list_models()
    profile.write_bytes(fake_provider.profile())
    assert vendor.list_models() == []


def test_a_profile_that_changes_its_provider_is_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path
) -> None:
    with FakeProvider() as other:
        profile.write_bytes(other.profile())
        with pytest.raises(InvalidState, match="--as vendor --move"):
            vendor.list_models()
        assert other.requests == []


def test_nobody_at_the_address(fake_provider: FakeProvider, profile: Path) -> None:
    fake_provider.stop()
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1.* cannot be reached: Connection refused\."):
        model_sharing.mount(profile, share=SHARE, name="vendor")
    profile.write_bytes(fake_provider.profile(endpoint="https://nowhere.invalid/delta-sharing"))
    with pytest.raises(ServerUnreachable, match=r"nowhere\.invalid"):
        model_sharing.mount(profile, share=SHARE, name="vendor")


def test_a_newer_protocol_asks_for_an_upgrade(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"x"})
    fake_provider.edit_query = lambda lines: [{"protocol": {"minReaderVersion": 2}}, *lines[1:]]
    with pytest.raises(UnsupportedOperation, match="Upgrade"):
        vendor.snapshot("ml_team.iris_model/1")


def test_an_endless_line_is_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "LINE_BYTES", 256 * 1024)
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"x"})
    fake_provider.edit_query = lambda lines: [*lines, {"padding": "x" * (bounds.LINE_BYTES * 2)}]
    with pytest.raises(NotASharingServer, match="line of more than"):
        vendor.snapshot("ml_team.iris_model/1")


def test_too_many_files_are_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_client, "MAX_FILES", 3)
    fake_provider.publish("ml_team.iris_model", 1, {f"{n}.txt": b"x" for n in range(5)})
    with pytest.raises(NotASharingServer, match="more than 3 files"):
        vendor.snapshot("ml_team.iris_model/1")


def test_names_are_sent_as_one_path_segment(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    with pytest.raises(NotFound):
        vendor.resolve("ml_team.a%2fb?c#d/1")
    path = fake_provider.requests[-1].path.partition("?")[0]
    assert path.endswith("/schemas/ml_team/models/a%252fb%3Fc%23d/versions/1")


def test_a_profile_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.share").write_text("{}")
    with pytest.raises(InvalidProfile):
        model_sharing.mount(tmp_path / "bad.share", share=SHARE, name="vendor")
    with pytest.raises(InvalidProfile, match="cannot be read"):
        model_sharing.mount(tmp_path / "missing.share", share=SHARE, name="vendor")
