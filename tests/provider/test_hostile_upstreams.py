"""Providers whose answers are nonsense, too large, or meant to do harm: what a mirror makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.printable import printable
from model_sharing_provider.domain.mirrors import MirrorState
from support.admin_client import AdminClient
from support.fake_provider.faults import always
from support.fake_provider.models import Model
from support.fake_provider.server import TOKEN, FakeProvider
from support.fake_upstream import change, files, mirror, source_of

pytestmark = pytest.mark.each_database

SCORER = FullName.parse("vendor.ml_team.scorer")
PAGE = PageRequest()
NASTY = "\x00\x1b]0;owned\x07\u202egnp.exe\ud83d\udca9 " + "x" * 100_000
INT64 = 2**63 - 1


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """A provider that shares a good model, and one that each test spoils."""
    with FakeProvider() as running:
        running.publish("ml_team.good", 1, files(b"good"), "Champion")
        running.publish("ml_team.scorer", 1, files(b"first"), "Champion")
        yield running


def edit(fake: FakeProvider, name: str, changes: dict[str, Any]) -> None:
    """Let it describe something with this name, or of this model, by other fields."""

    def edited(value: Any) -> Any:
        if isinstance(value, list):
            return [edited(each) for each in value]
        if not isinstance(value, dict):
            return value
        value = {key: edited(each) for key, each in value.items()}
        named = value.get("name") == name or ("aliases" not in changes and value.get("modelName") == name)
        return value | changes if named else value

    fake.edit_answer = edited


@pytest.mark.parametrize(
    "changes",
    [
        {"comment": NASTY},
        {"id": NASTY},
        {"id": "x" * 300},
        {"tags": {NASTY: "a", "b": NASTY, "": "", "\x00": "\x00", "good": "tag"}},
        {"tags": {str(number): "x" for number in range(10_000)}},
        {"aliases": {NASTY: 1, "": 1, "1": 1, "v1": 1, "\x00": 1, "Champion": 1, "CHAMPION": 1}},
        {"aliases": {f"a{number}": 1 for number in range(500)}},
        {"aliases": {"Champion": INT64}},
        {"updatedAt": 0},
        {"source": NASTY, "runId": NASTY},
        {"signature": {"inputs": NASTY}},
        {"signature": {"inputs": "x" * 3_000_000}},
        {"createdAt": 253_402_300_799_999},
        {"recalled": {"reason": NASTY, "at": 5, "replacement": INT64}},
    ],
    ids=",".join,
)
async def test_impossible_fields_do_no_harm(
    admin: AdminClient, fake: FakeProvider, changes: dict[str, Any]
) -> None:
    """The model is shown with what is possible here, as is the good one beside it."""
    edit(fake, "scorer", changes)
    await mirror(admin, fake)
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    models = (await admin.provider.models.search_catalog(admin.context, PAGE, "vendor")).items
    assert [model.full_name.name for model in models] == ["good", "scorer"]
    assert (await admin.provider.versions.get(admin.context, SCORER, 1)).size > 0
    assert (await source_of(admin)).state is MirrorState.ACTIVE


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two words", "'ml_team.two words'"),
        ("Scorer", "'ml_team.scorer': names are compared without case"),
        ("a/b", "ml_team.a/b"),
        ("x" * 300, "xxx"),
        ("evil\x1b[2J\u202e", r"evil\x1b[2J\u202e"),
        ("nul\x00", r"nul\x00"),
    ],
)
async def test_models_that_cannot_be_here_are_left_out_by_name(
    admin: AdminClient, fake: FakeProvider, name: str, said: str
) -> None:
    fake.models[f"ml_team.{name}"] = Model({1: files(b"bad")})
    await mirror(admin, fake)
    source = await source_of(admin)
    assert source.state is MirrorState.ACTIVE
    assert said in source.state_reason
    assert printable(source.state_reason) == source.state_reason
    assert len((await admin.provider.models.search_catalog(admin.context, PAGE, "vendor")).items) == 2


async def test_versions_that_cannot_be_here_are_left_out_by_number(
    admin: AdminClient, fake: FakeProvider
) -> None:
    fake.publish("ml_team.scorer", 2**40, files(b"high"), "Highest")
    fake.publish("ml_team.scorer", 0, files(b"low"))
    await mirror(admin, fake)
    source = await source_of(admin)
    assert f"'ml_team.scorer' version {2**40}: its number is too high" in source.state_reason
    assert "the version '0'" in source.state_reason
    assert (await admin.provider.models.get(admin.context, SCORER)).aliases == {"Champion": 1}


@pytest.mark.parametrize(
    "send",
    [
        lambda handler: handler.send_error_answer(400, "INVALID_PARAMETER_VALUE", f"{NASTY} {TOKEN}"),
        lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", f"{NASTY} {TOKEN}"),
        lambda handler: handler.send_error_answer(403, "PERMISSION_DENIED", f"{NASTY} {TOKEN}"),
        lambda handler: handler.send_error_answer(500, "INTERNAL_ERROR", f"{NASTY} {TOKEN}"),
        lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", f"{NASTY} {TOKEN}"),
        lambda handler: handler.send(200, b"\xff\x00nonsense"),
        lambda handler: handler.send(200, b"[" * 100_000),
        lambda handler: handler.send(200, b"<html>login</html>", "text/html"),
        lambda handler: handler.send(200, b'{"items": [' + b'{"name":1},' * 100 + b"{}]}"),
        lambda handler: handler.send(302, b"", Location="http://169.254.169.254/"),
        lambda handler: handler.send(204, b""),
        lambda handler: handler.send(304, b""),
    ],
    ids=[
        "400", "404", "403", "500", "401", "bytes", "nested", "html", "items", "redirect", "empty", "same"
    ],
)  # fmt: skip
async def test_an_error_is_a_state_without_harm_to_who_reads_it(
    admin: AdminClient,
    fake: FakeProvider,
    send: Callable[[Any], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    await mirror(admin, fake)
    change(fake).comment = "new"
    capsys.readouterr()
    fake.answer = always(send)
    with pytest.raises(SharingError) as raised:
        await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    source = await source_of(admin)
    assert source.state.is_failure
    assert source.state_reason
    for text in (source.state_reason, *capsys.readouterr(), await last_reasons(admin)):
        assert TOKEN not in text
        assert printable(text.replace("\n", "")) == text.replace("\n", "")
        assert len(text) < 10_000
    assert TOKEN not in str(raised.value)


async def last_reasons(admin: AdminClient) -> str:
    events = await admin.provider.audit.latest(admin.context, 20)
    return "\n".join(event.reason for event in events)
