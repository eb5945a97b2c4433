"""Mirrors show and serve what is signed by the pinned keys, whatever lies between them and the provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from model_sharing.transport import bounds
from model_sharing_protocol.errors import SharingError, StaleAnswer, UntrustedSignature, UpstreamUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_protocol.signatures import SignedName, sign_manifest
from model_sharing_provider.domain.mirrors import MirrorState
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.mirroring.freshness import Freshness
from support.admin_client import AdminClient
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.faults import answer_status
from support.fake_provider.models import SHARE, Model, manifest_of
from support.fake_provider.server import FakeProvider, Handler
from support.fake_upstream import change, files, know, mirror, source_of, until
from support.patience import PATIENCE

SCORER = FullName.parse("vendor.ml_team.scorer")


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """A provider with a feed that shares a model with two versions."""
    with FakeProvider() as running:
        running.publish("ml_team.scorer", 1, files(b"first"), "Champion")
        running.publish("ml_team.scorer", 2, files(b"second"))
        running.models["ml_team.scorer"].id = "scorer-id"
        running.feed = FakeFeed()
        yield running


@pytest.fixture
async def vendor(admin: AdminClient, fake: FakeProvider) -> FakeProvider:
    await mirror(admin, fake)
    return fake


@pytest.fixture
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Freshness, "_bound_ms", -1)


def feed_of(fake: FakeProvider) -> FakeFeed:
    assert isinstance(fake.feed, FakeFeed)
    return fake.feed


def replay(fake: FakeProvider, *parts: str) -> None:
    """From now on, what comes from these paths is what came there before, unsigned listings and all."""
    old: Model = json.loads(json.dumps(fake.models["ml_team.scorer"].message("ml_team.scorer")))
    versions = [
        fake.models["ml_team.scorer"].version_message("ml_team.scorer", number)
        for number in fake.models["ml_team.scorer"].versions
    ]

    def answer(handler: Handler) -> bool:
        path = handler.path.partition("?")[0]
        if not any(path.endswith(part) for part in parts):
            return False
        body: Any = {"items": [old]} if path.endswith("all-models") else old
        handler.send_json(200, {"items": versions} if path.endswith("/versions") else body)
        return True

    fake.answer = answer


async def read(admin: AdminClient) -> ModelVersion:
    return await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")


async def champion_in_rows(admin: AdminClient) -> int:
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(SCORER)
    assert model is not None
    return model.aliases["Champion"]


async def sync(admin: AdminClient) -> None:
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")


async def test_an_alias_that_the_feed_says_moved_moves_whatever_a_listing_says(
    admin: AdminClient, vendor: FakeProvider, always_asked: None
) -> None:
    replay(vendor, "/models/scorer")
    change(vendor).aliases["Champion"] = 2
    feed_of(vendor).tell("ALIAS_SET", "ml_team.scorer", alias="Champion", version=2)
    assert (await read(admin)).version == 2


async def test_an_alias_moves_to_what_is_signed_and_not_to_what_is_listed(
    admin: AdminClient, vendor: FakeProvider
) -> None:
    message = vendor.models["ml_team.scorer"].message

    def listed(name: str) -> dict[str, Any]:
        return message(name) | {"aliases": {"Champion": 2}, "updatedAt": 1_800_000_000_000}

    vendor.models["ml_team.scorer"].message = listed  # type: ignore[method-assign]
    await sync(admin)
    assert (await read(admin)).version == 1


async def test_a_signed_state_from_before_is_refused(admin: AdminClient, vendor: FakeProvider) -> None:
    change(vendor).aliases["Champion"] = 2
    await sync(admin)
    model = change(vendor)
    model.aliases["Champion"] = 1
    vendor.sequence = (1, 1)
    with pytest.raises(StaleAnswer, match="older than one that was seen before"):
        await sync(admin)
    assert (await read(admin)).version == 2


async def test_a_recall_that_the_feed_tells_of_is_believed_whatever_a_listing_says(
    admin: AdminClient, vendor: FakeProvider, always_asked: None
) -> None:
    replay(vendor, "/versions", "/models/scorer")
    vendor.recall("ml_team.scorer", 1, "wrong labels")
    feed_of(vendor).tell("VERSION_RECALLED", "ml_team.scorer", version=1)
    recall = (await admin.provider.versions.get(admin.context, SCORER, 1)).recall
    assert recall is not None
    assert recall.reason == "wrong labels"


async def test_a_recall_is_not_lifted_by_a_listing(admin: AdminClient, vendor: FakeProvider) -> None:
    model = change(vendor)
    message = model.version_message
    vendor.recall("ml_team.scorer", 1, "wrong labels")
    await sync(admin)

    def listed(name: str, number: int) -> dict[str, Any]:
        return {key: value for key, value in message(name, number).items() if key != "recalled"}

    change(vendor).version_message = listed  # type: ignore[method-assign]
    await sync(admin)
    assert (await admin.provider.versions.get(admin.context, SCORER, 1)).recall is not None
    model.recalls.clear()
    change(vendor)
    await sync(admin)
    assert (await admin.provider.versions.get(admin.context, SCORER, 1)).recall is None


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda feed: setattr(feed, "signs", False), MirrorState.KEY_CHANGED),
        (
            lambda feed: setattr(feed, "edit", lambda body: body.replace(b"t", b" ")),
            MirrorState.INVALID_ANSWERS,
        ),
        (lambda feed: setattr(feed, "edit", lambda body: body + b" "), MirrorState.KEY_CHANGED),
        (lambda feed: setattr(feed, "ago", 4000), MirrorState.STALE_ANSWERS),
    ],
    ids=["stripped", "spoiled", "changed", "replayed"],
)
async def test_a_feed_that_is_not_signed_as_the_answer_is_refused(
    admin: AdminClient, vendor: FakeProvider, spoil: Callable[[FakeFeed], None], state: MirrorState
) -> None:
    change(vendor).aliases["Champion"] = 2
    feed_of(vendor).tell("ALIAS_SET", "ml_team.scorer", alias="Champion", version=2)
    spoil(feed_of(vendor))
    task = asyncio.create_task(admin.provider.mirror_follower.run())
    try:
        await until(admin, state)
        assert await champion_in_rows(admin) == 1
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_files_of_another_version_are_refused(admin: AdminClient, vendor: FakeProvider) -> None:
    """The signature of version 2 is good, but not for version 3."""
    change(vendor).versions[3] = files(b"third")

    def answer(handler: Handler) -> bool:
        handler.path = handler.path.replace("/versions/3/query", "/versions/2/query")
        return False

    vendor.answer = answer
    with pytest.raises(SharingError, match="files of another version"):
        await sync(admin)
    assert (await admin.provider.models.get(admin.context, SCORER)).latest_version == 2


async def test_files_that_change_under_a_number_need_a_signature_of_now(
    admin: AdminClient, vendor: FakeProvider
) -> None:
    """Listed with other files, it stays as it is until the provider signs these as the number's."""
    before = await admin.provider.versions.get(admin.context, SCORER, 2)
    digest = "sha256:" + "0" * 64
    old = vendor.models["ml_team.scorer"].version_message

    def listed(name: str, number: int) -> dict[str, Any]:
        return old(name, number) | ({"digest": digest} if number == 2 else {})

    change(vendor)
    vendor.models["ml_team.scorer"].version_message = listed  # type: ignore[method-assign]
    with pytest.raises(UntrustedSignature, match="is signed as"):
        await sync(admin)
    async with admin.provider.database.read() as rows:
        found = await rows.versions.find_by_id(before.id)
    assert found is not None
    assert found.digest == before.digest


async def test_another_model_than_asked_for_is_refused(
    admin: AdminClient, vendor: FakeProvider, always_asked: None
) -> None:
    vendor.publish("ml_team.other", 1, files(b"other"))

    def answer(handler: Handler) -> bool:
        handler.path = handler.path.replace("/models/scorer", "/models/other")
        return False

    vendor.answer = answer
    feed_of(vendor).tell("MODEL_CHANGED", "ml_team.scorer")
    await read(admin)
    await until(admin, MirrorState.INVALID_ANSWERS)
    assert "was asked for ml_team.scorer" in (await source_of(admin)).state_reason


async def test_a_key_that_no_earlier_one_endorses_ends_the_access(
    admin: AdminClient, vendor: FakeProvider
) -> None:
    vendor.rotate()
    change(vendor).aliases["Champion"] = 2
    await sync(admin)
    assert (await read(admin)).version == 2
    vendor.rotate(endorsed=False)
    change(vendor).aliases["Champion"] = 1
    with pytest.raises(UntrustedSignature):
        await sync(admin)
    assert (await source_of(admin)).state is MirrorState.KEY_CHANGED


ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/files",
    "http://localhost:1/files",
    "file:///etc/passwd",
    "http://127.0.0.1@elsewhere.example/files",
]


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("broker", [False, True], ids=["fetched", "handed on"])
async def test_files_elsewhere_are_not_fetched_and_nobody_is_sent_there(
    admin: AdminClient, fake: FakeProvider, url: str, broker: bool
) -> None:
    await know(admin, fake)
    await admin.provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share", broker=broker)
    fake.url_base = url
    opened = await admin.provider.principal_files.open_path(admin.context, SCORER, 1, "MLmodel")
    assert opened.source is not None
    with pytest.raises(UpstreamUnavailable):
        await opened.source.locate(admin.context)
    assert not fake.file_requests()


@pytest.mark.parametrize("origin", ["http://169.254.169.254", "http://10.0.0.1:80"])
async def test_origins_inside_our_network_are_not_called_though_the_provider_names_them(
    admin: AdminClient, fake: FakeProvider, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider is at an address that the administrator allowed, these are not."""
    fake.file_origins = (origin,)
    await mirror(admin, fake)
    fake.url_base = origin
    monkeypatch.setattr(bounds, "CONNECT_SECONDS", PATIENCE)  # which whoever called them would wait
    opened = await admin.provider.principal_files.open_path(admin.context, SCORER, 1, "MLmodel")
    assert opened.source is not None
    async with asyncio.timeout(PATIENCE / 2):
        with pytest.raises(UpstreamUnavailable):
            await opened.source.locate(admin.context)


async def test_files_are_not_fetched_through_redirects(admin: AdminClient, fake: FakeProvider) -> None:
    await mirror(admin, fake)
    fake.default_fault = answer_status(302, Location=f"{fake.origin}/delta-sharing/shares")
    before = len(fake.requests)
    opened = await admin.provider.principal_files.open_path(admin.context, SCORER, 1, "MLmodel")
    assert opened.source is not None
    with pytest.raises(UpstreamUnavailable):
        await opened.source.locate(admin.context)
    assert not [each for each in fake.requests[before:] if each.path.endswith("/shares")]


@pytest.mark.parametrize("signed_as", [None, 2], ids=["stripped", "of another version"])
async def test_files_without_their_own_signature_get_no_row(
    admin: AdminClient, vendor: FakeProvider, signed_as: int | None
) -> None:
    content = files(b"third")
    change(vendor).versions[3] = content
    other = SignedName(SHARE, "ml_team.scorer", signed_as or 3)

    def edit(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        bundle = sign_manifest(vendor.key, other, manifest_of(content), 0)
        lines[1]["metaData"]["bundle"] = msgspec.to_builtins(bundle) if signed_as else None
        return lines

    vendor.edit_query = edit
    with pytest.raises(UntrustedSignature):
        await sync(admin)
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(SCORER)
    assert model is not None
    assert model.latest_version == 2


async def test_an_alias_does_not_move_to_other_files_than_were_signed(
    admin: AdminClient, vendor: FakeProvider
) -> None:
    """The files of version 2 are others by now, which an old listing hides."""
    replay(vendor, "/versions")
    model = change(vendor)
    model.versions[2] = files(b"changed")
    model.aliases["Champion"] = 2
    with pytest.raises(StaleAnswer, match="One of the answers is an old one"):
        await sync(admin)
    assert await champion_in_rows(admin) == 1
