"""Deltas of large files are made when asked for, kept if they are worth it, and go with their version."""

from __future__ import annotations

import json
import os
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_protocol.manifest import Delta
from model_sharing_protocol.names import FullName
from model_sharing_protocol.progress import Progress
from model_sharing_provider.artifacts.layout import delta_path
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.metastore.rows.versions import VersionRows
from support.admin_client import AdminClient
from support.bf16_weights import fine_tuned, restored, weights
from support.files import random_bytes
from support.model_folder import write_model
from support.provider_cli import CliRunner
from support.safetensors_files import framed, safetensors

NAME = FullName.parse("prod.ml_team.scorer")
MIB = 1024 * 1024
BEFORE = weights(5 * MIB)
AFTER = fine_tuned(BEFORE)


def stored(provider_home: Path) -> list[Path]:
    return [path for path in (provider_home / "artifacts" / "deltas").rglob("*") if path.is_file()]


async def register(admin: AdminClient, folder: Path, delta_from: int | None, **files: bytes) -> ModelVersion:
    write_model(folder, files)
    if delta_from is None:
        return await admin.register(folder, str(NAME))
    return await admin.provider.registration.register(admin.context, folder, NAME, delta_from=delta_from)


async def deltas_of(artifacts: ArtifactStore, version: ModelVersion) -> tuple[Delta, ...]:
    return (await Manifests(artifacts).read(version.id)).manifest.deltas


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, AFTER),
        (BEFORE, AFTER + random_bytes(1001)),
        (BEFORE, AFTER[: -MIB - 1]),
        (safetensors({"w": BEFORE}, {"a": "b"}), safetensors({"w": AFTER}, {"note": "x" * 1001})),
        (framed(b"{" * 100, BEFORE), framed(b"{", AFTER)),
        ((2**20).to_bytes(8, "little") + b"{" + BEFORE, (2**20).to_bytes(8, "little") + b"{" + AFTER),
        ((2**24 - 8).to_bytes(8, "little") + b"{" + BEFORE, (2**24 - 8).to_bytes(8, "little") + b"{" + AFTER),
    ],
    ids=[
        "same size",
        "longer",
        "shorter",
        "safetensors",
        "odd headers",
        "long header",
        "header beyond the end",
    ],
)
async def test_a_delta_makes_the_file(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, before: bytes, after: bytes
) -> None:
    await register(admin, tmp_path / "1", None, model=before)
    version = await register(admin, tmp_path / "2", 1, model=after)
    (delta,) = await deltas_of(artifacts, version)
    packed = await artifacts.get_bytes(delta_path(version.id, delta.target, delta.base))
    assert restored(packed, before, len(after)) == after
    assert delta.size == len(packed)
    assert (
        await artifacts.sha256(delta_path(version.id, delta.target, delta.base), delta.size) == delta.sha256
    )


async def test_only_deltas_that_are_worth_it_are_kept(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, provider_home: Path
) -> None:
    other = {"same": BEFORE[::-1], "small": BEFORE[:MIB]}
    before = {"trained": BEFORE, "replaced": random_bytes(9 * MIB), "cut": BEFORE[: 9 * MIB], **other}
    after = {"trained": AFTER, "replaced": random_bytes(9 * MIB, 1), "new": AFTER[: 9 * MIB], **other}
    seen: list[Progress] = []
    await register(admin, tmp_path / "1", None, **before)
    version = await admin.provider.registration.register(
        admin.context,
        write_model(tmp_path / "2", after | {"small": AFTER[:MIB]}),
        NAME,
        delta_from=1,
        progress=seen.append,
    )
    (delta,) = await deltas_of(artifacts, version)
    assert delta.size < len(AFTER) / 4
    assert [path.name for path in stored(provider_home)] == [f"{delta.target}-{delta.base}"]
    looked_at = len(AFTER) + 9 * MIB
    last = [now for now in seen if now.phase == "making deltas"][-1]
    assert (last.bytes_total, last.files_done, last.files_total) == (looked_at, 2, 2)
    assert len(AFTER) < last.bytes_done <= looked_at


@pytest.mark.parametrize("base", [2, 7])
async def test_an_unknown_base_is_said_before_anything_is_copied(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, base: int
) -> None:
    await register(admin, tmp_path / "1", None, model=b"weights")
    await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    before = [item.path async for batch in artifacts.list("models") for item in batch]
    with pytest.raises(InvalidState if base == 2 else NotFound, match=rf"ersion {base}"):
        await register(admin, tmp_path / "2", base, model=AFTER)
    assert [item.path async for batch in artifacts.list("models") for item in batch] == before


async def test_a_registration_that_fails_leaves_no_delta(
    admin: AdminClient, tmp_path: Path, provider_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(admin, tmp_path / "1", None, model=BEFORE)

    async def fail(*arguments: object) -> None:
        assert stored(provider_home)
        raise RuntimeError("the row")

    monkeypatch.setattr(VersionRows, "add", fail)
    with pytest.raises(RuntimeError, match="the row"):
        await register(admin, tmp_path / "2", 1, model=AFTER)
    assert not stored(provider_home)


async def test_deltas_are_checked_and_go_with_their_version(
    admin: AdminClient, tmp_path: Path, provider_home: Path
) -> None:
    await register(admin, tmp_path / "1", None, model=BEFORE)
    await register(admin, tmp_path / "2", 1, model=AFTER)
    await admin.provider.copies.copy(admin.context, NAME, 2, NAME)
    await admin.provider.versions.delete(admin.context, NAME, 2)
    (delta,) = stored(provider_home)
    whole = delta.read_bytes()
    for kept, damage in ((whole, []), (whole[:-1] + b"?", ["CORRUPT"]), (None, ["MISSING"])):
        delta.unlink()
        if kept is not None:
            delta.write_bytes(kept)
        found = await admin.provider.fsck.check(admin.context)
        assert [problem.damage for problem in found.problems] == damage
        assert all(problem.path.startswith("delta from ") for problem in found.problems)
        assert (list(found.orphans.versions), list(found.orphans.foreign_paths)) == ([], [])
    delta.write_bytes(whole)
    await admin.provider.versions.delete(admin.context, NAME, 3)
    assert not list((provider_home / "artifacts" / "deltas").glob("*"))


async def test_a_delta_is_withheld_from_those_who_may_not_have_its_base(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    """For whoever has a file and its delta has the base as well."""
    await register(admin, tmp_path / "1", None, model=BEFORE)
    await register(admin, tmp_path / "2", 1, model=AFTER)
    copied = FullName.parse("prod.ml_team.copied")
    await admin.provider.copies.copy(admin.context, NAME, 2, copied)
    code = await admin.share("acme", "globex", str(NAME), str(copied))
    token = (await admin.activate(code, endpoint)).bearer_token

    async def offered(model: str, version: int) -> list[str]:
        query = f"{endpoint}/shares/acme/schemas/ml_team/models/{model}/versions/{version}/query"
        async with client.post(query, headers={"Authorization": f"Bearer {token}"}) as answer:
            metadata = json.loads((await answer.text()).splitlines()[1])["metaData"]
        return [delta["url"] for delta in metadata.get("deltas", [])]

    async with aiohttp.ClientSession() as client:
        (url,) = await offered("scorer", 2)
        async with client.get(url) as answer:
            assert len(await answer.read()) < len(AFTER) / 4
        assert await offered("copied", 1) == []
        await admin.provider.versions.delete(admin.context, NAME, 1)
        assert await offered("scorer", 2) == []
        async with client.get(url) as answer:
            assert answer.status == 404


def test_on_the_command_line(provider_home: Path, tmp_path: Path, provider_cli: CliRunner) -> None:
    for folder, weight in (("1", BEFORE), ("2", AFTER)):
        write_model(tmp_path / folder, {"model": weight})
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.ml_team")
    provider_cli.succeed("model", "register", os.fspath(tmp_path / "1"), str(NAME))
    refused = provider_cli("model", "register", os.fspath(tmp_path / "2"), str(NAME), "--delta-from", "5")
    assert "'prod.ml_team.scorer' has no version 5" in refused.err
    provider_cli.succeed("model", "register", os.fspath(tmp_path / "2"), str(NAME), "--delta-from", "1")
    assert len(stored(provider_home)) == 1
