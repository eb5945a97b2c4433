"""A CDN before the bucket: recipients fetch from it, by URLs that its edge checks as documented."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import model_sharing
from model_sharing_protocol.errors import CorruptArtifact, NotASharingServer, PermissionDenied
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.cdn_keys import KEY_KINDS, KeyKind, write_cdn_file
from support.object_stores.signed_edge import SignedEdge
from support.principals import recipient_context

NAME = "prod.ml_team.scorer"
LARGE = os.urandom(40_000_000)
FILES = {
    "weights.bin": LARGE,
    "data/a b+c.json": b"{}",
    "data/100%25 ~ü.txt": b"odd",
    "x=1&y;z#2,(é)'@$.bin": b"odder",
    "empty": b"",
}


@dataclass
class Cdn:
    """A CDN of one kind before the bucket, and the provider's file that names it."""

    kind: KeyKind
    edge: SignedEdge
    file: Path
    location: str
    keys: dict[str, Any] = field(default_factory=dict)

    def add_key(self, key_id: str) -> None:
        """Make the edge know a new key, whose private half is written beside the file."""
        key = self.kind.new_key()
        self.keys[key_id] = self.kind.public(key)
        self.file.with_name(f"{key_id}.key").write_bytes(self.kind.file_content(key))

    def use(self, key_id: str, **more: object) -> None:
        """Have the provider sign by a key."""
        row = {
            "location": self.location,
            "kind": self.kind.kind,
            "url": f"{self.edge.url}/a%20prefix",
            "key_id": key_id,
            "key_file": f"{key_id}.key",
        }
        words = {"hash": self.kind.hash} if self.kind.hash else {}
        write_cdn_file(self.file, row | words | more)


@pytest.fixture(params=KEY_KINDS)
def cdn(request: pytest.FixtureRequest, bucket: str, tmp_path: Path) -> Iterator[Cdn]:
    kind = KEY_KINDS[request.param]
    keys: dict[str, Any] = {}
    with SignedEdge(bucket, kind.check(keys)) as edge:
        cdn = Cdn(kind, edge, tmp_path / "cdns.toml", f"{bucket}/a prefix", keys)
        cdn.add_key("KEY1")
        cdn.use("KEY1")
        yield cdn


@pytest.fixture
def settings(provider_home: Path, bucket: str, cdn: Cdn) -> Settings:
    lake = (f"{bucket}/a lake",)
    return Settings(
        provider_home, artifact_root=f"{bucket}/a prefix", external_locations=lake, cdn_file=cdn.file
    )


@pytest.fixture
async def profile(admin: AdminClient, endpoint: str, tmp_path: Path) -> Path:
    await admin.register(write_model(tmp_path / "m", FILES), NAME, "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    return tmp_path / "globex.share"


async def urls(admin: AdminClient) -> dict[str, str]:
    """The URLs of the model's files, as globex is given them."""
    recipient = await recipient_context(admin, "globex")
    found = await admin.provider.recipient_files.version_files(
        recipient, "acme", SharedName("ml_team", "scorer"), number=1
    )
    return {each.file.path: each.url for each in found.files}


def get(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, b""


async def test_a_download_comes_through_the_cdn(
    admin: AdminClient, profile: Path, cdn: Cdn, tmp_path: Path, recipient_home: Path
) -> None:
    def download() -> None:
        vendor = model_sharing.mount(profile, share="acme", name="vendor")
        assert cdn.edge.url in vendor.mount.file_origins
        vendor.download("ml_team.scorer@Champion", tmp_path / "got")

    await asyncio.to_thread(download)
    assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
    assert cdn.edge.refused == []
    assert len([path for path, _ in cdn.edge.delivered if path.endswith("/weights.bin")]) > 1  # by ranges
    assert sorted(cdn.edge.fetched) == sorted(set(cdn.edge.fetched)), "cached without the query"
    events = await admin.provider.audit.latest(admin.context, 1000, action=AuditAction.GET_FILE)
    assert events == []


async def test_a_url_is_for_its_bytes_and_no_others(
    admin: AdminClient, profile: Path, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = await urls(admin)
    for path, content in FILES.items():
        assert await asyncio.to_thread(get, signed[path]) == (200, content)
    assert await asyncio.to_thread(get, signed["weights.bin"], Range="bytes=5-9") == (206, LARGE[5:10])

    plain, _, query = signed["weights.bin"].partition("?")
    versions, _, _ = plain.rpartition("/versions/")
    others = [
        plain,  # unsigned
        f"{versions}/versions/another/weights.bin?{query}",
        f"{cdn.edge.url}/a%20prefix/manifests/x.json?{query}",
        f"{plain}?{query.replace('KEY1', 'KEY2')}",
        f"{plain}?{query.replace('Signature=', 'Signature=AAAA')}",
    ]
    for url in others:
        assert await asyncio.to_thread(get, url) == (403, b""), url
    assert (await asyncio.to_thread(get, signed["weights.bin"]))[0] == 200
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + 301)
    assert await asyncio.to_thread(get, signed["weights.bin"]) == (403, b"")


async def test_one_file_is_signed_alone(admin: AdminClient, profile: Path, cdn: Cdn) -> None:
    """A principal asks for one file of a version, and gets nothing by which another could be fetched."""
    artifacts = admin.provider.recipient_files._artifacts
    version = await admin.provider.versions.get(admin.context, FullName.parse(NAME), 1)
    [url] = await artifacts.presign([f"{version.storage_path}/weights.bin"], 60) or []
    assert await asyncio.to_thread(get, url) == (200, LARGE)
    plain, _, query = url.partition("?")
    other = plain.replace("weights.bin", "empty")
    assert await asyncio.to_thread(get, f"{other}?{query}") == (403, b"")


async def test_files_of_external_locations_are_signed_one_by_one(
    admin: AdminClient, bucket: str, cdn: Cdn
) -> None:
    """Others may be put beside them at any time, which nobody was given."""
    cdn.use("KEY1", location=f"{bucket}/a lake", url=f"{cdn.edge.url}/a%20lake")
    artifacts = admin.provider.recipient_files._artifacts
    lake = f"{bucket}/a lake/models/m/versions/v"
    signed = await artifacts.presign([f"{lake}/a+b", f"{lake}/c"], 60) or []
    queries = {url.partition("?")[2] for url in signed}
    assert len(queries) == 2
    assert [url.partition("?")[0] for url in signed] == [
        f"{cdn.edge.url}/{quote('a lake/models/m/versions/v')}/{name}" for name in ("a%2Bb", "c")
    ]


async def test_a_key_is_rotated_without_a_restart(
    admin: AdminClient, profile: Path, cdn: Cdn, recipient_home: Path
) -> None:
    before = (await urls(admin))["weights.bin"]
    cdn.add_key("KEY2")
    cdn.use("KEY2")
    after = (await urls(admin))["weights.bin"]
    assert "KEY1" in before and "KEY2" in after
    for url in (before, after):
        assert (await asyncio.to_thread(get, url))[0] == 200
    del cdn.keys["KEY1"]
    assert (await asyncio.to_thread(get, before))[0] == 403
    # A file that cannot be used changes nothing.
    cdn.file.with_name("KEY3.key").write_bytes(b"no key")
    cdn.use("KEY3")
    assert "KEY2" in (await urls(admin))["weights.bin"]


async def test_a_key_that_the_cdn_does_not_know_is_said_plainly(
    admin: AdminClient, profile: Path, cdn: Cdn, recipient_home: Path
) -> None:
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    cdn.keys.clear()
    with pytest.raises(PermissionDenied, match="although it has just issued its URL"):
        await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")


async def test_recipients_accept_a_cdn_before_it_is_used(
    admin: AdminClient, profile: Path, cdn: Cdn, s3: str, recipient_home: Path, tmp_path: Path
) -> None:
    cdn.use("KEY1", in_use=False)
    early = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    assert set(early.mount.file_origins) == {s3, cdn.edge.url}
    await asyncio.to_thread(early.snapshot, "ml_team.scorer@Champion")
    assert cdn.edge.delivered == []
    cdn.use("KEY1")
    await admin.register(write_model(tmp_path / "m2", {"weights.bin": b"2"}), NAME, "Champion")
    snapshot = await asyncio.to_thread(early.snapshot, "ml_team.scorer@Champion")
    assert (snapshot.folder / "weights.bin").read_bytes() == b"2"
    assert cdn.edge.delivered


async def test_a_recipient_that_mounted_before_mounts_again(
    admin: AdminClient, profile: Path, cdn: Cdn, s3: str, recipient_home: Path
) -> None:
    cdn.file.write_text("cdn = []")
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    assert vendor.mount.file_origins == (s3,)
    cdn.use("KEY1")
    with pytest.raises(NotASharingServer, match="mount the same again"):
        await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    snapshot = await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    assert (snapshot.folder / "weights.bin").read_bytes() == LARGE
    assert cdn.edge.delivered


async def test_bytes_that_the_cdn_changed_are_refused(
    admin: AdminClient, profile: Path, cdn: Cdn, recipient_home: Path
) -> None:
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    cdn.edge.corrupts = True
    with pytest.raises(CorruptArtifact):
        await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
