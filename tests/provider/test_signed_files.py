"""Files by signed URL: whole, in ranges, any number of times, and not a second longer than allowed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.block_digests import find_block_digests
from model_sharing_protocol.chunk_maps import read_maps
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.domain.signed_urls import Ticket
from model_sharing_provider.keys.server_secrets import ServerSecrets
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.network.slow_download import SlowDownload
from support.patience import PATIENCE

BIG = os.urandom(9 * 1024 * 1024)
SMALL = b"0123456789"


@dataclass(frozen=True)
class Shared:
    """A share with one model of a big and a small file, and the URLs a recipient was given, by path."""

    admin: AdminClient
    token: str
    endpoint: str

    async def urls(self) -> dict[str, str]:
        query = f"{self.endpoint}/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.post(query) as answer:
            lines = [json.loads(line) for line in (await answer.read()).splitlines()]
        urls: dict[str, str] = {line["file"]["path"]: line["file"]["url"] for line in lines[2:]}
        return urls | {"chunk maps": lines[1]["metaData"]["chunkMaps"]["url"]}


@pytest.fixture
def big() -> bytes:
    return BIG


@pytest.fixture
async def shared(admin: AdminClient, endpoint: str, tmp_path: Path, big: bytes) -> Shared:
    await admin.register(write_model(tmp_path / "m", {"big": big, "small": SMALL}), "prod.ml_team.scorer")
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    return Shared(admin, profile.bearer_token, endpoint)


async def get(url: str, asked: str | None = None) -> tuple[int, bytes, Mapping[str, str]]:
    headers = {"Range": asked} if asked else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_whole_files_any_number_of_times(shared: Shared) -> None:
    urls = await shared.urls()
    for _ in range(3):
        status, body, headers = await get(urls["big"])
        assert (status, sha256(body).hexdigest()) == (200, headers["ETag"].strip('"'))
        assert body == BIG
    assert (await get(urls["small"]))[1] == SMALL
    maps = read_maps((await get(urls["chunk maps"]))[1])
    digest = sha256(BIG).hexdigest()
    assert maps[digest].size == len(BIG)
    assert find_block_digests(maps, digest, len(BIG)) is not None
    assert len(maps) == 2  # of the only large file: its chunks, and its blocks


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=4194300-4194310", 206, 4194300, 4194311),
        ("bytes=-7", 206, len(BIG) - 7, len(BIG)),
        (f"bytes={len(BIG) - 24}-", 206, len(BIG) - 24, len(BIG)),
        (f"bytes={len(BIG) - 24}-99999999", 206, len(BIG) - 24, len(BIG)),
        ("bytes=0-", 200, 0, len(BIG)),
    ],
)
async def test_ranges(shared: Shared, asked: str, status: int, first: int, last: int) -> None:
    answered, body, headers = await get((await shared.urls())["big"], asked)
    assert (answered, body) == (status, BIG[first:last])
    if status == 206:
        assert headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(BIG)}"


async def test_ranges_of_a_small_file_however_often(shared: Shared) -> None:
    url = (await shared.urls())["small"]
    for asked, first, last in (("bytes=2-4", 2, 5), ("bytes=-3", 7, 10), ("bytes=0-0", 0, 1)):
        status, body, headers = await get(url, asked)
        assert (status, body) == (206, SMALL[first:last])
        assert (headers["Content-Length"], headers["Content-Range"]) == (
            str(last - first),
            f"bytes {first}-{last - 1}/10",
        )


async def test_a_range_that_is_not_there(shared: Shared) -> None:
    urls = await shared.urls()
    for asked in ("bytes=10-", "bytes=5-2", "bytes=x-y", "lines=1-2"):
        status, _, headers = await get(urls["small"], asked)
        assert (status, headers["Content-Range"]) == (416, "bytes */10"), asked


async def test_head_tells_size_and_sends_nothing(shared: Shared) -> None:
    async with aiohttp.ClientSession() as session, session.head((await shared.urls())["big"]) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(BIG)))
        assert answer.headers["Accept-Ranges"] == "bytes"


async def test_a_url_with_any_part_changed_is_refused(shared: Shared) -> None:
    urls = await shared.urls()
    parts = urlsplit(urls["small"])
    fields = parse_qsl(parts.query)
    forged = [urlunsplit(parts._replace(path=urlsplit(urls["big"]).path))]
    for index, (name, value) in enumerate(fields):
        for changed in (value[:-1] + ("1" if value[-1] != "1" else "2"), "", "x"):
            query = urlencode([*fields[:index], (name, changed), *fields[index + 1 :]])
            forged.append(urlunsplit(parts._replace(query=query)))
        forged.append(urlunsplit(parts._replace(query=urlencode(fields[:index] + fields[index + 1 :]))))
    for url in [*forged, urls["small"].split("?")[0]]:
        status, body, _ = await get(url)
        assert (status, json.loads(body)["errorCode"]) == (403, "PERMISSION_DENIED"), url


async def test_an_expired_url_is_refused(shared: Shared, provider_home: Path, server: TestServer) -> None:
    url = urlsplit((await shared.urls())["small"])
    fields = dict(parse_qsl(url.query))
    signer = UrlSigner(ServerSecrets(provider_home / "secrets.json"))
    resource = url.path.removeprefix("/artifacts/")
    for seconds, status in ((60, 200), (-1, 403)):
        ticket = Ticket(resource, fields["grant"], fields["token"], 0, int(time.time()) + seconds)
        assert (await get(str(server.make_url("/artifacts/")) + signer.sign(ticket)))[0] == status


@pytest.mark.usefixtures("server")
async def test_urls_of_one_response_are_those_that_would_be_signed_one_by_one(provider_home: Path) -> None:
    signer = UrlSigner(ServerSecrets(provider_home / "secrets.json"))
    tickets = [
        Ticket(f"versions/v/{number}", grant, "token", 3, int(time.time()) + 60, "GET", groups)
        for number in range(3)
        for grant, groups in (("grant", ()), ("", ("one", "two&expires=9")), ("other&grant=grant", ()))
    ]
    urls = signer.sign_all(tickets)
    assert urls == [signer.sign(ticket) for ticket in tickets]
    for ticket, url in zip(tickets, urls, strict=True):
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        assert signer.verify(ticket.resource, query) == ticket


Ending = Callable[[AdminClient], Awaitable[object]]
ENDINGS: dict[str, Ending] = {
    "the grant is revoked": lambda admin: admin.provider.share_permissions.revoke(
        admin.context, "acme", "globex"
    ),
    "the share is deleted": lambda admin: admin.provider.shares.delete(admin.context, "acme"),
    "the recipient is deleted": lambda admin: admin.provider.recipients.delete(admin.context, "globex"),
    "the token is rotated away": lambda admin: admin.provider.recipients.rotate_token(
        admin.context, "globex", existing_expires_in=timedelta(0)
    ),
    "the model leaves the share": lambda admin: admin.provider.shares.remove(
        admin.context, "acme", "ml_team.scorer"
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_urls_end_at_once_when(shared: Shared, ending: str) -> None:
    urls = await shared.urls()
    good = [await get(urls[path]) for path in ("small", "chunk maps")]
    await ENDINGS[ending](shared.admin)
    ended = [await get(urls[path]) for path in ("small", "chunk maps")]
    assert [status for status, _, _ in good + ended] == [200, 200, 403, 403]
    assert {json.loads(body)["errorCode"] for _, body, _ in ended} == {"PERMISSION_DENIED"}


async def test_granting_again_does_not_revive_old_urls(shared: Shared) -> None:
    url = (await shared.urls())["small"]
    await shared.admin.provider.share_permissions.revoke(shared.admin.context, "acme", "globex")
    await shared.admin.provider.share_permissions.grant(shared.admin.context, "acme", "globex")
    assert (await get(url))[0] == 403
    assert (await get((await shared.urls())["small"]))[0] == 200


@pytest.mark.parametrize("big", [b"w" * 24 * 1024 * 1024], ids=["24 MiB"])
async def test_a_transfer_in_flight_is_cut_within_seconds(shared: Shared, big: bytes) -> None:
    transfer = await SlowDownload.begin((await shared.urls())["big"])
    await shared.admin.provider.share_permissions.revoke(shared.admin.context, "acme", "globex")
    assert await transfer.ends(within_seconds=PATIENCE) < len(big)
