"""The artifact store: what goes in comes out, under any name that a model's file may have."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from model_sharing_protocol.errors import CorruptArtifact, NotFound, UnsafePath
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts import store as stores
from model_sharing_provider.artifacts.store import ArtifactStore, check_storable
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.servers import KINDS, bucket_url

NAMES = st.lists(
    st.text(st.sampled_from("aZ09 .-_~#%&+,;=@!$'()[]{}^`éß日🦊\u0301\u202e\u2028"), min_size=1, max_size=6),
    min_size=1,
    max_size=3,
).map("/".join)


@pytest.fixture(params=["local", *KINDS])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    if request.param == "local":
        return ArtifactStore((tmp_path / "artifacts").as_uri())
    return ArtifactStore(bucket_url(request.param, request.getfixturevalue(request.param), monkeypatch))


async def read(store: ArtifactStore, path: str, start: int, end: int) -> bytes:
    return b"".join([bytes(piece) async for piece in store.read(path, start, end)])


@settings(max_examples=60, deadline=None)
@given(NAMES, st.binary(max_size=100))
@example("%2e%2e", b"x")
@example("a%20b", b"x")
@example("~", b"x")
async def test_every_name_that_may_be_registered_is_stored_as_itself(name: str, content: bytes) -> None:
    try:
        check_storable(check_relative_path(name))
    except UnsafePath:
        assume(False)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "artifacts"
        store = ArtifactStore(root.as_uri())
        await store.put_bytes(f"v/{name}", content)
        assert await store.get_bytes(f"v/{name}") == content
        assert await read(store, f"v/{name}", 0, len(content)) == content
        assert await store.size(f"v/{name}") == len(content)
        assert (root / "v" / name).read_bytes() == content
        await store.delete_below("v")
        with pytest.raises(NotFound):
            await store.get_bytes(f"v/{name}")


@pytest.mark.parametrize("name", ["a#1", "weights.bin#007", "#0", "folder/x#9"])
def test_names_that_the_store_keeps_for_itself_are_refused_with_the_fix(name: str) -> None:
    with pytest.raises(UnsafePath, match="rename it"):
        check_storable(name)


@pytest.mark.parametrize("size", [0, 1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 9 * 1024 * 1024 + 5])
async def test_a_file_is_copied_whole_with_its_digest(
    store: ArtifactStore, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    (tmp_path / "f").write_bytes(content)
    found = await store.put_file("v/f", tmp_path / "f")
    assert (found.size, found.sha256) == (size, hashlib.sha256(content).hexdigest())
    await store.sync("v")
    assert await read(store, "v/f", 0, size) == content
    for start, end in ((0, min(7, size)), (size // 2, size), (max(0, size - 3), size), (size, size)):
        assert await read(store, "v/f", start, end) == content[start:end]


async def test_a_folder_is_deleted_even_if_the_stores_clock_is_ahead(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put_bytes("v/weights", b"123")
    monkeypatch.setattr(stores, "now_ms", lambda: now_ms() - 3_600_000)
    assert await store.delete_below("v", older_than=timedelta(hours=1)) == 0
    assert await store.delete_below("v") == 1


async def test_bytes_that_are_not_there_are_an_error_and_not_a_short_answer(store: ArtifactStore) -> None:
    await store.put_bytes("v/f", b"0123456789")
    for start, end in ((0, 11), (10, 12), (50, 60)):
        with pytest.raises(CorruptArtifact):
            await read(store, "v/f", start, end)
    with pytest.raises(NotFound):
        await read(store, "v/none", 0, 1)
    await store.delete("v/none")


async def test_such_a_name_is_refused_before_a_byte_is_copied(
    admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnsafePath, match="'part#1' cannot be stored"):
        await admin.register(write_model(tmp_path / "m", {"part#1": b"x"}), "prod.ml_team.scorer")
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]
