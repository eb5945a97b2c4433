"""A volume of a server that gives credentials of its bucket and no URLs, as OpenSharing has it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import obstore
import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing.downloads.store_transfer import StoreTransfer
from model_sharing.downloads.targets import WholeFile
from model_sharing_protocol.errors import InvalidState, ServerUnreachable
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import PREFIX, TemporaryCredentials
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.object_stores.cloud_provider import aws_settings

FILES = {"one.txt": b"Why?", "more/two ü.txt": b"How?", "empty": b"", "large": random_bytes(RANGE_BYTES + 9)}
CREDENTIALS = "/shares/acme/schemas/evaluation/volumes/prompts/temporary-volume-credentials"


async def test_it_is_read_from_the_bucket(
    bucket: str, tmp_path: Path, recipient_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_bucket(bucket).client
    for path, content in FILES.items():
        await obstore.put_async(store, f"lake/prompts/{path}", content)
    await obstore.put_async(store, "lake/secret.txt", b"of nobody else")
    settings = replace(aws_settings(tmp_path / "home", bucket), external_locations=(f"{bucket}/lake",))
    async with open_provider(settings) as provider:
        admin, server = AdminClient.of(provider), TestServer(make_app(provider))
        await server.start_server()
        code = await admin.share("acme", "globex")
        volume = SharedName("evaluation", "prompts")
        await provider.shares.add_volume(admin.context, "acme", f"{bucket}/lake/prompts", volume)
        token = (await admin.activate(code, "http://unused.example")).bearer_token
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(server.make_url(PREFIX + CREDENTIALS)) as answer,
        ):
            credentials = await answer.json()
        await server.close()
    # What this machine has of its own is not used.
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    def download() -> None:
        with FakeProvider() as fake:
            fake.folders["volumes", "evaluation.prompts"] = {}
            fake.folders_by_credentials, fake.folder_credentials = True, credentials
            fake.folder_location = f"{bucket}/lake/prompts/"
            (tmp_path / "g.share").write_bytes(fake.profile())
            vendor = model_sharing.mount(tmp_path / "g.share", share=SHARE, name="vendor")
            plan = vendor.plan_folder_download("volume", "evaluation.prompts", tmp_path / "got")
            assert {file.path: file.size for file in plan.files} == {
                path: len(content) for path, content in FILES.items()
            }
            vendor.download_volume("evaluation.prompts", tmp_path / "got", progress=False)
            fake.folder_location = f"{bucket}/lake"
            with pytest.raises(ServerUnreachable, match="object store"):
                vendor.download_volume("evaluation.prompts", tmp_path / "more", progress=False)

    await asyncio.to_thread(download)
    given = msgspec.convert(credentials, TemporaryCredentials)
    transfer = await asyncio.to_thread(StoreTransfer, f"{bucket}/lake/prompts", given)
    (listed,) = [file for file in await asyncio.to_thread(transfer.list) if file.path == "one.txt"]
    await obstore.put_async(store, "lake/prompts/one.txt", b"Who?!")
    with (
        pytest.raises(InvalidState, match="was replaced"),
        WholeFile(tmp_path / "one.txt", listed.size, NoObserver()) as target,
    ):
        transfer.run(ManifestFile("one.txt", listed.size, "key"), target)
    assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
