"""Each large file of a version has a map of its chunks, however the version came to be."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_sharing_protocol.chunk_maps import MAX_CHUNK_BYTES, ChunkMap
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.chunking import AVERAGE_CHUNK_BYTES
from model_sharing_provider.artifacts.fingerprints import CHUNKED_FROM_BYTES, Fingerprinter
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.publishing.multipart import PartSeen
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.safetensors_files import framed, safetensors
from support.weights_files import gguf

NAME = FullName.parse("prod.ml_team.scorer")
MIB = 1024 * 1024
WEIGHTS = random.Random(1).randbytes(12 * MIB)
TENSORS = {"embed": WEIGHTS[: 3 * MIB], "layer.0": WEIGHTS[3 * MIB : 7 * MIB], "head": WEIGHTS[7 * MIB :]}
FLOAT32 = 0
GGUF_TENSORS = [(name, (len(data) // 4,), FLOAT32, data) for name, data in TENSORS.items()]
FILES = {"model.pkl": WEIGHTS, "model.safetensors": safetensors(TENSORS), "small.bin": WEIGHTS[:MIB]}


@pytest.fixture
async def provider(provider_home: Path, tmp_path: Path) -> AsyncIterator[ProviderServices]:
    """A provider that may share what is in this test's folder."""
    allowed = (parse_location(tmp_path.as_uri()),)
    async with open_provider(Settings(provider_home, external_locations=allowed)) as opened:
        yield opened


async def from_a_folder(admin: AdminClient, folder: Path) -> ModelVersion:
    return await admin.register(folder, str(NAME))


async def in_place(admin: AdminClient, folder: Path) -> ModelVersion:
    await admin.provider.catalogs.create(admin.context, NAME.catalog)
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    return await admin.provider.registration.register_in_place(admin.context, folder.as_uri(), NAME)


async def pending(admin: AdminClient) -> ModelVersion:
    await admin.provider.catalogs.create(admin.context, NAME.catalog)
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    await admin.provider.models.create(admin.context, NAME)
    return await admin.provider.uploads.create(admin.context, NAME, NewVersion())


async def uploaded(admin: AdminClient, folder: Path) -> ModelVersion:
    version = await pending(admin)
    await admin.provider.uploads.write(admin.context, version, "model.pkl", pieces(b"another first" * MIB))
    for path in ("MLmodel", *FILES):
        await admin.provider.uploads.write(admin.context, version, path, pieces((folder / path).read_bytes()))
    return await admin.provider.finalization.finalize(admin.context, NAME, 1)


async def uploaded_in_parts(admin: AdminClient, folder: Path) -> ModelVersion:
    version = await pending(admin)
    multipart, by = admin.provider.multipart, admin.provider.administrator
    for path in ("MLmodel", *FILES):
        content = (folder / path).read_bytes()
        session = await multipart.begin(admin.context, NAME, 1, path)
        parts = [
            PartSeen(
                number,
                await multipart.write_part(
                    admin.context,
                    version,
                    session,
                    number,
                    pieces(content[start : start + 5 * MIB]),
                    by=by,
                ),
            )
            for number, start in enumerate(range(0, len(content), 5 * MIB), start=1)
        ]
        await multipart.complete(admin.context, NAME, 1, path, session=session, seen=parts)
    return await admin.provider.finalization.finalize(admin.context, NAME, 1)


async def copied(admin: AdminClient, folder: Path) -> ModelVersion:
    source = await admin.register(folder, "prod.ml_team.original")
    version = await admin.provider.copies.copy(admin.context, source.full_name, 1, NAME)
    await admin.provider.versions.delete(admin.context, source.full_name, 1)
    return version


async def begun_as_a_copy(admin: AdminClient, folder: Path) -> ModelVersion:
    source = await admin.register(folder, "prod.ml_team.original")
    await admin.provider.models.create(admin.context, NAME)
    new = NewVersion(source=f"models:/{source.full_name}/1")
    version = await admin.provider.uploads.create(admin.context, NAME, new)
    await admin.provider.versions.delete(admin.context, source.full_name, 1)
    return await admin.provider.finalization.finalize(admin.context, NAME, version.version)


WAYS: list[Callable[[AdminClient, Path], Awaitable[ModelVersion]]] = [
    from_a_folder,
    in_place,
    uploaded,
    uploaded_in_parts,
    copied,
    begun_as_a_copy,
]


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300_007):
        yield content[start : start + 300_007]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_each_large_file_has_a_map_when_a_version_is(
    admin: AdminClient,
    tmp_path: Path,
    provider_home: Path,
    way: Callable[[AdminClient, Path], Awaitable[ModelVersion]],
) -> None:
    version = await way(admin, write_model(tmp_path / "m", FILES))
    maps = await Manifests(ArtifactStore((provider_home / "artifacts").as_uri())).chunk_maps(version.id)
    assert maps.keys() == {digest(FILES["model.pkl"]), digest(FILES["model.safetensors"])}
    for path in ("model.pkl", "model.safetensors"):
        check(maps[digest(FILES[path])], FILES[path])
    tensors = {sha256(tensor).digest() for tensor in TENSORS.values()}
    assert tensors < {chunk.sha256 for chunk in maps[digest(FILES["model.safetensors"])]}
    assert not list((provider_home / "artifacts" / "uploads").glob("**/chunk-maps/*"))
    await admin.provider.versions.delete(admin.context, NAME, version.version)
    assert not list((provider_home / "artifacts" / "chunk-maps").glob("*"))


async def test_a_map_that_was_damaged_while_it_waited_is_left_out(
    admin: AdminClient, provider_home: Path
) -> None:
    version = await pending(admin)
    await admin.provider.uploads.write(admin.context, version, "model.pkl", pieces(WEIGHTS))
    await admin.provider.uploads.write(admin.context, version, "MLmodel", pieces(MLMODEL.encode()))
    (waiting,) = (provider_home / "artifacts" / "uploads").glob("**/chunk-maps/*")
    waiting.write_bytes(b"?")
    version = await admin.provider.finalization.finalize(admin.context, NAME, 1)
    assert await Manifests(ArtifactStore((provider_home / "artifacts").as_uri())).chunk_maps(version.id) == {}


async def test_maps_that_are_damaged_or_gone_are_found(
    admin: AdminClient, tmp_path: Path, provider_home: Path
) -> None:
    version = await admin.register(write_model(tmp_path / "m", FILES), str(NAME))
    stored = provider_home / "artifacts" / "chunk-maps" / version.id
    whole = stored.read_bytes()
    for content, damage in ((whole, []), (whole[:-1] + b"?", ["CORRUPT"]), (None, ["MISSING"])):
        stored.unlink()
        if content is not None:
            stored.write_bytes(content)
        found = await admin.provider.fsck.check(admin.context)
        assert [(problem.path, problem.damage) for problem in found.problems] == [
            ("chunk maps", name) for name in damage
        ]
        assert (list(found.orphans.versions), list(found.orphans.foreign_paths)) == ([], [])


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(200_000, 5 * MIB), min_size=1, max_size=8),
    st.sampled_from([FILES["model.pkl"], FILES["model.safetensors"], gguf({"a": "b"}, GGUF_TENSORS)]),
)
def test_in_whatever_pieces_a_file_comes_its_map_is_the_same(sizes: list[int], content: bytes) -> None:
    assert chunked(content, 5, 4, *sizes) == chunked(content, len(content))


def test_what_is_put_into_a_file_changes_the_chunks_around_it_and_no_others() -> None:
    before = chunked(WEIGHTS, MIB)
    after = chunked(WEIGHTS[: 5 * MIB] + b"put in" + WEIGHTS[5 * MIB :], MIB)
    check(after, WEIGHTS[: 5 * MIB] + b"put in" + WEIGHTS[5 * MIB :])
    assert AVERAGE_CHUNK_BYTES / 2 < after.size / len(after) < AVERAGE_CHUNK_BYTES * 2
    assert len({chunk.sha256 for chunk in after} - {chunk.sha256 for chunk in before}) <= 3


def test_a_tensor_is_found_again_behind_another_header() -> None:
    before = chunked(safetensors(TENSORS), MIB)
    renamed = {"a new one": b"x" * 100_000, **{f"model.{name}": data for name, data in TENSORS.items()}}
    after = chunked(safetensors(renamed, {"format": "pt"}), MIB)
    # The header and the new tensor are new; the three old ones are where they were not before.
    assert len({chunk.sha256 for chunk in after} - {chunk.sha256 for chunk in before}) == 2


def test_a_tensor_is_found_again_in_another_shard() -> None:
    before = chunked(safetensors(TENSORS), MIB)
    shards = [
        {"layer.0": TENSORS["layer.0"], "embed": TENSORS["embed"], "new": WEIGHTS[:MIB]},
        {"head": WEIGHTS},
    ]
    found = {chunk.sha256 for shard in shards for chunk in chunked(safetensors(shard), MIB)}
    assert {sha256(TENSORS[name]).digest() for name in ("layer.0", "embed")} == found.intersection(
        chunk.sha256 for chunk in before
    )


def test_a_tensor_of_a_gguf_file_is_found_again_behind_other_metadata() -> None:
    content = gguf({"general.name": "one"}, GGUF_TENSORS)
    before = chunked(content, MIB)
    check(before, content)
    assert {sha256(tensor).digest() for tensor in TENSORS.values()} < {chunk.sha256 for chunk in before}
    words = [f"word {number}" for number in range(300_000)]
    content = gguf({"general.name": "two", "tokenizer.ggml.tokens": words}, GGUF_TENSORS)
    after = chunked(content, MIB)
    check(after, content)
    assert len({chunk.sha256 for chunk in after} - {chunk.sha256 for chunk in before}) == 1


@pytest.mark.parametrize("version", [0, 1, 4, 3 << 24])
def test_a_gguf_file_of_another_version_is_cut_by_content(version: int) -> None:
    content = gguf({"general.name": "one"}, GGUF_TENSORS, version=version)
    found = chunked(content, MIB)
    check(found, content)
    assert max(chunk.end - chunk.start for chunk in found) <= 4 * AVERAGE_CHUNK_BYTES


def test_a_tensor_of_more_than_16_mib_comes_in_blocks() -> None:
    tensor = random.Random(2).randbytes(MAX_CHUNK_BYTES + MIB)
    found = chunked(safetensors({"a": tensor, "b": tensor}), 3 * MIB)
    sizes = [chunk.end - chunk.start for chunk in found]
    assert sizes[1:] == [MAX_CHUNK_BYTES, MIB, MAX_CHUNK_BYTES, MIB]


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"{}",
        b"[1]",
        b'{"a": 1}',
        b'{"a": {"dtype": "U8"}}',
        b'{"a": {"data_offsets": [5, 3]}}',
        b'{"a": {"data_offsets": [-5, 3000000]}}',
        b'{"a": {"data_offsets": [0, 2000000]}, "b": {"data_offsets": [1000000, 3000000]}}',
        b'{"a": {"data_offsets": [0, 9]}, "b": {"data_offsets": [9, 20000]}}',
        b'{"a": {"data_offsets": [0, 8000000000]}}' + b" " * 17 * MIB,
        b'{"\xff": {"data_offsets": [0, 3000000]}}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_odd_about_a_header_leads_to_cuts_by_content(header: bytes) -> None:
    content = framed(header, WEIGHTS)
    found = chunked(content, MIB)
    check(found, content)
    assert max(chunk.end - chunk.start for chunk in found) <= 4 * AVERAGE_CHUNK_BYTES


@pytest.mark.parametrize("promised", [4 * MIB, 40 * MIB, 10**22])
def test_a_file_that_is_longer_or_shorter_than_its_header_says_is_covered_all_the_same(promised: int) -> None:
    content = framed(b'{"a": {"data_offsets": [0, %d]}}' % promised, WEIGHTS)
    check(chunked(content, MIB), content)


def test_a_header_length_that_promises_more_than_there_is() -> None:
    content = (15 * MIB).to_bytes(8, "little") + b"{" + WEIGHTS
    check(chunked(content, MIB), content)


def test_small_files_have_none() -> None:
    taken_in = Fingerprinter()
    taken_in.update(bytes(CHUNKED_FROM_BYTES - 1))
    assert taken_in.finish().chunk_map is None


def chunked(content: bytes, *sizes: int) -> ChunkMap:
    """The map of a file that comes in pieces of these sizes, over and over."""
    taken_in, position, number = Fingerprinter(), 0, 0
    while position < len(content):
        size = sizes[number % len(sizes)]
        taken_in.update(content[position : position + size])
        position, number = position + size, number + 1
    found = taken_in.finish()
    assert (found.size, found.sha256) == (len(content), digest(content))
    assert found.chunk_map is not None
    return found.chunk_map


def check(found: ChunkMap, content: bytes) -> None:
    """Each chunk is what the map says, and together they are the file."""
    assert all(chunk.sha256 == sha256(content[chunk.start : chunk.end]).digest() for chunk in found)
    assert (found.size, found.sha256) == (len(content), digest(content))


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()
