"""Files of a shared catalog: fetched from the provider when somebody needs them, once, and then our own."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from model_sharing_protocol.errors import (
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.remote_providers import arriving_file
from model_sharing_provider.remote_providers.arriving_file import read_arrived
from support.bf16_weights import fine_tuned, weights
from support.model_folder import MLMODEL, write_model
from support.network.fault_proxy import ConnectionFault, StreamFault
from support.patience import PATIENCE
from support.regions import (
    BIG,
    MIB,
    NOTHING_PASSES,
    SCORER,
    SMALL,
    Regions,
    add_vendor,
    pulled,
)

pytestmark = pytest.mark.each_database


async def test_fifty_who_ask_at_once_cause_one_fetch(regions: Regions) -> None:
    """All files: the small ones cross as one part, the large one as another, each once."""
    paths = ["MLmodel", *SMALL, "big.bin"]
    before = regions.link.bytes_to_client
    answers = await asyncio.gather(*(regions.get(path) for path in paths for _ in range(13)))
    contents = [MLMODEL.encode(), *SMALL.values(), BIG]
    assert answers == [(200, content) for content in contents for _ in range(13)]
    size = sum(map(len, contents))
    assert size < regions.link.bytes_to_client - before < size + MIB
    crossed = regions.link.bytes_to_client
    regions.link.default_fault = NOTHING_PASSES
    assert await regions.get("big.bin") == (200, BIG)
    assert regions.link.bytes_to_client == crossed
    pulls = await pulled(regions, 2)
    assert sorted(pulls) == [
        f"vendor.ml_team.scorer/1: big.bin, {len(BIG)} bytes",
        f"vendor.ml_team.scorer/1: small files, {size - len(BIG)} bytes",
    ]


async def test_a_provider_that_damages_or_cuts_what_it_sends_never_serves_a_wrong_byte(
    regions: Regions,
) -> None:
    """Connections that flip a bit or end early: whoever gets a whole answer gets the right one."""
    damaged = [ConnectionFault(StreamFault(flip_at=300_000 + n)) for n in range(3)]
    cut = [ConnectionFault(StreamFault(cut_at=2_000_000 + n)) for n in range(3)]
    regions.link.faults = [*damaged, *cut]
    answers = await asyncio.gather(*(regions.get("big.bin") for _ in range(5)), return_exceptions=True)
    for answer in answers:
        assert answer == (200, BIG) or isinstance(answer, aiohttp.ClientPayloadError)
    assert await regions.get("big.bin") == (200, BIG)


async def test_the_first_reader_of_a_large_file_gets_it_while_it_arrives(regions: Regions) -> None:
    """All but the last block, which waits for the whole to be verified."""
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.03))
    headers = {"Authorization": f"Bearer {regions.token}"}
    before = regions.link.bytes_to_client
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(regions.url("big.bin")) as answer,
    ):
        first = await answer.content.readexactly(MIB)
        crossed = regions.link.bytes_to_client - before
        assert first + await answer.read() == BIG
    assert crossed < 0.8 * len(BIG)


async def test_what_was_damaged_after_it_was_sent_is_never_a_whole_answer(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a byte that had arrived were replaced later."""

    def damaged(*arguments: Any) -> bytes:
        return b"x" + read_arrived(*arguments)[1:]

    monkeypatch.setattr(arriving_file, "read_arrived", damaged)
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.01))
    with pytest.raises(aiohttp.ClientPayloadError):
        await regions.get("big.bin")
    await pulled(regions, 1)
    assert await regions.get("big.bin") == (200, BIG)


async def test_a_provider_that_is_away_is_a_clear_error_that_clients_do_not_repeat(regions: Regions) -> None:
    regions.link.default_fault = NOTHING_PASSES
    answers = await asyncio.gather(*(regions.get("big.bin") for _ in range(5)))
    assert {status for status, _ in answers} == {UpstreamUnavailable.row.unity_catalog_status}
    assert b"cannot be fetched from share acme_share of provider acme" in answers[0][1]
    regions.link.default_fault = ConnectionFault()
    await asyncio.sleep(2.5)  # the breaker lets nobody through for so long
    assert (await regions.get("a.bin"))[0] == 200


async def test_a_new_version_crosses_as_what_differs(regions: Regions, tmp_path: Path) -> None:
    """By chunks of the version before, which the scratch cache has."""
    assert (await regions.get("big.bin"))[0] == 200
    changed = BIG[: 10 * MIB] + os.urandom(MIB) + BIG[11 * MIB :]
    await regions.add(write_model(tmp_path / "m2", {**SMALL, "big.bin": changed}))
    before = regions.link.bytes_to_client
    assert await regions.get("big.bin", 2) == (200, changed)
    assert regions.link.bytes_to_client - before < 4 * MIB


async def test_a_fine_tune_crosses_as_its_delta_from_what_is_in_the_store(
    regions: Regions, tmp_path: Path
) -> None:
    """Though the scratch cache was emptied: the base is taken out of the store again."""
    before = weights(10 * MIB)
    after = fine_tuned(before)
    await regions.add(write_model(tmp_path / "m2", {"model.bin": before}))
    assert await regions.get("model.bin", 2) == (200, before)
    await pulled(regions, 1)
    shutil.rmtree(regions.store.parent / "upstream-cache")
    registering = regions.upstream.provider.registration.register
    folder, name = write_model(tmp_path / "m3", {"model.bin": after}), FullName.parse(SCORER)
    await registering(regions.upstream.context, folder, name, delta_from=2)
    await regions.here.provider.shared_catalogs.sync(regions.here.context, "vendor")
    crossed = regions.link.bytes_to_client
    assert await regions.get("model.bin", 3) == (200, after)
    assert regions.link.bytes_to_client - crossed < 0.6 * len(after)


async def test_a_provider_that_stalls_holds_nobody_else_up(regions: Regions, tmp_path: Path) -> None:
    """Many wait for one that sends nothing any more, and another one's files come."""
    endpoint = f"http://127.0.0.1:{regions.link.target}{PREFIX}"
    other = os.urandom(20 * MIB)
    await regions.upstream.register(write_model(tmp_path / "other", {"big.bin": other}), "lab.ml_team.scorer")
    await add_vendor(regions.upstream, regions.here, endpoint, "other", "lab.ml_team.scorer")
    regions.link.default_fault = ConnectionFault(StreamFault(stall_at=100))
    stuck = [asyncio.create_task(regions.get(path)) for path in ("big.bin", "a.bin", "MLmodel") * 10]
    await asyncio.sleep(0.5)
    async with asyncio.timeout(PATIENCE):
        assert await regions.get("big.bin", catalog="other") == (200, other)
    assert not any(task.done() for task in stuck)
    for task in stuck:
        task.cancel()
    await asyncio.wait(stuck)


async def test_two_catalogs_of_one_share_cause_one_fetch(regions: Regions) -> None:
    provider, context = regions.here.provider, regions.here.context
    await provider.shared_catalogs.create(context, "twin", "acme", "acme_share")
    assert await regions.get("big.bin") == (200, BIG)
    crossed = regions.link.bytes_to_client
    assert await regions.get("big.bin", catalog="twin") == (200, BIG)
    assert regions.link.bytes_to_client - crossed < MIB
    await provider.catalogs.delete(context, "vendor", force=True)
    assert await regions.get("big.bin", catalog="twin") == (200, BIG)


async def test_a_copy_is_whole_here_and_outlives_the_share(regions: Regions) -> None:
    name, copied = FullName.parse("vendor.ml_team.scorer"), FullName.parse("own.ml_team.adopted")
    catalogs = regions.here.provider.catalogs
    await catalogs.create(regions.here.context, "own")
    await catalogs.create_schema(regions.here.context, copied.schema_name)
    version = await regions.here.provider.copies.copy(regions.here.context, name, 1, copied)
    assert (version.origin_provider, version.origin_version) == ("acme", 1)
    await pulled(regions, 2)
    await catalogs.delete(regions.here.context, "vendor", force=True)
    assert len(list(regions.store.glob("models/*"))) == len(list(regions.store.glob("manifests/*"))) == 1
    assert len(list(regions.store.glob("bundles/*"))) == 1
    regions.link.default_fault = NOTHING_PASSES
    files = regions.here.provider.principal_files
    opened = await files.open_path(regions.here.context, copied, version.version, "big.bin")
    assert opened.source is None
    content = [bytes(piece) async for piece in regions.here.provider.signed_files.read(opened, 0, len(BIG))]
    assert b"".join(content) == BIG


@pytest.mark.parametrize("regions", ["broker"], indirect=True)
async def test_a_broker_hands_the_providers_own_urls_on_and_keeps_nothing(regions: Regions) -> None:
    status, _ = await regions.get("big.bin")
    assert status == 307
    url = await regions.here.provider.principal_files.sign(
        regions.here.context, FullName.parse("vendor.ml_team.scorer"), 1, "big.bin"
    )
    assert url.startswith(f"http://127.0.0.1:{regions.link.port}/")
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == BIG
    async with regions.here.provider.database.read() as rows:
        assert await rows.pulled_parts.total_size() == 0
