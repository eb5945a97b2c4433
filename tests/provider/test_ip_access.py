"""A recipient's credentials work from the networks in its IP access list, and from nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome
from model_sharing_provider.governance.addresses import MAX_NETWORKS, allows, check_networks
from model_sharing_provider.http.urls import ACTIVATION_PATH, ACTIVATION_PREFIX
from model_sharing_provider.services.registry.updates import NO_CHANGE
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.network.slow_download import SlowDownload
from support.patience import PATIENCE

HOME, ELSEWHERE = "127.0.0.1", "127.0.0.2"
VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"


@dataclass(frozen=True)
class Globex:
    """A recipient that is let in from HOME alone, and calls from wherever it is told to."""

    admin: AdminClient
    endpoint: str
    code: str

    @property
    def link(self) -> str:
        return self.endpoint.removesuffix(PREFIX) + f"{ACTIVATION_PATH}/{self.code}"

    async def activate(self) -> str:
        status, body = await call(self.link, HOME)
        assert status == 200
        return str(json.loads(body)["bearerToken"])

    async def ask(self, path: str, token: str, address: str, method: str = "GET") -> tuple[int, bytes]:
        return await call(self.endpoint + path, address, method, token)

    async def url(self, token: str, path: str) -> str:
        status, body = await self.ask(f"{VERSION}/query", token, HOME, "POST")
        assert status == 200
        files = [json.loads(line)["file"] for line in body.splitlines()[2:]]
        return {str(file["path"]): str(file["url"]) for file in files}[path]

    async def let_in_from(self, *networks: str) -> None:
        await self.admin.provider.recipients.update(self.admin.context, "globex", NO_CHANGE, networks)

    async def last_event(self) -> AuditEvent:
        (event,) = await self.admin.provider.audit.latest(self.admin.context, 1)
        return event


async def call(url: str, address: str, method: str = "GET", token: str = "") -> tuple[int, bytes]:
    """A request that comes from `address` of this machine."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.request(method, url) as answer,
    ):
        return answer.status, await answer.read()


@pytest.fixture
def weights() -> bytes:
    return b"weights"


@pytest.fixture
async def globex(admin: AdminClient, endpoint: str, tmp_path: Path, weights: bytes) -> Globex:
    await admin.register(write_model(tmp_path / "m", {"weights": weights}), "prod.ml_team.scorer")
    globex = Globex(admin, endpoint, await admin.share("acme", "globex", "prod.ml_team.scorer"))
    await globex.let_in_from(HOME)
    return globex


async def test_tokens_are_good_at_home_only(globex: Globex) -> None:
    token = await globex.activate()
    assert (await globex.ask("/shares", token, HOME))[0] == 200
    for path, method in (("/shares", "GET"), (VERSION, "GET"), (f"{VERSION}/query", "POST")):
        status, body = await globex.ask(path, token, ELSEWHERE, method)
        assert (status, json.loads(body)["errorCode"]) == (403, "PERMISSION_DENIED")
        assert ELSEWHERE in json.loads(body)["message"]
        event = await globex.last_event()
        assert (event.outcome, event.target.recipient, event.caller.address) == (
            Outcome.DENIED,
            "globex",
            ELSEWHERE,
        )
        assert "IP access list" in event.reason


async def test_activation_links_are_good_at_home_only_and_are_not_used_up_elsewhere(globex: Globex) -> None:
    info = globex.link.replace(ACTIVATION_PATH, f"{ACTIVATION_PREFIX}/data_sharing_activation_info")
    for url in (globex.link, info):
        assert (await call(url, ELSEWHERE))[0] == 403
        event = await globex.last_event()
        assert (event.outcome, event.target.recipient) == (Outcome.DENIED, "globex")
        assert "IP access list" in event.reason
    assert (await call(info, HOME))[0] == 200
    assert await globex.activate()


async def test_signed_urls_are_good_at_home_only(globex: Globex) -> None:
    url = await globex.url(await globex.activate(), "MLmodel")
    assert (await call(url, HOME))[0] == 200
    status, body = await call(url, ELSEWHERE)
    assert (status, json.loads(body)["errorCode"]) == (403, "PERMISSION_DENIED")
    event = await globex.last_event()
    assert (event.action, event.outcome, event.target.recipient) == (
        AuditAction.GET_FILE,
        Outcome.DENIED,
        "globex",
    )


async def test_a_changed_list_holds_at_once(globex: Globex) -> None:
    token = await globex.activate()
    url = await globex.url(token, "MLmodel")
    await globex.let_in_from(ELSEWHERE, "2001:db8::/32")
    assert (await globex.ask("/shares", token, HOME))[0] == (await call(url, HOME))[0] == 403
    assert (await globex.ask("/shares", token, ELSEWHERE))[0] == (await call(url, ELSEWHERE))[0] == 200
    await globex.let_in_from("127.0.0.0/8")
    for address in (HOME, ELSEWHERE):
        assert (await globex.ask("/shares", token, address))[0] == 200
    await globex.let_in_from("10.0.0.0/8")
    assert (await globex.ask("/shares", token, HOME))[0] == 403
    await globex.let_in_from()
    for address in (HOME, ELSEWHERE):
        assert (await globex.ask("/shares", token, address))[0] == (await call(url, address))[0] == 200


@pytest.mark.parametrize("weights", [b"w" * 24 * 1024 * 1024], ids=["24 MiB"])
async def test_a_transfer_in_flight_is_cut_when_its_address_is_no_longer_let_in(
    globex: Globex, weights: bytes
) -> None:
    transfer = await SlowDownload.begin(await globex.url(await globex.activate(), "weights"))
    await globex.let_in_from(ELSEWHERE)
    assert await transfer.ends(within_seconds=PATIENCE) < len(weights)


async def test_a_list_that_cannot_be_used_is_refused_and_changes_nothing(globex: Globex) -> None:
    recipients, context = globex.admin.provider.recipients, globex.admin.context
    too_many = [f"10.0.0.{number}" for number in range(MAX_NETWORKS + 1)]
    for networks, why in (
        (too_many, "at most 100 entries; this has 101"),
        (["10.0.0.0/8", "everywhere"], "'everywhere' does not appear to be"),
        (["10.0.0.1/8"], "has host bits set"),
        (["10.0.0.0/33"], "10.0.0.0/33"),
        (["10.0.0"], r"10\.0\.0"),
        (["2001:db8::/129"], "2001:db8::/129"),
        ([""], "cannot be used"),
    ):
        with pytest.raises(InvalidParameter, match=why):
            await recipients.update(context, "globex", NO_CHANGE, networks)
        with pytest.raises(InvalidParameter, match=why):
            await recipients.create(context, "initech", ip_access_list=networks)
    found, _ = await recipients.get(context, "globex")
    assert found.ip_access_list == (f"{HOME}/32",)
    await globex.let_in_from(*too_many[:MAX_NETWORKS])
    assert len((await recipients.get(context, "globex"))[0].ip_access_list) == MAX_NETWORKS


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.0.0.7", "10.0.0.7", "10.0.0.8"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ("::ffff:10.0.0.7", "10.0.0.7", "10.0.0.8"),
        ("::ffff:10.0.0.0/104", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
        ("2001:0DB8:0000::0001", "2001:db8::1", "2001:db8::2"),
        ("fe80::/10", "fe80::1%eth0", "fec0::1%eth0"),
        ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ("::/0", "2001:db8::1", "203.0.113.9"),
    ],
)
def test_addresses_in_all_their_forms(network: str, inside: str, outside: str) -> None:
    (checked,) = check_networks([network])
    assert allows([checked], inside)
    assert not allows([checked], outside)
    assert check_networks([checked]) == (checked,)


def test_no_list_lets_everybody_in_and_a_list_nobody_without_an_address() -> None:
    assert allows([], "")
    assert allows([], "203.0.113.9")
    for nowhere in ("", "unknown", "10.0.0.1, 10.0.0.2"):
        assert not allows(["0.0.0.0/0", "::/0"], nowhere)
